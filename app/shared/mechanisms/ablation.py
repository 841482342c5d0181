"""What each mechanism earns: an optimizer and its interventions as loss curves and as bars."""

import numpy as np
import plotly.graph_objects as go

from app.shared.mechanisms import Portrait
from app.shared.numbers import number, plus_minus
from app.shared.style import component_colors, figure, finite, line, plain_log_axis
from core.mechanisms.ablation import TITLES, Ablation, Ablations

HIGHEST = 100.0  # meta-losses and losses beyond end the axis
LEAST = 1e-9


def _colors(p: Portrait) -> dict[str, str]:
    others = [name for name in TITLES if name != "whole"]
    return {"whole": p.color, **dict(zip(others, component_colors(len(others), p.theme), strict=True))}


def _found(p: Portrait) -> Ablations:
    return Ablations.model_validate(p.bundle.about["ablations"])


def ablation_curves(p: Portrait) -> go.Figure:
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


def ablation_bars(p: Portrait) -> go.Figure:
    """Median meta-loss of every variant; in words the mean difference from the whole optimizer, paired, with its standard error."""
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
