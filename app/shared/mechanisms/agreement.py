"""The figure of adaptation's last question: does the learning rate depend on the signs of recent gradients, or on their sizes alone?"""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.shared.mechanisms.drawing import KEY, MechanismDrawing, empty, padded
from app.shared.mechanisms.mechanism import References
from app.shared.numbers import number
from app.shared.style import figure, line, log_axis
from core.bundle import Bundle
from core.mechanisms.agreement import EQUAL

LINES = (("one sign", "solid", 2.6), ("alternating", "dash", 2.6), ("random signs", "dot", 1.6))


def agreement_figure(p: MechanismDrawing) -> go.Figure:
    """Learning rates while gradients of the same sizes come in: of one sign, alternating, at random; medians, quartiles shaded."""
    if "agreement" not in p.bundle.arrays:
        found = p.bundle.about["agreement"]
        return empty(
            p, found["reason"] if found["value"] is None else "the update has no slope after some of these gradients"
        )
    rates = p.array("agreement")
    steps = np.arange(rates.shape[1])
    log = "agreement" in p.common.positive
    traces: list[Any] = [
        go.Scatter(
            x=np.concatenate([steps, steps[::-1]]),
            y=np.concatenate([kind[:, 0], kind[::-1, 2]]),
            fill="toself",
            fillcolor=p.theme.fill,
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
        )
        for kind in rates[:2]
    ]
    for kind, (name, dash, width) in zip(rates, LINES, strict=True):
        color = p.theme.muted if dash == "dot" else p.color
        text = f"{name}: rate %{{y}} after %{{x}} gradients<extra></extra>"
        traces.append(line(steps, kind[:, 1], color, name, dash=dash, width=width, hovertemplate=text, showlegend=True))
    y = {"title": "effective learning rate", **(log_axis(rates) if log else {"range": padded(rates)})}
    made = figure(p.theme, p.key, {"title": "gradients fed", "range": [0, len(steps) - 1]}, y, traces)
    return made.update_layout(showlegend=True, legend=KEY)


FED = (
    "The largest tenth of the gradients met on held-out problems, fed again with their own sizes and other signs, from the states that met them: "
    "medians, and quartiles shaded."
)


def agreement_caption(bundle: Bundle, references: References, fed: str = FED) -> list[str]:
    """Under the learning rates by signs; ``fed`` says which gradients."""
    found = bundle.about["agreement"]
    if found["value"] is None:
        return [f"Whether signs matter cannot be told: {found['reason']}."]
    spread = "" if found["low"] is None else f" (95 % interval {number(found['low'], 2)} to {number(found['high'], 2)})"
    times = "" if found["factor"] is None else f": {number(found['factor'], 2)} times as high"
    window, value = found["window"], found["value"]
    said = (
        f"After {window} of one sign the rate is the same as after alternating ones."
        if abs(value) < EQUAL
        else f"After {window} of one sign the rate differs from that after alternating ones by {number(value, 2)} of the larger{spread}{times}."
    )
    hidden = "agreement" in bundle.arrays and bool((bundle.arrays["agreement"] <= 0).any())
    return [
        f"{fed} What differs can only come from signs; momentum, RMSProp and Adam have no difference.",
        said,
        *(["Some rates are 0 or negative, so the axes of both sides are linear."] if hidden else []),
    ]
