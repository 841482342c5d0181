"""Gradient clipping: the update function over the observed gradients, and its slope."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.shared.mechanisms.drawing import Common, MechanismDrawing, padded, spread, symlog_axis
from app.shared.mechanisms.frames import MOVING, Along, Frames, Moving
from app.shared.mechanisms.mechanism import Mechanism, MechanismFigure, References
from app.shared.numbers import counted, number
from app.shared.style import figure, finite, line
from core.bundle import Bundle
from core.mechanisms.clipping import clipping_view
from core.mechanisms.saturation import Saturation

THRESHOLDS = 201  # positions of the slider for which the clipped line is computed
INSIDE = 41  # points of the clipped line between them


def _threshold(p: MechanismDrawing) -> go.Scatter:
    """Gradient descent that clips at the threshold of the slider."""
    empty = np.array([])
    return line(empty, empty, p.theme.text, MOVING, width=1.6, dash="dash", hoverinfo="skip", showlegend=False)


def _update(p: MechanismDrawing) -> go.Figure:
    """Update functions at h₀ and h* over the density of the observed gradients."""
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
    written = [number(one) for one in gradients.tolist()]
    for name, update, dash in zip(p.bundle.about["states"], updates, ("dot", "solid"), strict=False):
        text = f"at {name}: gradient %{{text}}, update %{{y}}<extra></extra>"
        traces.append(
            line(x, finite(update), p.color, f"at {name}", width=2, dash=dash, text=written, hovertemplate=text)
        )
    traces.append(_threshold(p))
    return figure(p.theme, p.key, symlog_axis(p), {"title": "update", "range": [low, high]}, traces)


def _slope(p: MechanismDrawing) -> go.Figure:
    """The local slope −∂u/∂g relative to that at 0, over the size of the gradient."""
    sizes, slopes, start = p.array("sizes"), p.array("slopes"), p.array("slope_at_zero")
    traces: list[Any] = []
    for name, at_zero, sides, dash in zip(p.bundle.about["states"], start, slopes, ("dot", "solid"), strict=False):
        for side, values, opacity in zip(("g > 0", "g < 0"), sides / at_zero, (1.0, 0.45), strict=True):
            text = f"at {name}, {side}: %{{y}} of the slope at 0, |g| = %{{x}}<extra></extra>"
            style = {"width": 2, "dash": dash, "opacity": opacity, "hovertemplate": text}
            traces.append(line(sizes, finite(values), p.color, f"at {name}, {side}", **style))
    half = line(sizes[[0, -1]], np.array([0.5, 0.5]), p.theme.muted, "half", width=1, dash="dash", hoverinfo="skip")
    traces += [half, _threshold(p)]
    x = {"title": "size of the gradient", "type": "log", "range": np.log10([p.common.low, p.common.reach]).tolist()}
    return figure(p.theme, p.key, x, {"title": "slope / slope at 0", "range": [-0.15, 1.6]}, traces)


def half_slopes(bundle: Bundle) -> list[float | None]:
    """|g| at which the slope falls to half of that at 0, on the nearer side, at each state; None if it never does."""
    return [Saturation.model_validate(one).nearest for one in bundle.about["saturation"]]


def _update_caption(bundle: Bundle, references: References) -> list[str]:
    """Under the update function over the gradients."""
    updates = bundle.arrays["updates"].astype(float)
    name, last = bundle.about["states"][-1], np.abs(updates[-1])
    sentences = [
        "The update function at h₀ (dotted) and h* (solid) over the density of the observed gradients. The dashed line is clipped gradient descent with the same slope; drag the slider to move its threshold.",
        f"At {name} the largest update drawn is {number(float(last.max()))}, for gradients up to {number(3 * bundle.about['largest'])}.",
    ]
    if bundle.about["nonfinite"]:
        sentences.append(f"{counted(bundle.about['nonfinite'], 'gradient')} observed are not finite and are not drawn.")
    return sentences


def _slope_caption(bundle: Bundle, references: References) -> list[str]:
    """Under the slope."""
    if not bundle.about["smooth"]:
        return [
            "The local slope −∂u/∂g relative to the secant over the typical gradient, since the update jumps at gradient 0.",
            "A gradient at which the slope halves does not apply: the update jumps at 0.",
        ]
    parts = []
    shares = [one["share_beyond"] for one in bundle.about["saturation"]]
    for name, half, beyond in zip(bundle.about["states"], half_slopes(bundle), shares, strict=True):
        if half is None:
            parts.append(f"at {name} the slope never halves")
        else:
            parts.append(
                f"at {name} it halves at |g| = {number(half)}, and {number(100 * beyond)} % of the observed gradients are larger"
            )
    return [
        "The local slope −∂u/∂g relative to that at 0. Clipping is a fall from 1 towards 0 (for clipped gradient descent, a sudden drop).",
        "; ".join(parts).capitalize() + ".",
        *bundle.about.get("counters", []),
    ]


def _frames(bundle: Bundle, common: Common) -> Frames:
    """Gradient descent that clips at the threshold of the slider (the same on both sides), with the slope of the optimizer at its last state."""
    arrays = {name: values.astype(np.float64) for name, values in bundle.arrays.items()}
    first, largest, slope = common.low, common.reach, arrays["slope_at_zero"][-1]
    thresholds = np.geomspace(first, largest, THRESHOLDS)[:, None]
    inside = np.linspace(-1, 1, INSIDE) * thresholds
    ends = np.broadcast_to([[largest]], thresholds.shape)
    gradients = np.concatenate([-ends, inside, ends], axis=1)
    clipped = -slope * np.clip(gradients, -thresholds, thresholds)
    x = np.arcsinh(gradients / common.scale)
    corners = np.concatenate([np.full_like(thresholds, first), thresholds, thresholds, ends], axis=1)
    figures = {
        "update": {MOVING: Moving(Along(x, ("position",)), Along(clipped, ("position",)))},
        "slope": {MOVING: Moving(Along(corners, ("position",)), Along(np.array([1.0, 1.0, 0.0, 0.0])))},
    }
    return Frames(figures, {"mode": [], "position": [f"|g| = {number(size)}" for size in thresholds[:, 0].tolist()]})


CLIPPING = Mechanism(
    "clipping",
    "Gradient clipping",
    clipping_view,
    (
        MechanismFigure("update", "Update function", _update, _update_caption),
        MechanismFigure("slope", "Local slope", _slope, _slope_caption),
    ),
    _frames,
    handle="Clip gradients at",
)
