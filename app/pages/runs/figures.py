"""Figures of several outer trainings: their curves, and the performance by each value of a setting."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.pages.runs.data import RunSummary, text_of
from app.shared.catalog import called
from app.shared.numbers import number, plus_minus
from app.shared.style import LEARNED_COLORS, Theme, component_colors, figure, line, log_axis


def colors_of(values: Sequence[Any], theme: Theme) -> dict[str, str]:
    """A colour for each value of a setting, in their order (viridis)."""
    if len(values) < 2:
        return {text_of(value): LEARNED_COLORS[0] for value in values}
    return dict(zip(map(text_of, values), component_colors(len(values), theme), strict=True))


def _level(run: RunSummary) -> str:
    return f"{plus_minus(*run.held_out)} held out" if run.held_out else f"{number(run.training)} in training"


def curves_figure(
    summaries: Sequence[RunSummary],
    curves: Mapping[str, np.ndarray],
    axis: str,
    values: Sequence[Any],
    theme: Theme,
    scale: str = "log",
) -> go.Figure:
    """Training meta-loss (running medians) over outer steps, one line for each run, coloured by a setting."""
    colors = colors_of(values, theme)
    traces = []
    for run in summaries:
        if run.name not in curves:
            continue
        value = text_of(run.settings.get(axis)) if axis else ""
        title = called(run.task, run.name)
        text = f"{title}{f', {axis} {value}' if axis else ''}: %{{y}}<extra></extra>"
        color = colors.get(value, LEARNED_COLORS[0])
        steps, losses = curves[run.name]
        traces.append(line(steps, losses, color, title, width=1.8, hovertemplate=text, legendgroup=run.name))
    every = np.concatenate([curve[1] for curve in curves.values()] or [np.empty(0)])
    y = {"title": "meta-loss in training", **(log_axis(every) if scale == "log" else {"rangemode": "tozero"})}
    made = figure(theme, f"runs/{scale}", {"title": "outer step", "zeroline": False}, y, traces)
    return made.update_layout(hovermode="x unified")  # one box tells every run's value


def levels_figure(
    summaries: Sequence[RunSummary], axis: str, values: Sequence[Any], theme: Theme, scale: str = "log"
) -> go.Figure:
    """The performance by each value of a setting: one dot for each run, and the mean over runs of a value with its standard error."""
    colors = colors_of(values, theme)
    names = [text_of(value) for value in values] if axis else [run.name for run in summaries]
    at, levels, hues, texts = [], [], [], []
    means, errors = [], []
    for place, name in enumerate(names):
        mine = [
            run
            for run in summaries
            if (text_of(run.settings.get(axis)) if axis else run.name) == name and run.level is not None
        ]
        own = np.array([run.level for run in mine], dtype=float)
        spread = 0.18 * (np.arange(len(mine)) - (len(mine) - 1) / 2) / max(1, len(mine) - 1)
        at += list(place + spread)
        levels += list(own)
        hues += [colors.get(name, LEARNED_COLORS[0])] * len(mine)
        texts += [f"{called(run.task, run.name)}: {_level(run)}" for run in mine]
        means.append(float(own.mean()) if len(own) else np.nan)
        errors.append(float(own.std(ddof=1) / np.sqrt(len(own))) if len(own) > 1 else 0.0)
    mean = go.Scatter(
        x=np.arange(len(names)),
        y=means,
        error_y={"type": "data", "array": errors, "color": theme.text, "thickness": 1.4, "width": 5},
        mode="lines+markers" if axis != "seed" else "markers",
        marker={"symbol": "line-ew", "size": 22, "color": theme.text, "line": {"width": 2, "color": theme.text}},
        line={"color": theme.muted, "width": 1},
        name="mean ± s.e.",
        hovertemplate="mean %{y}<extra></extra>",
    )
    marker = {"size": 9, "color": hues, "line": {"width": 1, "color": theme.surface}}
    dots = go.Scatter(
        x=at, y=levels, mode="markers", marker=marker, text=texts, name="runs", hovertemplate="%{text}<extra></extra>"
    )
    x = {
        "title": axis.replace("_", " "),
        "tickvals": list(range(len(names))),
        "ticktext": names if axis else [called(run.task, run.name) for run in summaries],
        "range": [-0.5, len(names) - 0.5],
        "zeroline": False,
    }
    y = {
        "title": "meta-loss",
        **(
            log_axis(np.array([*levels, *(np.array(means) - errors), *(np.array(means) + errors)]))
            if scale == "log"
            else {"rangemode": "tozero"}
        ),
    }
    return figure(theme, "runs", x, y, [mean, dots])
