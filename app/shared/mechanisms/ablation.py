"""Ablations: an optimizer with one mechanism switched off at a time, as loss curves and as bars."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.shared.mechanisms.drawing import MechanismDrawing
from app.shared.mechanisms.frames import Frames
from app.shared.mechanisms.mechanism import Mechanism, MechanismFigure, References
from app.shared.numbers import number
from app.shared.style import Theme, component_colors, figure, finite, line, log_axis, log_ticks
from core.bundle import Bundle
from core.mechanisms.ablation import TITLES, Ablation, Ablations, Ratio, ablate
from core.mechanisms.context import Context

HIGHEST_RATIO = 1000.0  # the axis of ratios ends here; those beyond get a mark in the shaded strip
STRIP = 2.0  # times that: where the marks are
HIGHEST = 100.0  # the axes of losses and meta-losses end here


def looks(color: str, theme: Theme) -> dict[str, tuple[str, str]]:
    """Colour and dash of each variant: neighbours on the sequence of colours also differ in the dash, and are apart in the list."""
    others = [name for name in TITLES if name != "whole"]
    colors = component_colors(len(others), theme)
    solid, dashed = [(one, "solid") for one in colors[::2]], [(one, "dash") for one in colors[1::2]]
    return {"whole": (color, "solid"), **dict(zip(others, [*solid, *dashed], strict=True))}


def _found(p: MechanismDrawing) -> Ablations:
    return Ablations.model_validate(p.bundle.about["ablations"])


def _curves(p: MechanismDrawing) -> go.Figure:
    """Median of f(x_k)/f(x_0) over problems, one line a variant."""
    known = looks(p.color, p.theme)
    traces, drawn = [], []
    for one in reversed(_found(p).ablations):
        values = np.array([value or np.nan for value in one.curve], dtype=np.float64)
        drawn.append(values)
        text = f"{TITLES[one.name]}, step %{{x}}: %{{y}}<extra></extra>"
        color, dash = known[one.name]
        style = {"width": 3.0 if one.name == "whole" else 1.7, "dash": dash, "hovertemplate": text}
        traces.append(line(np.array(one.steps), finite(values), color, TITLES[one.name], **style))
    y = {"title": "loss / first loss, median", **log_axis(np.concatenate(drawn), HIGHEST)}
    return figure(p.theme, p.key, {"title": "inner step", "zeroline": False}, y, traces)


def _ratios(p: MechanismDrawing) -> go.Figure:
    """Each variant's meta-loss over that of the unmodified optimizer: median and interval; a mark at the end of the axis where it is beyond."""
    ablations, known = _found(p), looks(p.color, p.theme)
    order = [ablation for ablation in reversed(ablations.ablations) if ablation.name != "whole"]
    traces: list[Any] = []
    ends = [HIGHEST_RATIO]
    for ablation in order:
        ratio = ablation.ratio
        if ratio is not None and ratio.median is not None:
            ends += [value for value in (ratio.low, ratio.median) if value is not None]
    low = min(1 / 1.5, *(end / 1.2 for end in ends if end < 1)) if any(end < 1 for end in ends) else 1 / 1.5
    for ablation in order:
        traces += _dot(ablation, *known[ablation.name], p.theme, ablations.problems)
    reference = {
        "type": "line",
        "x0": 1,
        "x1": 1,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": p.theme.muted, "width": 1, "dash": "dot"},
    }
    ends = [float(np.log10(low)), float(np.log10(HIGHEST_RATIO * 400))]
    x = {
        "title": "meta-loss / unmodified",
        "type": "log",
        "range": ends,
        **log_ticks(ends[0], float(np.log10(HIGHEST_RATIO))),
    }
    strip = {"x0": HIGHEST_RATIO, "x1": 10.0 ** ends[1], "y0": 0, "y1": 1, "yref": "paper", "layer": "below"}
    beyond = {"type": "rect", "line": {"width": 0}, "fillcolor": p.theme.fill, **strip}
    y = {
        "title": None,
        "showgrid": False,
        "categoryorder": "array",
        "categoryarray": [TITLES[one.name] for one in order],
    }
    return figure(p.theme, p.key, x, y, traces).add_shape(reference).add_shape(beyond)


def _dot(ablation: Ablation, color: str, dash: str, theme: Theme, problems: int) -> list[go.Scatter]:
    """The median of a variant's ratios with its interval, or a mark at the end of the axis with what is beyond; open where its curve is dashed."""
    ratio, title, opened = ablation.ratio, TITLES[ablation.name], "" if dash == "solid" else "-open"
    lost = f", {ablation.diverged} of {problems} diverge" if ablation.diverged else ""
    if ratio is None:
        return []
    if ratio.median is None or ratio.median > HIGHEST_RATIO:
        words = "diverges" if ratio.median is None else f"× {number(ratio.median, 2)}"
        mark = {"symbol": f"triangle-right{opened}", "size": 12, "color": color}
        return [
            go.Scatter(
                x=[STRIP * HIGHEST_RATIO],
                y=[title],
                mode="markers+text",
                marker=mark,
                text=[words],
                textposition="middle right",
                textfont={"size": 10.5, "color": theme.text},
                name=title,
                hovertemplate=f"{title}: {words}, beyond the axis{lost}<extra></extra>",
            )
        ]
    low = ratio.low or ratio.median
    cut = ratio.high is None or ratio.high > HIGHEST_RATIO  # the interval leaves the axis: an arrow says so
    high = HIGHEST_RATIO if ratio.high is None else min(ratio.high, HIGHEST_RATIO)
    bars = {
        "array": [high - ratio.median],
        "arrayminus": [ratio.median - low],
        "color": color,
        "thickness": 2,
        "width": 5,
    }
    text = f"{title}: × {number(ratio.median)} ({number(ratio.low)} to {number(ratio.high)}){lost}<extra></extra>"
    return [
        go.Scatter(
            x=[ratio.median],
            y=[title],
            mode="markers",
            marker={"symbol": f"circle{opened}", "size": 10, "color": color, "line": {"width": 2 if opened else 0}},
            error_x={"type": "data", "symmetric": False, **bars},
            name=title,
            hovertemplate=text,
        ),
        *([_leaving(ratio, title, color, theme, text)] if cut else []),
    ]


def _leaving(ratio: Ratio, title: str, color: str, theme: Theme, text: str) -> go.Scatter:
    """The end of an interval that lies beyond the axis, with where it ends."""
    words = "no limit" if ratio.high is None else f"to × {number(ratio.high, 2)}"
    return go.Scatter(
        x=[STRIP * HIGHEST_RATIO],
        y=[title],
        mode="markers+text",
        marker={"symbol": "triangle-right", "size": 9, "color": color},
        text=[words],
        textposition="middle right",
        textfont={"size": 10.5, "color": theme.text},
        name=title,
        showlegend=False,
        hovertemplate=text,
    )


def _curves_caption(bundle: Bundle, references: References) -> list[str]:
    """Under the loss curves of the interventions."""
    found = Ablations.model_validate(bundle.about["ablations"])
    lost = [f"{TITLES[one.name]}: {one.diverged} of {found.problems}" for one in found.ablations if one.diverged]
    sentences = [
        f"The median loss over {found.problems} held-out problems: unmodified (bold), and with one mechanism switched off on the same problems. Dashed curves have open marks beside them.",
        f"Diverged: {'; '.join(lost)}." if lost else "None diverged.",
    ]
    return sentences + [f"Not run: {TITLES[name]}, because {why}." for name, why in found.without.items()]


def _ratios_caption(bundle: Bundle, references: References) -> list[str]:
    """Under the ratios of the ablations."""
    ablations = Ablations.model_validate(bundle.about["ablations"])
    known = [one for one in ablations.ablations[1:] if one.ratio is not None and one.ratio.median is not None]
    sentences = [
        f"The meta-loss with one mechanism switched off over the unmodified one, on the same {ablations.problems} problems: the median of the ratios and its 95 % interval over problems. An arrow in the shaded strip marks what lies beyond the axis; a ratio of 1 means that nothing is lost."
    ]
    if known:
        worst = max(known, key=lambda one: one.ratio.median if one.ratio and one.ratio.median else 0.0)
        assert worst.ratio is not None
        sentences.append(f'What costs most is "{TITLES[worst.name]}": × {number(worst.ratio.median)}.')
    if any(one.ratio is None for one in ablations.ablations):
        sentences.append("These were kept by an earlier version, without ratios: run `loptscope analyze --save` again.")
    return sentences


def ablations_view(context: Context) -> Bundle:
    """Each mechanism switched off in turn, on the same held-out problems for every optimizer of a task."""
    ablations = ablate(context)
    return Bundle({}, {"ablations": ablations.model_dump(mode="json"), "scale": context.observed.scale})


ABLATIONS = Mechanism(
    "ablations",
    "Ablations",
    ablations_view,
    (
        MechanismFigure("curves", "Loss curves", _curves, _curves_caption),
        MechanismFigure("ratios", "Meta-loss, one mechanism off", _ratios, _ratios_caption),
    ),
    lambda bundle, common: Frames({}, {"mode": [], "position": []}),
    snapshots_ahead=False,
)
