"""The figures of the Mechanisms page: from a bundle of one optimizer to Plotly. What moves in them is named ``moving``.

Traces that the browser moves hold no data at first; it finds them by name.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.figures.style import Theme, component_colors, figure, finite, line, symlog_ticks, translucent, viridis
from core.bundle import Bundle

MOVING = "moving"  # traces that follow the slider
LIT = "lit"  # marks on what is chosen
FAN = 5  # update functions along a mode that are drawn at once


@dataclass(frozen=True)
class Portrait:
    """One optimizer's view, to be drawn.

    Attributes:
        bundle: its arrays.
        color: the optimizer's.
        theme: light or dark.
        key: changes with the view, so that the browser keeps a zoom only within it.
        marks: points (learning rate, momentum) to compare modes with, by name.
        rivals: names and bundles of optimizers drawn thin beside it.
    """

    bundle: Bundle
    color: str
    theme: Theme
    key: str
    marks: dict[str, tuple[float, float]]
    rivals: dict[str, tuple[Bundle, str]]

    def array(self, name: str) -> np.ndarray:
        """One of the bundle's, float64."""
        return self.bundle.arrays[name].astype(np.float64)


def symlog_axis(p: Portrait, reach: float, title: str = "gradient (symlog)") -> dict[str, Any]:
    """An axis of asinh(g / scale) with round gradients as labels."""
    scale = p.bundle.about["scale"]
    positions, labels = symlog_ticks(scale, reach)
    end = float(np.arcsinh(reach / scale))
    return {"title": title, "tickvals": positions, "ticktext": labels, "tickangle": 0, "range": [-end, end]}


def spread(p: Portrait, gradients: np.ndarray) -> np.ndarray:
    """Where gradients stand on a `symlog_axis`."""
    return np.arcsinh(gradients / p.bundle.about["scale"])


def empty(p: Portrait, why: str) -> go.Figure:
    """A figure that says why there is nothing to draw."""
    made = figure(p.theme, p.key, {"visible": False}, {"visible": False}, [])
    made.add_annotation(
        text=why, showarrow=False, font={"size": 13, "color": p.theme.muted}, x=0.5, y=0.5, xref="paper", yref="paper"
    )
    return made


def _moving(color: str, **more: Any) -> go.Scatter:
    return line(np.array([]), np.array([]), color, MOVING, width=3, hoverinfo="skip", **more)


def _lit(p: Portrait, size: int = 17) -> go.Scatter:
    marker = {
        "size": size,
        "symbol": "circle-open",
        "color": p.theme.text,
        "line": {"width": 2.5, "color": p.theme.text},
    }
    return go.Scatter(x=[], y=[], mode="markers", marker=marker, name=LIT, hoverinfo="skip")


def _star(p: Portrait, x: float, y: float, name: str, symbol: str = "star") -> go.Scatter:
    marker = {"size": 13, "symbol": symbol, "color": p.theme.text, "line": {"width": 1.5, "color": p.theme.surface}}
    return go.Scatter(x=[x], y=[y], mode="markers", marker=marker, name=name, hovertemplate=f"{name}<extra></extra>")


def _components(explained: list[float]) -> list[str]:
    return [f"PC {i + 1} ({100 * share:.1f} %)" for i, share in enumerate(explained)]


# Momentum


def momentum_state(p: Portrait) -> go.Figure:
    """States of a few components around the fixed point, and the chosen mode through it."""
    if not p.bundle.about["modes"]:
        return empty(p, "no state that could rest")
    paths, rest = p.array("paths"), p.array("rest")
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
        line(np.array([]), np.array([]), p.color, LIT, width=4, hoverinfo="skip"),
        _star(p, rest[0], rest[1], "fixed point h*"),
        go.Scatter(x=[], y=[], mode="markers", marker={"size": 11, "color": p.color}, name=MOVING, hoverinfo="skip"),
    ]
    titles = _components(p.bundle.about["explained"])
    drawn = np.concatenate([paths.reshape(-1, 2), rest[None]])
    x, y = ({"title": title, "range": _padded(drawn[:, i])} for i, title in enumerate(titles))
    return figure(p.theme, p.key, x, y, traces)


def momentum_update(p: Portrait) -> go.Figure:
    """The update function at h*, and shifted along the chosen mode."""
    gradients, updates = spread(p, p.array("gradients")), p.array("updates")
    colors = [p.theme.muted if i == FAN // 2 else p.color for i in range(FAN)]
    if p.bundle.about["modes"]:
        traces = [
            line(
                gradients,
                gradients * np.nan,
                color,
                f"fan {i}",
                width=1.1,
                opacity=0.25 + 0.12 * abs(i - FAN // 2),
                hoverinfo="skip",
            )
            for i, color in enumerate(colors)
        ]
    else:
        traces = [line(gradients, updates[0, 0], p.color, "update", hoverinfo="skip")]
    traces.append(_moving(p.color))
    reach = float(np.abs(p.array("gradients")).max())
    return figure(p.theme, p.key, symlog_axis(p, reach), {"title": "update", "range": _padded(updates)}, traces)


def momentum_eigenvalues(p: Portrait) -> go.Figure:
    """Eigenvalues of the recurrent Jacobian at h*, the unit circle, and the tuned momentum."""
    angles = np.linspace(0, 2 * np.pi, 181)
    circle = line(np.cos(angles), np.sin(angles), p.theme.muted, "unit circle", width=1, dash="dot", hoverinfo="skip")
    traces = [circle]
    if p.bundle.about["modes"]:
        values, taus = p.array("eigenvalues"), p.array("timescales")
        text = [
            f"mode {j + 1}, λ = {a:.4f} {'−' if b < 0 else '+'} {abs(b):.4f}i, timescale {tau:.3g} steps"
            for j, ((a, b), tau) in enumerate(zip(values, taus, strict=True))
        ]
        marker = {"size": 8, "color": translucent(p.color, 0.75), "line": {"width": 1, "color": p.color}}
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
        traces.append(_lit(p))
    for name, (_, beta) in p.marks.items():
        traces.append(_star(p, beta, 0.0, f"{name}: β = {beta:.4g}", "star" if "tuned" in name else "diamond"))
    x = {
        "title": "real part of λ",
        "range": [-1.12, 1.12],
        "scaleanchor": "y",
        "constrain": "domain",
        "automargin": False,
    }
    y = {"title": "imaginary part", "range": [-1.12, 1.12], "constrain": "domain", "automargin": False}
    return figure(p.theme, p.key, x, y, traces)


def momentum_modes(p: Portrait) -> go.Figure:
    """Every mode as momentum: its learning rate against its decay."""
    traces = []
    levels = [rate for rate, _ in p.marks.values()]
    if p.bundle.about["modes"]:
        rates, values, taus = p.array("rates"), p.array("eigenvalues"), p.array("timescales")
        size, decay = np.hypot(*rates.T), np.hypot(*values.T)
        levels += size[size > 0].tolist()
        symbols = ["circle" if rate >= 0 else "circle-open" for rate in rates[:, 0]]
        text = [
            f"mode {j + 1}, α = {rate:.3g}, |λ| = {one:.4f}, timescale {tau:.3g} steps"
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
            _lit(p),
        ]
    for name, (rate, beta) in p.marks.items():
        traces.append(
            _star(p, rate, beta, f"{name}: α = {rate:.3g}, β = {beta:.4g}", "star" if "tuned" in name else "diamond")
        )
    top = np.log10(max(levels, default=1.0)) + 0.4
    x = {"title": "learning rate |α|", "type": "log", "range": [top - 5, top], "dtick": 1}
    return figure(p.theme, p.key, x, {"title": "decay |λ|", "range": [-0.03, 1.06]}, traces)


# Gradient clipping


def clipping_update(p: Portrait) -> go.Figure:
    """Update functions at h₀ and h* over the density of the gradients met."""
    gradients, updates = p.array("gradients"), p.array("updates")
    edges, density = spread(p, p.array("edges")), p.array("density")
    x = spread(p, gradients)
    steps_x, steps_y = np.repeat(edges, 2)[1:-1], np.repeat(density, 2)
    drawn = updates[np.isfinite(updates)]
    low, high = _padded(drawn)
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


# Learning-rate schedule


def schedule_path(p: Portrait) -> go.Figure:
    """The autonomous trajectory, coloured by step."""
    if "path" not in p.bundle.arrays:
        return empty(p, "no state that could drift")
    path = p.array("path")
    steps = np.arange(len(path))
    marker = {
        "size": 6,
        "color": steps,
        "colorscale": viridis(p.theme),
        "colorbar": {
            "title": {"text": "step", "side": "right"},
            "thickness": 10,
            "outlinewidth": 0,
            "tickfont": {"size": 10},
        },
    }
    traces: list[Any] = [
        line(path[:, 0], path[:, 1], p.theme.line, "path", width=1, hoverinfo="skip"),
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
    if "rest" in p.bundle.arrays:
        rest = p.array("rest")
        traces.append(_star(p, rest[0], rest[1], "fixed point h*"))
    traces.append(_lit(p))
    titles = _components(p.bundle.about["explained"])
    return figure(p.theme, p.key, {"title": titles[0]}, {"title": titles[1]}, traces)


def schedule_rate(p: Portrait) -> go.Figure:
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
            hovertemplate="step %{x}: %{y:.4g}<extra></extra>",
        ),
        _lit(p),
    ]
    y: dict[str, Any] = {"title": "effective learning rate", "rangemode": "tozero"}
    positive = rates[np.isfinite(rates) & (rates > 0)]
    if len(positive) and positive.max() > 50 * positive.min():
        y = {"title": "effective learning rate", "type": "log", "dtick": 1}
    return figure(p.theme, p.key, {"title": "autonomous step", "range": [-3, len(rates) + 2]}, y, traces)


def schedule_update(p: Portrait) -> go.Figure:
    """The update function at the scrubbed step, over those of every twentieth."""
    gradients, updates = spread(p, p.array("gradients")), p.array("updates")
    shown = range(0, len(updates), 20)
    colors = component_colors(len(updates), p.theme)
    traces = [
        line(gradients, finite(updates[k]), colors[k], f"step {k}", width=1, opacity=0.6, hoverinfo="skip")
        for k in shown
    ]
    traces.append(_moving(p.color))
    reach = float(np.abs(p.array("gradients")).max())
    kept = updates[list(shown)]
    return figure(p.theme, p.key, symlog_axis(p, reach), {"title": "update", "range": _padded(kept)}, traces)


# Learning-rate adaptation


def _pieces(p: Portrait) -> list[slice]:
    """The curve's separate branches."""
    ends = np.cumsum(p.bundle.about["breaks"])
    return [slice(int(end - count), int(end)) for end, count in zip(ends, p.bundle.about["breaks"], strict=True)]


def _stable(values: np.ndarray, unstable: np.ndarray, keep: bool) -> np.ndarray:
    """Values where the curve is stable (or is not), NaN elsewhere, joined at the change."""
    mask = (unstable == 0) if keep else (unstable > 0)
    if not keep:
        mask = mask | np.roll(mask, 1) | np.roll(mask, -1) if mask.any() else mask
    return np.where(mask, values, np.nan)


def adaptation_curve(p: Portrait) -> go.Figure:
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
    text = "g = %{text:.3g}<extra></extra>"
    dots = {"size": 6, "color": p.color, "symbol": ["circle" if unstable[i] == 0 else "circle-open" for i in chosen]}
    traces.append(
        go.Scatter(
            x=x[chosen],
            y=curve[chosen, 0],
            mode="markers",
            marker=dots,
            name="points",
            customdata=np.arange(len(chosen)),
            text=g[chosen],
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
    traces.append(_lit(p))
    reach = float(np.abs(g).max())
    title = _components(p.bundle.about["explained"])[0]
    return figure(
        p.theme, p.key, symlog_axis(p, reach, "constant gradient (symlog)"), {"title": f"h*(g), {title}"}, traces
    )


def adaptation_space(p: Portrait) -> go.Figure:
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
        x=[], y=[], z=[], mode="markers", marker={"size": 7, "color": p.color}, name=LIT, hoverinfo="skip"
    )
    made = figure(p.theme, p.key, {}, {}, [trace, lit])
    axis = {
        "backgroundcolor": "rgba(0,0,0,0)",
        "gridcolor": p.theme.grid,
        "zerolinecolor": p.theme.line,
        "tickfont": {"size": 8.5},
        "showspikes": False,
    }
    positions, labels = symlog_ticks(p.bundle.about["scale"], float(np.abs(g).max()))
    titles = [*_components(p.bundle.about["explained"]), "PC 2"][:2]
    made.layout.scene = {
        "xaxis": {
            **axis,
            "title": {"text": "gradient", "font": {"size": 10}},
            "tickvals": positions,
            "ticktext": labels,
        },
        "yaxis": {**axis, "title": {"text": titles[0], "font": {"size": 10}}},
        "zaxis": {**axis, "title": {"text": titles[1], "font": {"size": 10}}},
        "camera": {"eye": {"x": 1.75, "y": -1.75, "z": 0.9}},
    }
    made.layout.margin = {"l": 0, "r": 0, "t": 0, "b": 0}
    return made


def adaptation_update(p: Portrait) -> go.Figure:
    """The update function at the chosen point of the S-curve."""
    if "g" not in p.bundle.arrays:
        return empty(p, p.bundle.about["why"])
    gradients, updates = spread(p, p.array("gradients")), p.array("updates")
    traces: list[Any] = [
        line(gradients, finite(updates[i]), p.theme.muted, "another point", width=0.8, opacity=0.35, hoverinfo="skip")
        for i in range(0, len(updates), 6)
    ]
    traces += [_moving(p.color), _lit(p, 13)]
    reach = float(np.abs(p.array("gradients")).max())
    return figure(p.theme, p.key, symlog_axis(p, reach), {"title": "update", "range": _padded(updates)}, traces)


def adaptation_rate(p: Portrait) -> go.Figure:
    """The effective learning rate along both arms, beside RMSProp's and Adam's."""
    if "g" not in p.bundle.arrays:
        return empty(p, p.bundle.about["why"])
    traces: list[Any] = []
    everyone = {"": (p.bundle, p.color), **p.rivals}
    for name, (bundle, color) in everyone.items():
        if "g" not in bundle.arrays:
            continue
        g, rates = bundle.arrays["g"].astype(float), bundle.arrays["rates"].astype(float)
        for arm, mask in (("g > 0", g > 0), ("g < 0", g < 0)):
            if name and arm == "g < 0":
                continue  # the same as the other arm
            order = np.argsort(np.abs(g[mask]))
            text = f"{name or 'this one'}, {arm}: rate %{{y:.3g}} at |g| = %{{x:.3g}}<extra></extra>"
            dash = "solid" if arm == "g > 0" else "dash"
            values = np.where(rates > 0, rates, np.nan)[mask][order]
            traces.append(
                line(
                    np.abs(g[mask])[order],
                    values,
                    color,
                    name or arm,
                    width=1.3 if name else 2.4,
                    dash="dot" if name else dash,
                    hovertemplate=text,
                )
            )
    traces.append(_lit(p))
    low = p.bundle.about["scale"] / 30
    x = {
        "title": "size of the constant gradient",
        "type": "log",
        "range": np.log10([low, float(np.abs(p.array("g")).max())]).tolist(),
        "dtick": 1,
    }
    return figure(p.theme, p.key, x, {"title": "effective learning rate", "type": "log", "dtick": 1}, traces)


def _padded(values: np.ndarray) -> list[float]:
    kept = values[np.isfinite(values)]
    low, high = (float(kept.min()), float(kept.max())) if len(kept) else (-1.0, 1.0)
    margin = 0.06 * (high - low) or 1.0
    return [low - margin, high + margin]


FIGURES = {
    "momentum": {
        "state": momentum_state,
        "update": momentum_update,
        "eigenvalues": momentum_eigenvalues,
        "modes": momentum_modes,
    },
    "clipping": {"update": clipping_update, "slope": clipping_slope},
    "schedule": {"path": schedule_path, "rate": schedule_rate, "update": schedule_update},
    "adaptation": {
        "curve": adaptation_curve,
        "space": adaptation_space,
        "update": adaptation_update,
        "rate": adaptation_rate,
    },
}
