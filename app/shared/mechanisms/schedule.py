"""The learning-rate schedule: the autonomous trajectory and the learning rate along it."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.shared.mechanisms.drawing import (
    Common,
    MechanismDrawing,
    components,
    empty,
    lit,
    moving,
    padded,
    spread,
    star,
    symlog_axis,
)
from app.shared.mechanisms.frames import LIT, MOVING, Along, Frames, Moving
from app.shared.mechanisms.mechanism import Mechanism, MechanismFigure, References
from app.shared.numbers import number
from app.shared.style import component_colors, figure, finite, line, log_axis, viridis
from core.bundle import Bundle
from core.mechanisms.schedule import schedule_view
from core.mechanisms.wording import listed


def _path(p: MechanismDrawing) -> go.Figure:
    """The autonomous trajectory, coloured by step."""
    if "path" not in p.bundle.arrays:
        return empty(p, "no state, so no drift")
    path = p.array("path")
    steps = np.arange(len(path))
    marker = {"size": 6, "color": np.log1p(steps), "colorscale": viridis(p.theme), **_until_rest(path)}
    traces: list[Any] = [
        line(path[:, 0], path[:, 1], p.theme.line, "path", width=1, hoverinfo="skip", showlegend=False),
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
    return figure(p.theme, p.key, {"title": titles[0], "nticks": 4}, {"title": titles[1]}, traces)


def _early_to_late(last: int) -> list[int]:
    """A few steps, closer together at first, and the last one."""
    return [step for step in (0, 1, 3, 10, 30, 100, 300, 1000) if step < 0.7 * last] + [last]


def _until_rest(path: np.ndarray) -> dict[str, Any]:
    """Colours from the first step to where the path [steps, 2] has come to rest, on a log scale: it moves most at first."""
    lengths = np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))
    if not len(lengths) or not lengths[-1] > 0:
        return {"cmin": 0.0, "cmax": 1.0}
    last = int(np.argmax(lengths >= 0.999 * lengths[-1])) + 1
    shown = _early_to_late(last)
    bar = {
        "title": {"text": "step", "side": "top"},
        "orientation": "h",
        "y": 1.0,
        "yanchor": "bottom",
        "ypad": 0,
        "thickness": 8,
        "outlinewidth": 0,
        "tickfont": {"size": 10},
        "tickvals": np.log1p(shown).tolist(),
        "ticktext": [str(step) for step in shown],
    }
    return {"cmin": 0.0, "cmax": float(np.log1p(last)), "colorbar": bar}


def _rate(p: MechanismDrawing) -> go.Figure:
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
            hovertemplate="step %{x}: %{y}<extra></extra>",
        ),
        lit(p),
    ]
    y: dict[str, Any] = {"title": "effective learning rate", "rangemode": "tozero"}
    positive = rates[np.isfinite(rates) & (rates > 0)]
    if len(positive) and "rates" in p.common.positive & p.common.wide:  # the same kind of axis on both sides
        y = {"title": "effective learning rate", **log_axis(positive)}
    return figure(
        p.theme, p.key, {"title": "autonomous step", "range": [-3, len(rates) + 2], "zeroline": False}, y, traces
    )


def _update(p: MechanismDrawing) -> go.Figure:
    """The update function at the scrubbed step, over those of a few others."""
    gradients, updates = spread(p, p.array("gradients")), p.array("updates")
    shown = _early_to_late(len(updates) - 1)
    traces = [
        line(gradients, finite(updates[k]), color, f"step {k}", width=1, opacity=0.8, hoverinfo="skip")
        for k, color in zip(shown, component_colors(len(shown), p.theme), strict=True)
    ]
    traces.append(moving(p.color))
    kept = updates[shown]
    return figure(p.theme, p.key, symlog_axis(p), {"title": "update", "range": padded(kept)}, traces)


def _path_caption(bundle: Bundle, references: References) -> list[str]:
    """Under the autonomous trajectory."""
    if "path" not in bundle.arrays:
        return ["It has no state, so no drift: nothing happens while the gradient is 0."]
    path = bundle.arrays["path"].astype(float)
    if not np.ptp(path):
        return ["The state does not move while the gradient is 0: there is no drift."]
    share = 100 * sum(bundle.about["explained"])
    return [
        "The path of the state from h₀ when every gradient is 0, coloured by step until it rests. Only time drives it.",
        f"Two principal components explain {share:.1f} % of this path.",
    ]


def _rate_caption(bundle: Bundle, references: References) -> list[str]:
    """Under the schedule."""
    found = bundle.about["schedule"]
    if found["change"] is None:
        return ["The effective learning rate is not finite at any step."]
    carried = "by a step counter" if bundle.about["clock"] else "by the state, without a step counter"
    sentences = [f"The effective learning rate along that path: a schedule, carried {carried}."]
    if found["change"] < 1e-6:
        return [*sentences, f"It is constant at {number(found['start'])}: there is no schedule."]
    shape = (
        f"It starts at {number(found['start'])}, is largest at step {found['peak_step']} ({number(found['peak'])}) "
        f"and ends at {number(found['end'])}"
    )
    return [*sentences, f"{shape}, a change of {100 * found['change']:.0f} %."]


def _update_caption(bundle: Bundle, references: References) -> list[str]:
    """Under the update functions along the path."""
    steps = _early_to_late(len(bundle.arrays["updates"]) - 1)
    return [
        f"The update function at the scrubbed step (bold), and at steps {listed([str(step) for step in steps])} (dark: early, bright: late).",
        "A schedule rotates the line about 0; any other change is another mechanism.",
    ]


def _frames(bundle: Bundle, common: Common) -> Frames:
    """The autonomous step of the slider."""
    arrays = {name: values.astype(np.float64) for name, values in bundle.arrays.items()}
    rates, x = arrays["rates"], np.arcsinh(arrays["gradients"] / common.scale)
    steps = np.arange(len(rates))
    figures = {
        "rate": {LIT: Moving(Along(steps[:, None], ("position",)), Along(rates[:, None], ("position",)))},
        "update": {MOVING: Moving(Along(x), Along(arrays["updates"], ("position",)))},
    }
    if "path" in arrays:
        path = arrays["path"]
        figures["path"] = {LIT: Moving(Along(path[:, :1], ("position",)), Along(path[:, 1:2], ("position",)))}
    texts = [f"step {k}, rate {number(rate)}" for k, rate in enumerate(rates.tolist())]
    return Frames(figures, {"mode": [], "position": texts})


SCHEDULE = Mechanism(
    "schedule",
    "Learning-rate schedule",
    schedule_view,
    (
        MechanismFigure("path", "Autonomous trajectory", _path, _path_caption, points_at="position"),
        MechanismFigure("rate", "The schedule", _rate, _rate_caption, points_at="position"),
        MechanismFigure("update", "Update function", _update, _update_caption),
    ),
    _frames,
    handle="Autonomous step",
    at_typical_moment=True,
)
