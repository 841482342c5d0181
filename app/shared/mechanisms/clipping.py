"""Gradient clipping: the update function over the gradients met, and its slope."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.shared.mechanisms.portrait import MOVING, Portrait, padded, spread, symlog_axis
from app.shared.style import figure, finite, line


def clipping_update(p: Portrait) -> go.Figure:
    """Update functions at h₀ and h* over the density of the gradients met."""
    gradients, updates = p.array("gradients"), p.array("updates")
    edges, density = spread(p, p.array("edges")), p.array("density")
    x = spread(p, gradients)
    steps_x, steps_y = np.repeat(edges, 2)[1:-1], np.repeat(density, 2)
    drawn = updates[np.isfinite(updates)]
    low, high = padded(drawn)
    height = steps_y / max(steps_y.max(), 1e-12) * 0.32 * (high - low) + low
    floor = np.full_like(height, low)
    fill = go.Scatter(
        x=np.concatenate([steps_x, steps_x[::-1]]),
        y=np.concatenate([height, floor]),
        fill="toself",
        fillcolor=p.theme.fill,
        line={"width": 0},
        name="density",
        hoverinfo="skip",
    )
    traces: list[Any] = [fill]
    for name, update, dash in zip(p.bundle.about["states"], updates, ("dot", "solid"), strict=False):
        text = f"at {name}: gradient %{{customdata:.3g}}, update %{{y:.3g}}<extra></extra>"
        traces.append(
            line(x, finite(update), p.color, f"at {name}", width=2, dash=dash, customdata=gradients, hovertemplate=text)
        )
    traces.append(line(np.array([]), np.array([]), p.theme.text, MOVING, width=1.6, dash="dash", hoverinfo="skip"))
    reach = float(np.abs(gradients).max())
    return figure(p.theme, p.key, symlog_axis(p, reach), {"title": "update", "range": [low, high]}, traces)


def clipping_slope(p: Portrait) -> go.Figure:
    """The local learning rate −∂u/∂g as a share of that at 0, over the size of the gradient."""
    sizes, slopes, start = p.array("sizes"), p.array("slopes"), p.array("slope_at_zero")
    traces: list[Any] = []
    for name, at_zero, sides, dash in zip(p.bundle.about["states"], start, slopes, ("dot", "solid"), strict=False):
        for side, values, opacity in zip(("g > 0", "g < 0"), sides / at_zero, (1.0, 0.45), strict=True):
            text = f"at {name}, {side}: %{{y:.3g}} of the slope at 0, |g| = %{{x:.3g}}<extra></extra>"
            style = {"width": 2, "dash": dash, "opacity": opacity, "hovertemplate": text}
            traces.append(line(sizes, finite(values), p.color, f"at {name}, {side}", **style))
    half = line(sizes[[0, -1]], np.array([0.5, 0.5]), p.theme.muted, "half", width=1, dash="dash", hoverinfo="skip")
    traces += [half, line(np.array([]), np.array([]), p.theme.text, MOVING, width=1.6, dash="dash", hoverinfo="skip")]
    x = {"title": "size of the gradient", "type": "log", "range": np.log10(sizes[[0, -1]]).tolist(), "dtick": 1}
    return figure(p.theme, p.key, x, {"title": "slope / slope at 0", "range": [-0.15, 1.6]}, traces)
