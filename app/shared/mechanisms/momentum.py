"""Momentum: state space, update functions along a mode, eigenvalues, modes as momentum."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.shared.mechanisms.drawing import (
    KEY,
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
from app.shared.numbers import counted, fraction, number
from app.shared.style import OPTIMIZER_COLORS, component_colors, figure, finite, line, translucent
from core.bundle import Bundle
from core.mechanisms.momentum import momentum_view

ROUNDING = 1e-9  # a share below this is rounding
FAN = 5  # update functions along a mode that are drawn at once
LIT_NEAR_ONE = "lit near 1"  # the chosen mode in the inset
PLACES = "places"  # the states that they belong to


def _kernel(p: MechanismDrawing) -> go.Figure:
    """The memory kernel, its best single exponential, and tuned momentum's."""
    if p.bundle.about["kernel"] is None:
        return empty(p, p.bundle.about["why"])
    kernel, about = p.array("kernel"), p.bundle.about["kernel"]
    ages = np.arange(len(kernel))
    text = "after %{x} steps: %{y}<extra></extra>"
    traces: list[Any] = [line(ages, kernel, p.color, "memory kernel", width=2.6, hovertemplate=text)]
    if about["beta"] is not None:
        fitted = about["alpha"] * about["beta"] ** ages
        name = f"best α βʲ, β = {fraction(about['beta'])}"
        traces.append(line(ages, fitted, p.theme.text, name, width=1.4, dash="dot", hoverinfo="skip"))
    for name, (alpha, beta) in p.references.items():
        if "tuned" in name:
            label = f"Momentum, β = {fraction(beta)}"
            drawn = line(
                ages, alpha * beta**ages, OPTIMIZER_COLORS["momentum"], label, width=1.6, dash="dash", hoverinfo="skip"
            )
            traces.append(drawn)
    for trace in traces:
        trace.showlegend = True
    made = figure(p.theme, p.key, {"title": "steps since the gradient", "zeroline": False}, {"title": "kernel"}, traces)
    return made.update_layout(showlegend=True, legend=KEY)


def _state(p: MechanismDrawing) -> go.Figure:
    """States of a few components around the fixed point, and the chosen mode through it."""
    if not p.bundle.about["modes"]:
        return empty(p, "no state, so no fixed point")
    paths, fixed_point = p.array("paths"), p.array("fixed_point")
    colors = component_colors(len(paths), p.theme)
    traces = [
        line(
            finite(path[:, 0]),
            finite(path[:, 1]),
            color,
            f"component {i + 1}",
            width=1.2,
            opacity=0.65,
            hoverinfo="skip",
        )
        for i, (path, color) in enumerate(zip(paths, colors, strict=True))
    ]
    traces += [
        line(np.array([]), np.array([]), p.color, LIT, width=4, hoverinfo="skip", showlegend=False),
        star(p, fixed_point[0], fixed_point[1], "fixed point h*"),
        go.Scatter(
            x=[],
            y=[],
            mode="markers",
            marker={
                "size": 9,
                "symbol": "square",
                "color": component_colors(FAN, p.theme),
                "line": {"width": 1, "color": p.theme.surface},
            },
            name=PLACES,
            hoverinfo="skip",
            showlegend=False,
        ),
        go.Scatter(
            x=[],
            y=[],
            mode="markers",
            marker={"size": 11, "color": p.color},
            name=MOVING,
            hoverinfo="skip",
            showlegend=False,
        ),
    ]
    titles = components(p.bundle.about["explained"])
    drawn = np.concatenate([paths.reshape(-1, 2), fixed_point[None]])
    x, y = ({"title": title, "range": padded(drawn[:, i])} for i, title in enumerate(titles))
    return figure(p.theme, p.key, x, y, traces)


def _shift(i: int) -> str:
    """Where along the mode the i-th of the update functions is taken."""
    share = round(200 * i / (FAN - 1)) - 100
    return f"shifted by {share} %".replace("-", "−") if share else "at h*"


def _update(p: MechanismDrawing) -> go.Figure:
    """The update function at h*, and shifted along the chosen mode."""
    gradients, updates = spread(p, p.array("gradients")), p.array("updates")
    colors = component_colors(FAN, p.theme)
    if p.bundle.about["modes"]:
        traces = [
            line(
                gradients,
                gradients * np.nan,
                color,
                _shift(i),
                width=1.6,
                hoverinfo="skip",
            )
            for i, color in enumerate(colors)
        ]
    else:
        traces = [line(gradients, updates[0, 0], p.color, "update", hoverinfo="skip")]
    traces.append(moving(p.color))
    return figure(p.theme, p.key, symlog_axis(p), {"title": "update", "range": padded(updates)}, traces)


def _eigenvalues(p: MechanismDrawing) -> go.Figure:
    """Eigenvalues of the recurrent Jacobian at h*, the unit circle, and the tuned momentum."""
    angles = np.linspace(0, 2 * np.pi, 181)
    circle = line(np.cos(angles), np.sin(angles), p.theme.muted, "unit circle", width=1, dash="dot", hoverinfo="skip")
    traces = [circle]
    if p.bundle.about["modes"]:
        values, taus = p.array("eigenvalues"), p.array("timescales")
        text = [
            f"mode {j + 1}, λ = {a:.4f} {'−' if b < 0 else '+'} {abs(b):.4f}i, timescale {number(float(tau))} steps"
            for j, ((a, b), tau) in enumerate(zip(values, taus, strict=True))
        ]
        sizes = 5 + 13 * np.sqrt(np.clip(p.array("contributions"), 0, 1))
        marker = {"size": sizes, "color": translucent(p.color, 0.6), "line": {"width": 1, "color": p.color}}
        traces.append(
            go.Scatter(
                x=values[:, 0],
                y=values[:, 1],
                mode="markers",
                marker=marker,
                name="eigenvalues",
                customdata=np.arange(len(values)),
                text=text,
                hovertemplate="%{text}<extra></extra>",
            )
        )
        traces.append(lit(p))
    for name, (_, beta) in p.references.items():
        symbol = "star-open" if "tuned" in name else "diamond-open"  # what lies under it shows
        traces.append(star(p, beta, 0.0, f"{name}: β = {fraction(beta)}", symbol))
    x = {
        "title": "real part of λ",
        "range": [-1.12, 1.12],
        "scaleanchor": "y",
        "constrain": "domain",
        "automargin": False,
    }
    down = {"constrain": "domain", "constraintoward": "bottom"}  # where the inset stands
    y = {"title": "imaginary part", "range": [-1.12, 1.12], "automargin": False, **down}
    return _near_one(p, figure(p.theme, p.key, x, y, [*traces, *_copies(traces)]))


def _copies(traces: list[Any]) -> list[Any]:
    """The same marks for the inset."""
    names = {LIT: LIT_NEAR_ONE}
    inset = {"xaxis": "x2", "yaxis": "y2", "showlegend": False}
    return [go.Scatter(trace).update(name=names.get(trace.name, f"{trace.name}, near 1"), **inset) for trace in traces]


def _near_one(p: MechanismDrawing, made: go.Figure) -> go.Figure:
    """An inset of the neighbourhood of 1, where the timescales are told apart."""
    axis = {
        "showline": True,
        "mirror": True,
        "linecolor": p.theme.muted,
        "gridcolor": p.theme.grid,
        "zerolinecolor": p.theme.line,
        "tickfont": {"size": 9},
        "nticks": 4,
    }
    return made.update_layout(
        xaxis2={**axis, "domain": [0.66, 0.99], "range": [0.8, 1.03], "anchor": "y2", "side": "top"},
        yaxis2={**axis, "domain": [0.02, 0.29], "range": [-0.115, 0.115], "anchor": "x2"},
    )


def _modes(p: MechanismDrawing) -> go.Figure:
    """Every mode as momentum: its learning rate against its decay."""
    traces = []
    levels = [rate for rate, _ in p.references.values()]
    if p.bundle.about["modes"]:
        rates, values, taus = p.array("rates"), p.array("eigenvalues"), p.array("timescales")
        size, decay = np.hypot(*rates.T), np.hypot(*values.T)
        levels += size[size > 0].tolist()
        symbols = ["circle" if rate >= 0 else "circle-open" for rate in rates[:, 0]]
        text = [
            f"mode {j + 1}, α = {number(float(rate))}, |λ| = {one:.4f}, timescale {number(float(tau))} steps"
            for j, (rate, one, tau) in enumerate(zip(rates[:, 0], decay, taus, strict=True))
        ]
        marker = {
            "size": 8,
            "color": p.color,
            "symbol": symbols,
            "line": {"width": 1.5, "color": p.color},
            "opacity": 0.8,
        }
        traces += [
            go.Scatter(
                x=np.where(size > 0, size, np.nan),
                y=decay,
                mode="markers",
                marker=marker,
                name="modes",
                customdata=np.arange(len(size)),
                text=text,
                hovertemplate="%{text}<extra></extra>",
            ),
            lit(p),
        ]
    for name, (rate, beta) in p.references.items():
        traces.append(
            star(
                p,
                rate,
                beta,
                f"{name}: α = {number(rate)}, β = {fraction(beta)}",
                "star-open" if "tuned" in name else "diamond-open",
            )
        )
    top = np.log10(max(levels, default=1.0)) + 0.4
    x = {"title": "learning rate |α|", "type": "log", "range": [top - 5, top]}
    return figure(p.theme, p.key, x, {"title": "decay |λ|", "range": [-0.03, 1.06]}, traces)


def _slowest(bundle: Bundle) -> tuple[float, float, float]:
    """|λ|, timescale and learning rate of the slowest mode."""
    value = bundle.arrays["eigenvalues"][0]
    return float(np.hypot(*value)), float(bundle.arrays["timescales"][0]), float(bundle.arrays["rates"][0, 0])


def _state_caption(bundle: Bundle, references: References) -> list[str]:
    """Under the state space."""
    about = bundle.about
    if not about["modes"]:
        return ["It has no state, or its state has no fixed point: there is no momentum to show."]
    first = about["fixed_points"][0]
    kind = f"a {first['stability']} fixed point" if first["converged"] else "only a slow point"
    sentences = [
        "States of a few components over a run, the fixed point they reach when the gradient stays 0 (star), and the chosen mode through it.",
        f"From {counted(sum(fixed_point['starts'] for fixed_point in about['fixed_points']), 'start')}, the search found {kind} with speed {number(first['speed'], 2)}"
        + (
            f", and {counted(len(about['fixed_points']) - 1, 'other point')}."
            if len(about["fixed_points"]) > 1
            else "."
        ),
    ]
    if about["failed"]:
        sentences.append(f"{counted(about['failed'], 'start')} failed: the state did not stay finite.")
    return sentences


def _update_caption(bundle: Bundle, references: References) -> list[str]:
    """Under the shifted update functions."""
    if not bundle.about["modes"]:
        return ["The update function never moves: the same gradient always gives the same update."]
    updates = bundle.arrays["updates"].astype(float)
    middle = updates.shape[2] // 2
    lift = updates[0, -1, middle] - updates[0, 0, middle]
    slopes = np.abs(updates[0, :, middle + 3] - updates[0, :, middle - 3])
    tilt = (slopes.max() - slopes.min()) / max(slopes.max(), 1e-30)
    return [
        "The update function at h* and at states shifted along the chosen mode, in the colours of their places in the state space. Momentum shifts it up and down without changing its shape.",
        f"Along the slowest mode, over the range of observed states, the update at gradient 0 moves by {number(abs(lift))}, and the slope changes by {100 * tilt:.0f} %.",
    ]


def _kernel_caption(bundle: Bundle, references: References) -> list[str]:
    kernel = bundle.about["kernel"]
    if kernel is None:
        return [f"There is no memory kernel because {bundle.about['why']}."]
    if kernel["beta"] is None:
        return ["The update does not depend on the gradient near the fixed point."]
    drawn = "How much each update answers a gradient of some steps before, near the fixed point: exact, no fit. Momentum has α βʲ."
    count = kernel["exponentials"]
    modes = "no sum of its modes" if count is None else "what is direct alone" if count == 0 else counted(count, "mode")
    return [
        drawn,
        (
            f"A gradient acts for {number(kernel['horizon'])} steps on average. The best single exponential has β = "
            f"{fraction(kernel['beta'])} and explains {number(100 * kernel['r2'])} % of the kernel; 99 % takes {modes}."
        ),
    ]


def _eigenvalues_caption(bundle: Bundle, references: References) -> list[str]:
    if not bundle.about["modes"]:
        return ["No state, no eigenvalues: it has no memory of past gradients."]
    size, timescale, _ = _slowest(bundle)
    tuned = [f"{name.capitalize()} has β = {fraction(beta)}" for name, (_, beta) in references.items()]
    sentences = [
        "Eigenvalues of the recurrent Jacobian at h*, larger where they contribute more to the memory kernel: the nearer to the unit circle, the longer a gradient is remembered. Point at one to highlight its mode.",
        f"The slowest has |λ| = {fraction(size)}, a timescale of {number(timescale)} steps."
        + (f" {'; '.join(tuned)}." if tuned else ""),
    ]
    sentences += bundle.about.get("counters", [])
    if bundle.about["near_defective"]:
        sentences.append(
            "Some modes nearly coincide (the Jacobian is near defective): their learning rates are not individually meaningful."
        )
    return sentences


def _modes_caption(bundle: Bundle, references: References) -> list[str]:
    """Under the modes as momentum."""
    if not bundle.about["modes"]:
        return ["Without modes, its whole learning rate is direct, as in gradient descent."]
    rates = bundle.arrays["rates"][:, 0].astype(float)
    best = int(np.abs(rates).argmax())
    size = float(np.hypot(*bundle.arrays["eigenvalues"][best]))
    direct = bundle.about["direct"]
    return [
        "Every mode acts as momentum with decay |λ| and learning rate α (open: negative). Stars are tuned optimizers, the diamond is the best momentum for the task's curvatures.",
        (
            f"The strongest mode has α = {number(float(rates[best]))} and |λ| = {fraction(size)}; "
            f"{number(0.0 if abs(direct) < ROUNDING else direct)} of the learning rate is direct, without memory."
        ),
    ]


def _frames(bundle: Bundle, common: Common) -> Frames:
    """The chosen mode, and the state shifted along it."""
    if not bundle.about["modes"]:
        return Frames({}, {"mode": [], "position": ["it has no mode"]})
    arrays = {name: values.astype(np.float64) for name, values in bundle.arrays.items()}
    x, updates = np.arcsinh(arrays["gradients"] / common.scale), arrays["updates"]
    ends, values, rates = arrays["directions"][..., :2], arrays["eigenvalues"], arrays["rates"]
    last, kept = updates.shape[1] - 1, slice(0, len(updates))
    size, rate = np.hypot(*values.T)[kept, None], np.hypot(*rates.T)[kept, None]
    fan = {
        _shift(i): Moving(Along(x), Along(updates[:, int(i / (FAN - 1) * last + 0.5)], ("mode",))) for i in range(FAN)
    }
    shifted = Along(updates, ("mode", "position"), smooth=True)
    here = [Along(ends[..., i, None], ("mode", "position"), smooth=True) for i in (0, 1)]
    shares = np.linspace(0, 1, FAN)
    places = ends[:, :1] + shares[:, None] * (ends[:, -1:] - ends[:, :1])
    figures = {
        "update": {**fan, MOVING: Moving(Along(x), shifted)},
        "state": {
            PLACES: Moving(Along(places[..., 0], ("mode",)), Along(places[..., 1], ("mode",))),
            LIT: Moving(Along(ends[..., 0], ("mode",)), Along(ends[..., 1], ("mode",))),
            MOVING: Moving(*here),
        },
        "eigenvalues": {
            name: Moving(Along(values[kept, :1], ("mode",)), Along(values[kept, 1:], ("mode",)))
            for name in (LIT, LIT_NEAR_ONE)
        },
        "modes": {LIT: Moving(Along(rate, ("mode",)), Along(size, ("mode",)))},
    }
    modes = [f"mode {j + 1}, |λ| = {one:.4f}" for j, one in enumerate(size[:, 0])]
    texts = [f"{share} % of the range observed".replace("-", "−") for share in range(-100, 101)]
    return Frames(figures, {"mode": modes, "position": texts})


MOMENTUM = Mechanism(
    "momentum",
    "Momentum",
    momentum_view,
    (
        MechanismFigure("kernel", "Memory kernel", _kernel, _kernel_caption),
        MechanismFigure("state", "State space", _state, _state_caption),
        MechanismFigure("update", "Update along a mode", _update, _update_caption),
        MechanismFigure("eigenvalues", "Eigenvalues", _eigenvalues, _eigenvalues_caption, points_at="mode"),
        MechanismFigure("modes", "Modes as momentum", _modes, _modes_caption, points_at="mode"),
    ),
    _frames,
    handle="Shift along the mode",
    at_typical_moment=True,
)
