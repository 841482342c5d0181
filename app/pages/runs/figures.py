"""Many outer trainings in one figure: their curves, and what each value of a setting leads to."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.pages.runs.data import RunSummary, text_of
from app.shared.style import LEARNED_COLORS, Theme, component_colors, figure, line, plain_log_axis


def colors_of(values: Sequence[Any], theme: Theme) -> dict[str, str]:
    """A colour for each value of a setting, in their order (viridis)."""
    if len(values) < 2:
        return {text_of(value): LEARNED_COLORS[0] for value in values}
    return dict(zip(map(text_of, values), component_colors(len(values), theme), strict=True))


def curves_figure(told: Sequence[RunSummary], axis: str, values: Sequence[Any], theme: Theme) -> go.Figure:
    """Training meta-loss (running medians) over outer steps, one line a run, coloured by a setting."""
    colors = colors_of(values, theme)
    traces = []
    for one in told:
        value = text_of(one.settings.get(axis)) if axis else ""
        text = f"{one.name}{f', {axis} {value}' if axis else ''}: %{{y:.3g}} at outer step %{{x:,}}<extra></extra>"
        color = colors.get(value, LEARNED_COLORS[0])
        steps, losses = one.curve
        traces.append(line(steps, losses, color, one.name, width=1.8, hovertemplate=text, legendgroup=one.name))
    every = np.concatenate([one.curve[1] for one in told] or [np.empty(0)])
    y = {"title": "meta-loss in training (running median)", **plain_log_axis(every)}
    return figure(theme, "runs", {"title": "outer step"}, y, traces)


def levels_figure(told: Sequence[RunSummary], axis: str, values: Sequence[Any], theme: Theme) -> go.Figure:
    """What each value of a setting leads to: one dot a run, and the mean over runs of one value with its standard error."""
    colors = colors_of(values, theme)
    names = [text_of(value) for value in values] or [""]
    at, levels, hues, texts = [], [], [], []
    means, errors = [], []
    for place, name in enumerate(names):
        mine = [
            one for one in told if (text_of(one.settings.get(axis)) if axis else "") == name and one.level is not None
        ]
        found = np.array([one.level for one in mine], dtype=float)
        spread = 0.18 * (np.arange(len(mine)) - (len(mine) - 1) / 2) / max(1, len(mine) - 1)
        at += list(place + spread)
        levels += list(found)
        hues += [colors.get(name, LEARNED_COLORS[0])] * len(mine)
        texts += [f"{one.name}: {one.level:.4g}{' held out' if one.held_out else ' in training'}" for one in mine]
        means.append(float(found.mean()) if len(found) else np.nan)
        errors.append(float(found.std(ddof=1) / np.sqrt(len(found))) if len(found) > 1 else 0.0)
    mean = go.Scatter(
        x=np.arange(len(names)),
        y=means,
        error_y={"type": "data", "array": errors, "color": theme.text, "thickness": 1.4, "width": 5},
        mode="lines+markers" if axis != "seed" else "markers",
        marker={"symbol": "line-ew", "size": 22, "color": theme.text, "line": {"width": 2, "color": theme.text}},
        line={"color": theme.muted, "width": 1},
        name="mean ± s.e.",
        hovertemplate="mean %{y:.4g}<extra></extra>",
    )
    marker = {"size": 9, "color": hues, "line": {"width": 1, "color": theme.surface}}
    dots = go.Scatter(
        x=at, y=levels, mode="markers", marker=marker, text=texts, name="runs", hovertemplate="%{text}<extra></extra>"
    )
    x = {
        "title": axis.replace("_", " "),
        "tickvals": list(range(len(names))),
        "ticktext": names,
        "range": [-0.5, len(names) - 0.5],
        "zeroline": False,
    }
    y = {
        "title": "meta-loss",
        **plain_log_axis(np.array([*levels, *(np.array(means) - errors), *(np.array(means) + errors)])),
    }
    return figure(theme, "runs", x, y, [mean, dots])
