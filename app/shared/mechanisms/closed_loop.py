"""The closed loop: how fast an optimizer converges at each curvature, and where its loss goes flat."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.shared.mechanisms.drawing import KEY, Common, MechanismDrawing, empty, lit, moving, others
from app.shared.mechanisms.frames import LIT, MOVING, Along, Frames, Moving
from app.shared.mechanisms.mechanism import Mechanism, MechanismFigure, References
from app.shared.numbers import fraction, number
from app.shared.style import Theme, figure, finite, line
from core.bundle import Bundle
from core.mechanisms.closed_loop import closed_loop_view

TOP = 1.25  # factors a step beyond end the axis
LEAST = 1e-12


def _limit(value: float, name: str, x: np.ndarray, theme: Theme, dash: str) -> go.Scatter:
    text = f"{name}: {number(value)}<extra></extra>"
    return line(x, np.full(len(x), value), theme.text, name, width=1.1, dash=dash, hovertemplate=text)


def _rate(p: MechanismDrawing) -> go.Figure:
    """The factor by which the distance to the minimum shrinks with a step, over the curvature, above the task's density of curvatures."""
    if "rates" not in p.bundle.arrays:
        return empty(p, p.bundle.about["report"]["reason"])
    x, rates, report = p.array("curvatures"), p.array("rates"), p.bundle.about["report"]
    lowest = [rates[np.isfinite(rates)].min(initial=1.0), report["heavy_ball"]]
    lowest += [np.nanmin(bundle.arrays["rates"]) for bundle, _ in p.baselines.values() if "rates" in bundle.arrays]
    bottom = max(0.0, float(min(lowest)) - 0.05)
    edges, density = p.array("edges"), p.array("density")
    steps_x, steps_y = np.repeat(edges, 2)[1:-1], np.repeat(density, 2)
    height = bottom + steps_y / max(steps_y.max(), 1e-12) * 0.25 * (TOP - bottom)
    fill = go.Scatter(
        x=np.concatenate([steps_x, steps_x[::-1]]),
        y=np.concatenate([height, np.full_like(height, bottom)]),
        fill="toself",
        fillcolor=p.theme.fill,
        line={"width": 0},
        name="curvatures of the task",
        hoverinfo="skip",
    )
    ends = edges[[0, -1]]
    traces: list[Any] = [
        fill,
        _limit(report["gradient_descent"], "best gradient descent", ends, p.theme, "dot"),
        _limit(report["heavy_ball"], "best momentum", ends, p.theme, "dash"),
        line(x[[0, -1]], np.ones(2), p.theme.muted, "no convergence above", width=1, hoverinfo="skip"),
    ]
    for name, (bundle, color) in p.baselines.items():
        if "rates" in bundle.arrays:
            text = f"{name}: %{{y:.4f}} per step at curvature %{{x}}<extra></extra>"
            values = finite(bundle.arrays["rates"].astype(float))
            traces.append(
                line(
                    bundle.arrays["curvatures"].astype(float),
                    values,
                    color,
                    name,
                    width=1.5,
                    dash="dot",
                    hovertemplate=text,
                )
            )
    text = "%{y:.4f} per step at curvature %{x}<extra></extra>"
    own = line(x, finite(rates), p.color, "this optimizer", width=2.8, hovertemplate=text, customdata=np.arange(len(x)))
    traces += [own, lit(p)]
    for trace in traces:
        trace.showlegend = trace.name not in (LIT, "no convergence above")
    axis = {"title": "curvature λ", "type": "log", "range": np.log10(x[[0, -1]]).tolist()}
    made = figure(p.theme, p.key, axis, {"title": "factor per step", "range": [bottom, TOP]}, traces)
    return made.update_layout(showlegend=True, legend=KEY)


def _descent(p: MechanismDrawing) -> go.Figure:
    """The distance to the minimum over the steps at the chosen curvature, over those at every tenth."""
    if "descent" not in p.bundle.arrays:
        return empty(p, p.bundle.about["report"]["reason"])
    descent = np.maximum(p.array("descent"), LEAST)
    steps = np.arange(descent.shape[1])
    traces: list[Any] = [*others(p, steps, descent, "other curvatures", 0.45)]
    traces.append(moving(p.color))
    y = {"title": "distance to the minimum / first", "type": "log", "range": [-8, 2]}
    return figure(p.theme, p.key, {"title": "inner step", "zeroline": False}, y, traces)


def _rate_caption(bundle: Bundle, references: References) -> list[str]:
    report = bundle.about["report"]
    drawn = "Optimizer and quadratic together are one linear system; drawn is its spectral radius: the factor by which the distance to the minimum shrinks with a step near the end, over the curvature. Grey: the curvatures of the task."
    return [drawn, *report["sentences"]] if not report["reason"] else list(report["sentences"])


def _descent_caption(bundle: Bundle, references: References) -> list[str]:
    report = bundle.about["report"]
    if report["reason"]:
        return list(report["sentences"])
    return [
        "The distance to the minimum of a quadratic from the first step on, so that the schedule counts (bold: the curvature of the slider; thin: others). It is the product of the loop's matrices along the autonomous path.",
        "What this leaves out is everything that is not linear: clipping, adaptation, and the bias at rest.",
    ]


def _frames(bundle: Bundle, common: Common) -> Frames:
    """The chosen curvature."""
    if "rates" not in bundle.arrays:
        return Frames({}, {"mode": [], "position": ["no closed loop"]})
    arrays = {name: values.astype(np.float64) for name, values in bundle.arrays.items()}
    x, rates, descent = arrays["curvatures"], arrays["rates"], np.maximum(arrays["descent"], LEAST)
    figures = {
        "rate": {LIT: Moving(Along(x[:, None], ("position",)), Along(np.minimum(rates, TOP)[:, None], ("position",)))},
        "descent": {MOVING: Moving(Along(np.arange(descent.shape[1])), Along(descent, ("position",)))},
    }
    texts = [
        f"λ = {number(value)}, factor {fraction(rate) if np.isfinite(rate) else 'unknown'} per step"
        for value, rate in zip(x.tolist(), rates.tolist(), strict=True)
    ]
    return Frames(figures, {"mode": [], "position": texts})


CLOSED_LOOP = Mechanism(
    "closed_loop",
    "Closed loop",
    closed_loop_view,
    (
        MechanismFigure("rate", "Convergence rate over curvature", _rate, _rate_caption, points_at="position"),
        MechanismFigure("descent", "Descent at a curvature", _descent, _descent_caption),
    ),
    _frames,
    handle="Curvature",
    at_typical_moment=True,
    beside=("momentum",),
)
