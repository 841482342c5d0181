"""Learning-rate adaptation: the S-curve, the update function on it, the learning rate along it."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.shared.mechanisms.agreement import agreement_caption, agreement_figure
from app.shared.mechanisms.drawing import (
    KEY,
    Common,
    MechanismDrawing,
    components,
    empty,
    lit,
    moving,
    others,
    padded,
    spread,
    symlog_axis,
)
from app.shared.mechanisms.frames import LIT, MOVING, Along, Frames, Moving
from app.shared.mechanisms.mechanism import Mechanism, MechanismFigure, References
from app.shared.numbers import counted, number
from app.shared.style import component_colors, figure, line, log_axis, symlog_ticks, viridis
from core.bundle import Bundle
from core.mechanisms.adaptation import adaptation_view


def _pieces(p: MechanismDrawing) -> list[slice]:
    """The curve's separate branches."""
    ends = np.cumsum(p.bundle.about["breaks"])
    return [slice(int(end - count), int(end)) for end, count in zip(ends, p.bundle.about["breaks"], strict=True)]


def _stable(values: np.ndarray, unstable: np.ndarray, keep: bool) -> np.ndarray:
    """Values where the curve is stable (or unstable), NaN elsewhere; the two join at a change."""
    mask = (unstable == 0) if keep else (unstable > 0)
    if not keep:
        mask = mask | np.roll(mask, 1) | np.roll(mask, -1) if mask.any() else mask
    return np.where(mask, values, np.nan)


def _curve(p: MechanismDrawing) -> go.Figure:
    """The S-curve: the first principal component of h*(g) over g; dashed where it is unstable."""
    if "g" not in p.bundle.arrays:
        return empty(p, p.bundle.about["why"])
    g, curve, unstable = p.array("g"), p.array("curve"), p.array("unstable")
    x, traces = spread(p, g), []
    for piece in _pieces(p):
        for keep, dash in ((True, "solid"), (False, "dash")):
            y = _stable(curve[piece, 0], unstable[piece], keep)
            traces.append(
                line(x[piece], y, p.color, "stable" if keep else "unstable", width=2.4, dash=dash, hoverinfo="skip")
            )
    chosen = p.array("chosen").astype(int)
    text = "g = %{text}<extra></extra>"
    dots = {"size": 6, "color": p.color, "symbol": ["circle" if unstable[i] == 0 else "circle-open" for i in chosen]}
    traces.append(
        go.Scatter(
            x=x[chosen],
            y=curve[chosen, 0],
            mode="markers",
            marker=dots,
            name="points",
            customdata=_nearest_place(p, g[chosen]),
            text=[number(float(one)) for one in g[chosen]],
            hovertemplate=text,
        )
    )
    folds = p.array("folds")
    if len(folds):
        heights = [curve[np.abs(g - fold).argmin(), 0] for fold in folds]
        marker = {"size": 12, "symbol": "x-thin", "line": {"width": 2.5, "color": p.theme.text}}
        traces.append(
            go.Scatter(
                x=spread(p, folds),
                y=heights,
                mode="markers",
                marker=marker,
                name="folds",
                hovertemplate="fold<extra></extra>",
            )
        )
    traces.append(lit(p))
    title = components(p.bundle.about["explained"])[0]
    return figure(p.theme, p.key, symlog_axis(p, "constant g (symlog)"), {"title": f"h*(g), {title}"}, traces)


def _space(p: MechanismDrawing) -> go.Figure:
    """The S-curve in three dimensions."""
    if "g" not in p.bundle.arrays:
        return empty(p, p.bundle.about["why"])
    curve, g = p.array("curve"), p.array("g")
    x = spread(p, g)
    marker = {"size": 3.5, "color": x, "colorscale": viridis(p.theme)}
    trace = go.Scatter3d(
        x=x,
        y=curve[:, 0],
        z=curve[:, 1],
        mode="markers+lines",
        marker=marker,
        line={"width": 4, "color": x, "colorscale": viridis(p.theme)},
        hoverinfo="skip",
        name="curve",
    )
    lit = go.Scatter3d(
        x=[],
        y=[],
        z=[],
        mode="markers",
        marker={"size": 7, "color": p.color},
        name=LIT,
        hoverinfo="skip",
        showlegend=False,
    )
    made = figure(p.theme, p.key, {}, {}, [trace, lit])
    axis = {
        "backgroundcolor": "rgba(0,0,0,0)",
        "gridcolor": p.theme.grid,
        "zerolinecolor": p.theme.line,
        "tickfont": {"size": 10},
        "nticks": 4,
        "showspikes": False,
    }
    positions, labels = symlog_ticks(p.common.scale, p.common.reach, room=0.7)
    made.layout.scene = {
        "xaxis": {
            **axis,
            "title": {"text": "g", "font": {"size": 11}},
            "tickvals": positions,
            "ticktext": labels,
        },
        "yaxis": {**axis, "title": {"text": "PC 1", "font": {"size": 11}}},
        "zaxis": {**axis, "title": {"text": "PC 2", "font": {"size": 11}}},
        "camera": {"eye": {"x": 2.2, "y": -2.2, "z": 1.05}, "center": {"x": 0, "y": 0, "z": -0.12}},
        "aspectmode": "cube",
        "uirevision": "turned",
    }
    made.layout.margin = {"l": 0, "r": 0, "t": 0, "b": 0}
    return made


def _update(p: MechanismDrawing) -> go.Figure:
    """The update function at the chosen point of the S-curve."""
    if "g" not in p.bundle.arrays:
        return empty(p, p.bundle.about["why"])
    gradients, updates = spread(p, p.array("gradients")), p.array("updates")
    traces: list[Any] = [*others(p, gradients, updates, "other points", 0.35)]
    traces += [moving(p.color), lit(p, 13)]
    return figure(p.theme, p.key, symlog_axis(p), {"title": "update", "range": padded(updates)}, traces)


def _arms(bundle: Bundle, values: np.ndarray) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Sizes of gradient and values along both arms of every branch, in the order of the curve, so that folds show: name, x, y."""
    g, arms, start = bundle.arrays["g"].astype(float), [], 0
    for count in bundle.about["breaks"]:
        piece = slice(start, start + count)
        start += count
        for name, keep in (("g > 0", g[piece] > 0), ("g < 0", g[piece] < 0)):
            if keep.any():
                arms.append((name, np.where(keep, np.abs(g[piece]), np.nan), np.where(keep, values[piece], np.nan)))
    return arms


def _rate(p: MechanismDrawing) -> go.Figure:
    """The effective learning rate of the states along both arms, the local slope behind it, and RMSProp's and Adam's rates."""
    if "g" not in p.bundle.arrays:
        return empty(p, p.bundle.about["why"])
    own, local = p.array("rates"), p.array("local")
    log = "rates" in p.common.positive
    traces: list[Any] = []
    for name, (bundle, color) in p.baselines.items():
        if "g" in bundle.arrays:
            drawn = [arm for arm in _arms(bundle, bundle.arrays["rates"].astype(float)) if arm[0] == "g > 0"]
            traces += [_arm(name, "", x, y, color, log, width=1.3, dash="dot") for _, x, y in drawn]
    for arm, x, y in _arms(p.bundle, local):
        traces.append(_arm("local slope", arm, x, y, p.theme.muted, log, width=1.2, dash=DASH[arm]))
    for arm, x, y in _arms(p.bundle, own):
        traces.append(_arm("effective rate", arm, x, y, p.color, log, width=2.6, dash=DASH[arm]))
    named: set[str] = set()
    for trace in traces:
        trace.showlegend = trace.name not in named
        named.add(trace.name)
    traces.append(lit(p).update(showlegend=False))
    low = p.bundle.about["scale"] / 30
    x_axis = {
        "title": "constant |g|",
        "type": "log",
        "range": np.log10([low, max(float(np.abs(p.array("g")).max()), 2 * low)]).tolist(),
    }
    y_axis = {"title": "learning rate, slope", **(log_axis(own) if log else {"range": padded(own)})}
    made = figure(p.theme, p.key, x_axis, y_axis, traces)
    return made.update_layout(showlegend=True, legend=KEY)


def _arm(name: str, arm: str, x: np.ndarray, y: np.ndarray, color: str, log: bool, **style: Any) -> go.Scatter:
    text = f"{name}{f', {arm}' if arm else ''}: %{{y}} at |g| = %{{x}}<extra></extra>"
    return line(x, np.where(y > 0, y, np.nan) if log else y, color, name, hovertemplate=text, **style)


def _in_use(p: MechanismDrawing) -> go.Figure:
    """Median learning rate over the recent size of a component's gradients, on held-out problems, for stretches of the run."""
    if "in_use" not in p.bundle.arrays:
        return empty(p, "too few held-out problems with anything to compare")
    binned = p.array("in_use")
    colors = component_colors(len(binned), p.theme)
    traces: list[Any] = []
    for i, (part, color) in enumerate(zip(binned, colors, strict=True)):
        name = STRETCHES[i]
        text = f"{name}: rate %{{y}} at recent |g| = %{{x}}<extra></extra>"
        traces.append(
            line(part[:, 0], part[:, 1], color, name, width=2, hovertemplate=text).update(mode="lines+markers")
        )
    for trace in traces:
        trace.showlegend = True
    rates = binned[..., 1][np.isfinite(binned[..., 1])]
    log = len(rates) > 0 and "in_use" in p.common.positive
    y = {"title": "effective learning rate", **(log_axis(rates) if log else {})}
    x = {"title": "recent |g|", **log_axis(binned[..., 0])}
    made = figure(p.theme, p.key, x, y, traces)
    return made.update_layout(showlegend=True, legend=KEY)


def _no_curve(bundle: Bundle) -> list[str] | None:
    return [f"There is no such curve because {bundle.about['why']}."] if "g" not in bundle.arrays else None


KNOTS = 201  # positions of the slider
DASH = {"g > 0": "solid", "g < 0": "dash"}
STRETCHES = ("first steps", "early", "middle", "late")
ENDS = {
    "range": "the end of the range",
    "jump": "the jump at 0",
    "closed": "its own start",
    "stuck": "a point where the search got stuck",
    "points": "the largest number of points",
}


def rates_zero_and_typical(bundle: Bundle) -> tuple[float, float] | None:
    """Effective learning rate nearest to g = 0, and at the typical gradient (mean of both arms); None if not finite."""
    near, far = bundle.about["rate_at_zero"], bundle.about["rate_at_typical"]
    return None if near is None or far is None else (near, far)


def _curve_caption(bundle: Bundle, references: References) -> list[str]:
    """Under the S-curve."""
    if missing := _no_curve(bundle):
        return missing
    unstable, folds = int((bundle.arrays["unstable"] > 0).sum()), len(bundle.arrays["folds"])
    return [
        "The fixed point of the state at a constant gradient g, traced through folds. Unstable stretches are dashed.",
        (
            f"{counted(len(bundle.arrays['g']), 'point')}, {'all stable' if not unstable else f'{unstable:,} of them unstable'}, {counted(folds, 'fold')}; "
            f"it ends at {' and '.join(ENDS[end] for end in bundle.about['ended'])}."
        ),
    ]


def _space_caption(bundle: Bundle, references: References) -> list[str]:
    """Under the three-dimensional curve."""
    if missing := _no_curve(bundle):
        return missing
    share = 100 * sum(bundle.about["explained"])
    return [
        "The same curve in two principal components of the state, over the gradient. Drag to rotate it.",
        f"The two components explain {share:.1f} % of its variance.",
    ]


def _update_caption(bundle: Bundle, references: References) -> list[str]:
    """Under the update function on the curve."""
    if missing := _no_curve(bundle):
        return missing
    return [
        "The update function after a long time at the chosen gradient (ring).",
        "In an adaptive optimizer, the line is flatter after large gradients than after small ones.",
    ]


def _rate_caption(bundle: Bundle, references: References) -> list[str]:
    """Under the learning rate along the arms."""
    if missing := _no_curve(bundle):
        return missing
    sentences = [
        "The effective learning rate −∂u/∂g(h*(g), 0) of the state that a constant gradient leads to (bold; solid: g > 0, dashed: g < 0), beside tuned RMSProp's and Adam's. The thin line is the local slope at the gradient itself; the distance between both is saturation, which is clipping and not adaptation."
    ]
    hidden = int((bundle.arrays["rates"] <= 0).sum())
    own = rates_zero_and_typical(bundle)
    if own is None:
        sentences.append("The rate is not known at 0, or the curve does not reach the typical gradient.")
    else:
        near, far = own
        sheets = sorted({sheet for sheet in bundle.about["sheets"] if sheet is not None})
        where = "" if sheets == [1] else f" (sheet {' and '.join(map(str, sheets))} of the curve)"
        sentences.append(
            f"It goes from {number(near)} at 0 to {number(far)} at |g| = {number(bundle.about['typical'])}{where}; "
            "98 % of the observed gradients are smaller."
        )
    sentences += bundle.about.get("counters", [])
    if hidden:
        sentences.append(f"At {counted(hidden, 'point')} it is 0 or negative, so the axes of both sides are linear.")
    return sentences


def _in_use_caption(bundle: Bundle, references: References) -> list[str]:
    """Under the learning rate in use."""
    used = bundle.about.get("in_use")
    if used is None:
        return ["There are too few held-out problems with anything to compare."]
    slope = (
        "is not known, because rates are not positive"
        if used["slope"] is None
        else f"is {number(used['slope'], 2)} (95 % interval {number(used['low'], 2)} to {number(used['high'], 2)})"
    )
    return [
        "Each component of held-out problems at each step: the learning rate of its state over the recent size of its own gradients, an exponential average; the lines are stretches of the run.",
        (
            f"At equal step the rank correlation is {number(used['rank_correlation'], 2)} ({number(used['rank_low'], 2)} to {number(used['rank_high'], 2)}), "
            f"and the log-log slope {slope}. RMSProp's is −1 far out, momentum's 0."
        ),
    ]


def places(common: Common) -> np.ndarray:
    """The constant gradients of the slider, [KNOTS], the same on both sides."""
    end = np.arcsinh(common.reach / common.scale)
    return common.scale * np.sinh(np.linspace(-end, end, KNOTS))


def _nearest_place(p: MechanismDrawing, gradients: np.ndarray) -> np.ndarray:
    """The slider's nearest positions to some gradients, [gradients]."""
    at = np.arcsinh(places(p.common) / p.common.scale)
    return np.abs(spread(p, gradients)[:, None] - at).argmin(1)


def crossings(bundle: Bundle, gradients: np.ndarray) -> np.ndarray:
    """The points of the curve at which the gradient is as given, [gradients, most]: several where it is folded; −1 where there is none.

    The first one is stable if any is.
    """
    g, unstable = bundle.arrays["g"].astype(np.float64), bundle.arrays["unstable"] > 0
    found: list[list[int]] = [[] for _ in gradients]
    start = 0
    for count in bundle.about["breaks"]:
        piece = g[start : start + count]
        for k, value in enumerate(gradients):
            side = np.sign(piece - value)
            for i in np.flatnonzero(side[1:] * side[:-1] <= 0):
                nearer = i if abs(piece[i] - value) <= abs(piece[i + 1] - value) else i + 1
                if start + nearer not in found[k]:
                    found[k].append(int(start + nearer))
        start += count
    most = max(1, *(len(one) for one in found))
    points = np.full((len(gradients), most), -1)
    for k, one in enumerate(found):
        one.sort(key=lambda i: bool(unstable[i]))
        points[k, : len(one)] = one
    return points


def _frames(bundle: Bundle, common: Common) -> Frames:
    """The states that the slider's constant gradient leads to."""
    if "g" not in bundle.arrays:
        return Frames({}, {"mode": [], "position": ["no curve"]})
    arrays = {name: values.astype(np.float64) for name, values in bundle.arrays.items()}
    chosen, gradients, updates = arrays["chosen"].astype(int), arrays["gradients"], arrays["updates"]
    wanted = places(common)
    points = crossings(bundle, wanted)
    main, there = points[:, 0], points[:, 0] >= 0

    def of(values: np.ndarray) -> np.ndarray:
        """Values of the curve's points, [KNOTS, most]; NaN where there is none."""
        return np.where(points >= 0, values[points], np.nan)

    drawn = np.abs(chosen[None] - main[:, None]).argmin(1)  # the nearest point with an update function
    curves = np.where(there[:, None], updates[drawn], np.nan)
    inside = (wanted >= gradients[0]) & (wanted <= gradients[-1]) & there
    here = np.array([np.interp(one, gradients, curve) for one, curve in zip(wanted, curves, strict=True)])
    x, size = np.arcsinh(wanted / common.scale), np.abs(wanted)[:, None]

    def ring(*coordinates: np.ndarray) -> Moving:
        return Moving(*(Along(np.broadcast_to(values, points.shape), ("position",)) for values in coordinates))

    def point(*coordinates: np.ndarray) -> Moving:
        return Moving(*(Along(values[:, None], ("position",)) for values in coordinates))

    figures = {
        "curve": {LIT: ring(x[:, None], of(arrays["curve"][:, 0]))},
        "space": {LIT: ring(x[:, None], of(arrays["curve"][:, 0]), of(arrays["curve"][:, 1]))},
        "update": {
            MOVING: Moving(Along(np.arcsinh(gradients / common.scale)), Along(curves, ("position",))),
            LIT: point(np.where(inside, x, np.nan), np.where(inside, here, np.nan)),
        },
        "rate": {LIT: ring(size, of(arrays["rates"]))},
    }
    texts = []
    for value, row in zip(wanted.tolist(), points, strict=True):
        rates = dict.fromkeys(number(float(arrays["rates"][i])) for i in row if i >= 0)  # several where it is folded
        texts.append(f"g = {number(value)}, " + (f"rate {' or '.join(rates)}" if rates else "beyond its curve"))
    return Frames(figures, {"mode": [], "position": texts})


ADAPTATION = Mechanism(
    "adaptation",
    "Learning-rate adaptation",
    adaptation_view,
    (
        MechanismFigure("curve", "The S-curve", _curve, _curve_caption, points_at="position"),
        MechanismFigure("space", "The S-curve in 3-d", _space, _space_caption),
        MechanismFigure("update", "Update function on it", _update, _update_caption),
        MechanismFigure("rate", "Rate along both arms", _rate, _rate_caption),
        MechanismFigure("in_use", "Learning rate in use", _in_use, _in_use_caption),
        MechanismFigure("agreement", "Gradients that agree", agreement_figure, agreement_caption),
    ),
    _frames,
    handle="Constant gradient",
    beside=("rmsprop", "adam"),
)
