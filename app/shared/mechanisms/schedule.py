"""The learning-rate schedule: the autonomous trajectory and what it does to the learning rate."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.shared.mechanisms.portrait import Portrait, components, empty, lit, moving, padded, spread, star, symlog_axis
from app.shared.style import component_colors, figure, finite, line, viridis


def schedule_path(p: Portrait) -> go.Figure:
    """The autonomous trajectory, coloured by step."""
    if "path" not in p.bundle.arrays:
        return empty(p, "no state that could drift")
    path = p.array("path")
    steps = np.arange(len(path))
    marker = {
        "size": 6,
        "color": steps,
        "colorscale": viridis(p.theme),
        "colorbar": {
            "title": {"text": "step", "side": "right"},
            "thickness": 10,
            "outlinewidth": 0,
            "tickfont": {"size": 10},
        },
    }
    traces: list[Any] = [
        line(path[:, 0], path[:, 1], p.theme.line, "path", width=1, hoverinfo="skip"),
        go.Scatter(
            x=finite(path[:, 0]),
            y=finite(path[:, 1]),
            mode="markers",
            marker=marker,
            name="steps",
            customdata=steps,
            hovertemplate="step %{customdata}<extra></extra>",
        ),
    ]
    if "fixed_point" in p.bundle.arrays:
        fixed_point = p.array("fixed_point")
        traces.append(star(p, fixed_point[0], fixed_point[1], "fixed point h*"))
    traces.append(lit(p))
    titles = components(p.bundle.about["explained"])
    return figure(p.theme, p.key, {"title": titles[0]}, {"title": titles[1]}, traces)


def schedule_rate(p: Portrait) -> go.Figure:
    """The effective learning rate along the autonomous trajectory: the schedule."""
    rates = p.array("rates")
    steps = np.arange(len(rates))
    traces = [
        line(
            steps,
            finite(rates),
            p.color,
            "schedule",
            width=2.2,
            customdata=steps,
            hovertemplate="step %{x}: %{y:.4g}<extra></extra>",
        ),
        lit(p),
    ]
    y: dict[str, Any] = {"title": "effective learning rate", "rangemode": "tozero"}
    positive = rates[np.isfinite(rates) & (rates > 0)]
    if len(positive) and positive.max() > 50 * positive.min():
        y = {"title": "effective learning rate", "type": "log", "dtick": 1}
    return figure(p.theme, p.key, {"title": "autonomous step", "range": [-3, len(rates) + 2]}, y, traces)


def schedule_update(p: Portrait) -> go.Figure:
    """The update function at the scrubbed step, over those of every twentieth."""
    gradients, updates = spread(p, p.array("gradients")), p.array("updates")
    shown = range(0, len(updates), 20)
    colors = component_colors(len(updates), p.theme)
    traces = [
        line(gradients, finite(updates[k]), colors[k], f"step {k}", width=1, opacity=0.6, hoverinfo="skip")
        for k in shown
    ]
    traces.append(moving(p.color))
    reach = float(np.abs(p.array("gradients")).max())
    kept = updates[list(shown)]
    return figure(p.theme, p.key, symlog_axis(p, reach), {"title": "update", "range": padded(kept)}, traces)
