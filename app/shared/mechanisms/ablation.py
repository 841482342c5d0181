"""Ablations: an optimizer with one mechanism switched off at a time, as loss curves and as bars."""

import numpy as np
import plotly.graph_objects as go

from app.shared.mechanisms.drawing import MechanismDrawing
from app.shared.mechanisms.frames import Frames
from app.shared.mechanisms.mechanism import Mechanism, MechanismFigure, References
from app.shared.numbers import number, plus_minus
from app.shared.style import component_colors, figure, finite, line, plain_log_axis
from core.bundle import Bundle
from core.mechanisms.ablation import TITLES, Ablation, Ablations, ablate
from core.mechanisms.context import Context

FEW, VERY_FEW = 16, 2  # problems of ablations that were not saved: on small problems, and on large ones
HIGHEST = 100.0  # the axes of losses and meta-losses end here
LEAST = 1e-9


def _colors(p: MechanismDrawing) -> dict[str, str]:
    others = [name for name in TITLES if name != "whole"]
    return {"whole": p.color, **dict(zip(others, component_colors(len(others), p.theme), strict=True))}


def _found(p: MechanismDrawing) -> Ablations:
    return Ablations.model_validate(p.bundle.about["ablations"])


def _curves(p: MechanismDrawing) -> go.Figure:
    """Median of f(x_k)/f(x_0) over problems, one line a variant."""
    colors = _colors(p)
    traces, drawn = [], []
    for one in reversed(_found(p).ablations):
        values = np.array([np.nan if value is None else max(value, LEAST) for value in one.curve])
        drawn.append(values)
        text = f"{TITLES[one.name]}, step %{{x}}: %{{y:.3g}}<extra></extra>"
        style = {"width": 3.0 if one.name == "whole" else 1.7, "hovertemplate": text}
        traces.append(line(np.array(one.steps), finite(values), colors[one.name], TITLES[one.name], **style))
    y = {"title": "loss / first loss, median", **plain_log_axis(np.concatenate(drawn), HIGHEST)}
    return figure(p.theme, p.key, {"title": "inner step"}, y, traces)


def _words(one: Ablation, problems: int) -> str:
    if one.name == "whole":
        return plus_minus(one.meta_loss.mean, one.meta_loss.sem)
    if one.difference.mean is None:
        return f"{one.diverged} of {problems} diverge"
    sign = "+" if one.difference.mean >= 0 else ""
    return sign + plus_minus(one.difference.mean, one.difference.sem)


def _bars(p: MechanismDrawing) -> go.Figure:
    """Median meta-loss of every variant; the text is the paired mean difference from the unmodified optimizer with its standard error."""
    found, colors = _found(p), _colors(p)
    order = list(reversed(found.ablations))
    sizes = np.array([HIGHEST if one.median is None else min(max(one.median, LEAST), HIGHEST) for one in order])
    low = float(sizes.min()) / 3
    hover = [f"{TITLES[one.name]}: median meta-loss {number(one.median)}" for one in order]
    bars = go.Bar(
        x=sizes,
        y=[TITLES[one.name] for one in order],
        base=None,
        orientation="h",
        marker={"color": [colors[one.name] for one in order]},
        text=[_words(one, found.problems) for one in order],
        textposition="auto",
        customdata=hover,
        hovertemplate="%{customdata}<extra></extra>",
        name="meta-loss",
    )
    top = 4 * float(sizes.max())
    x = {"title": "median meta-loss", **plain_log_axis(np.array([low, top]))}
    return figure(p.theme, p.key, x, {"title": None, "showgrid": False}, [bars])


def _curves_caption(bundle: Bundle, references: References) -> list[str]:
    """Under the loss curves of the interventions."""
    found = Ablations.model_validate(bundle.about["ablations"])
    lost = [f"{TITLES[one.name]}: {one.diverged} of {found.problems}" for one in found.ablations if one.diverged]
    sentences = [
        f"The median loss over {found.problems} held-out problems: unmodified (bold), and with one mechanism switched off on the same problems.",
        f"Diverged: {'; '.join(lost)}." if lost else "None diverged.",
    ]
    return sentences + [f"Not run: {TITLES[name]}, because {why}." for name, why in found.without.items()]


def _bars_caption(bundle: Bundle, references: References) -> list[str]:
    """Under the bars of the interventions."""
    found = Ablations.model_validate(bundle.about["ablations"])
    whole = found.ablations[0]
    others = [one for one in found.ablations[1:] if one.median is not None and whole.median]
    sentences = [
        "The text in the bars is the mean difference from the unmodified optimizer on the same problems, with its standard error."
    ]
    if others and whole.median:
        base = whole.median
        worst = max(others, key=lambda one: one.median or 0.0)
        least = min(others, key=lambda one: abs(np.log((one.median or base) / base)))
        sentences.append(
            f'By the median, the variant that loses most is "{TITLES[worst.name]}" ({number((worst.median or 0.0) / base)} times the unmodified meta-loss), '
            f'and the one that changes least is "{TITLES[least.name]}" ({number((least.median or 0.0) / base)} times).'
        )
    return sentences


def ablations_view(context: Context) -> Bundle:
    """Each mechanism switched off in turn, on a few problems."""
    ablations = ablate(context, VERY_FEW if context.large else FEW)
    return Bundle({}, {"ablations": ablations.model_dump(mode="json"), "scale": context.observed.scale})


ABLATIONS = Mechanism(
    "ablations",
    "Ablations",
    ablations_view,
    (
        MechanismFigure("curves", "Loss curves", _curves, _curves_caption),
        MechanismFigure("bars", "Meta-loss, one mechanism off", _bars, _bars_caption),
    ),
    lambda bundle: Frames({}, {"mode": [], "position": []}),
    snapshots_ahead=False,
)
