"""Figures that only the Guide has: a run of gradient descent with momentum, and meta-losses as bars."""

import numpy as np
import plotly.graph_objects as go

from app.shared.catalog import TITLES
from app.shared.numbers import plus_minus
from app.shared.style import LEAST_LOSS, OPTIMIZER_COLORS, Theme, figure, finite, line
from core.evaluation.held_out import Evaluation

HIGHEST = 1e3  # the axis ends here


def descent_figure(theme: Theme, losses: np.ndarray, velocity: np.ndarray) -> go.Figure:
    """Loss and speed of a run, log scale.

    Args:
        theme: light or dark.
        losses: f(x_k), [K + 1].
        velocity: of the flat and the steep direction, [K + 1, 2].
    """
    steps = np.arange(len(losses))
    traces = []
    share = np.clip(finite(losses / losses[0]), 1e-6, HIGHEST)
    for values, name, dash in zip(np.abs(velocity).T, ("flat", "steep"), ("dash", "dot"), strict=True):
        shown = np.where(values > LEAST_LOSS, np.clip(finite(values), 1e-6, HIGHEST), np.nan)
        text = f"size of v, {name} direction: %{{y}} at step %{{x}}<extra></extra>"
        traces.append(line(steps, shown, theme.muted, f"|v|, {name}", width=1.2, dash=dash, hovertemplate=text))
    text = "loss / first loss: %{y} at step %{x}<extra></extra>"
    traces.append(line(steps, share, OPTIMIZER_COLORS["momentum"], "loss / first loss", width=2.6, hovertemplate=text))
    y = {"title": "loss / first loss, |v|", "type": "log", "range": [-6, 3]}
    made = figure(theme, "descent", {"title": "inner step", "zeroline": False}, y, traces)
    made.layout.showlegend = True
    made.layout.legend = {"x": 1, "y": 1, "xanchor": "right", "bgcolor": "rgba(0,0,0,0)", "font": {"size": 10.5}}
    return made


def bars_figure(theme: Theme, evaluation: Evaluation) -> go.Figure:
    """Mean meta-loss of every optimizer with one standard error, the best at the top; those that diverged are listed at the bottom."""
    means = {name: score.meta_loss.mean for name, score in evaluation.optimizers.items()}
    places = {name: np.inf if mean is None else mean for name, mean in means.items()}
    order = sorted(places, key=lambda name: places[name], reverse=True)
    errors = [evaluation.optimizers[name].meta_loss.sem or 0.0 for name in order]
    texts = [plus_minus(means[name], evaluation.optimizers[name].meta_loss.sem) for name in order]
    labels = [TITLES[name] if means[name] is not None else f"{TITLES[name]} (diverged)" for name in order]
    bars = go.Bar(
        x=[means[name] or 0.0 for name in order],
        y=labels,
        orientation="h",
        marker={"color": [OPTIMIZER_COLORS[name] for name in order]},
        error_x={"type": "data", "array": errors, "color": theme.text, "thickness": 1.4, "width": 4},
        customdata=texts,
        hovertemplate="%{y}: %{customdata}<extra></extra>",
        name="meta-loss",
    )
    x = {"title": "mean meta-loss (lower is better)", "rangemode": "tozero"}
    return figure(theme, f"bars/{evaluation.task}", x, {"showgrid": False}, [bars])
