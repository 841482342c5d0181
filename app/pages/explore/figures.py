"""The figures of the Explore page: everything that does not depend on the inner step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.shared.numbers import number
from app.shared.pictures import contour_lines
from app.shared.style import (
    OPTIMIZER_COLORS,
    Theme,
    component_colors,
    figure,
    finite,
    line,
    log_axis,
    symlog_ticks,
    translucent,
)
from core.bundle import Arrays, Bundle
from core.evaluation.held_out import Score


@dataclass(frozen=True)
class Drawing:
    """What the figures of one view share.

    Attributes:
        bundle: the arrays.
        key: of the view.
        theme: light or dark.
        optimizers: names of the optimizers to draw, the chosen one first.
        components: positions in the bundle's components.
        symlog: whether gradients are spread by asinh on their axis.
        sgd_rate: the tuned learning rate of SGD, drawn for reference; None if unknown.
        titles: of the optimizers by name.
        hues: their colours by name.
        beside: the bundles of all optimizers side by side, including this one; they share their axes.
        about: task, optimizer, snapshot and problem in words, for exports.
        held_out: loss curves over held-out problems to be drawn behind the losses, by the optimizers' names.
    """

    bundle: Bundle
    key: str
    theme: Theme
    optimizers: Sequence[str]
    components: Sequence[int]
    symlog: bool
    sgd_rate: float | None
    titles: Mapping[str, str]
    hues: Mapping[str, str]
    beside: Sequence[Bundle]
    about: str = ""
    held_out: Mapping[str, Score] = field(default_factory=dict)

    @property
    def steps(self) -> np.ndarray:
        """0 … K."""
        return np.arange(self.bundle.about["steps"] + 1)

    @property
    def scale(self) -> float:
        """The gradient at which a symlog axis turns from linear to logarithmic."""
        scales = [float(bundle.about["gradient_scale"]) for bundle in self.beside]
        return scales[0] if len(scales) == 1 else float(np.exp(np.mean(np.log(scales))))

    @property
    def largest(self) -> float:
        """The largest gradient on the axis."""
        return max(float(bundle.arrays["gradient_grid"][-1]) for bundle in self.beside)

    def row(self, name: str) -> int:
        """An optimizer's row in the bundle's arrays."""
        return int(self.bundle.about["optimizers"].index(name))

    def meta_loss(self, name: str) -> float:
        """An optimizer's meta-loss on this problem: the mean over inner steps of f(x_k)/f(x_0); infinite if it diverges."""
        losses = self.bundle.arrays["losses"][self.row(name)].astype(np.float64)
        return float(np.mean(losses / losses[0])) if np.isfinite(losses).all() else np.inf

    def spread(self, gradients: np.ndarray) -> np.ndarray:
        """Gradients to positions on the gradient axis."""
        return np.arcsinh(gradients / self.scale) if self.symlog else gradients

    def gradient_range(self) -> list[float]:
        """Ends of the gradient axis."""
        typical = max(float(bundle.about["gradient_typical"]) for bundle in self.beside)
        end = (float(self.spread(np.array(self.largest))) if self.symlog else typical * 1.15) or self.scale
        return [-end, end]

    def step_axis(self) -> dict[str, Any]:
        """The axis of inner steps."""
        return {"title": "inner step", "range": [-0.025 * self.steps[-1], 1.025 * self.steps[-1]], "zeroline": False}

    def colors(self) -> list[str]:
        """The colour of each component drawn."""
        return component_colors(len(self.components), self.theme)


def loss_figure(d: Drawing) -> go.Figure:
    """f(x_k) of every optimizer, log scale."""
    losses = d.bundle.arrays["losses"]
    rows = [d.row(name) for name in d.optimizers]
    traces: list[go.Scatter] = []
    for name in d.optimizers:
        if name in d.held_out:
            traces += _band(d, name, float(losses[d.row(name), 0]))
    for name, row in zip(d.optimizers, rows, strict=True):
        positive = np.where(losses[row] > 0, finite(losses[row]), np.nan)
        template = f"{d.titles[name]}: %{{y}} at step %{{x}}<extra></extra>"
        width = 2.4 if row == 0 else 1.6
        traces.append(line(d.steps, positive, d.hues[name], d.titles[name], width=width, hovertemplate=template))
    bound = d.bundle.about.get("loss_bound", 0.0)
    title = "loss" if not bound else f"loss − ({bound:.4g})".replace("-", "−")
    y = {"title": title, **log_axis(losses[rows], ceiling=1e3 * float(losses[0, 0]) or np.inf)}
    return figure(d.theme, d.key, d.step_axis(), y, traces).update_layout(hovermode=False)


def _band(d: Drawing, name: str, first: float) -> list[go.Scatter]:
    """Mean of f(x_k)/f(x_0) over held-out problems ± one standard error, at the scale of this problem's first loss."""
    score = d.held_out[name]
    mean, sem = (
        np.array([np.nan if value is None else value for value in values], dtype=np.float64) * first
        for values in (score.curve_mean, score.curve_sem)
    )
    steps = np.arange(len(mean)) if score.curve_steps is None else np.asarray(score.curve_steps)
    kept = np.isfinite(mean) & (mean > 0)
    x, mean, sem = steps[kept], mean[kept], np.nan_to_num(sem[kept])
    low = np.maximum(mean - sem, 0.02 * mean)
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    area = go.Scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([mean + sem, low[::-1]]),
        fill="toself",
        fillcolor=translucent(d.hues[name], 0.18),
        name=f"{d.titles[name]}, held out ± s.e.",
        **edge,
    )
    middle = line(
        x, mean, d.hues[name], f"{d.titles[name]}, mean of held-out problems", width=1, dash="dot", showlegend=False
    )
    return [area, middle.update(opacity=0.8)]


def landscape_figure(d: Drawing) -> go.Figure:
    """The loss around the trajectories, which are drawn over it, or the data that a classifier separates."""
    drawn = {"plane": _plane_figure, "field": _data_figure}.get(d.bundle.about["landscape"])
    return drawn(d) if drawn else _no_landscape(d)


def _no_landscape(d: Drawing) -> go.Figure:
    made = figure(d.theme, d.key, {"visible": False}, {"visible": False}, [])
    said = "The problems of this task cannot be drawn in a plane."
    made.add_annotation(
        text=said, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font={"color": d.theme.muted}
    )
    return made


def _plane_figure(d: Drawing) -> go.Figure:
    about, arrays = d.bundle.about, d.bundle.arrays
    bound = about.get("loss_bound", 0.0)
    above = arrays["surface"] - bound
    contours = contour_lines(
        d.theme, arrays["surface_x"], arrays["surface_y"], above, max(about["surface_floor"] - bound, 0.0)
    )
    minimum = _star(about["minimum"], "minimum", "minimum<extra></extra>", d.theme)
    x, y = (
        {"title": label, "range": window}
        for label, window in zip(about["plane_labels"], about["plane_window"], strict=True)
    )
    if about["startable"]:  # both axes are parameters: a step looks as long in one direction as in the other
        x["constrain"] = y["constrain"] = "domain"
        y["scaleanchor"] = "x"
    return figure(d.theme, d.key, x, y, [contours, minimum]).update_layout(hovermode=False)


def _data_figure(d: Drawing) -> go.Figure:
    arrays = d.bundle.arrays
    traces = []
    for label, symbol in ((0, "circle"), (1, "x-thin")):
        points = arrays["points"][arrays["labels"] == label][::2]
        marker = {"symbol": symbol, "size": 4.5, "color": d.theme.text, "opacity": 0.55}
        marker["line"] = {"width": 1.1 if label else 0, "color": d.theme.text}
        name = f"class {label}"
        text = f"{name}<extra></extra>"
        traces.append(
            go.Scatter(x=points[:, 0], y=points[:, 1], mode="markers", marker=marker, name=name, hovertemplate=text)
        )
    x, y = (
        {"title": f"{which} input", "range": window, "showgrid": False, "zeroline": False}
        for which, window in zip(("first", "second"), d.bundle.about["plane_window"], strict=True)
    )
    return figure(d.theme, d.key, x, y, traces)


def _path(points: np.ndarray, color: str, name: str, **more: Any) -> go.Scatter:
    """A whole trajectory [K + 1, 2] as a thin line; the part up to the current step is drawn over it."""
    return line(points[:, 0], points[:, 1], color, name, width=1, **more)


def _star(point: Sequence[float], name: str, text: str, theme: Theme, filled: bool = True) -> go.Scatter:
    """A special point."""
    edge = {"color": theme.surface, "width": 1} if filled else {"color": theme.text, "width": 1.5}
    marker = {"symbol": "star" if filled else "star-open", "size": 12, "color": theme.text, "line": edge}
    x, y = point
    return go.Scatter(x=[x], y=[y], mode="markers", marker=marker, name=name, hovertemplate=text)


def state_figure(d: Drawing) -> go.Figure:
    """States over the run in their first two principal components."""
    about, arrays = d.bundle.about, d.bundle.arrays
    titles = [f"PC {i + 1} ({100 * value:.1f} % of variance)" for i, value in enumerate(about["explained"])]
    if len(about["state_names"]) < 2:
        whole = ", ".join(about["state_names"]) or "no state"
        titles = [f"PC 1 (the whole state: {whole})", "no second dimension"]
    names = about["components"]
    traces = [
        _path(
            finite(arrays["state"][index]),
            color,
            names[index],
            opacity=0.5,
            customdata=d.steps,
            hovertemplate=f"{names[index]}, step %{{customdata}}<extra></extra>",
        )
        for index, color in zip(d.components, d.colors(), strict=True)
    ]
    fixed_point = about["fixed_point"]
    if fixed_point is not None:
        name = "fixed point" if fixed_point["converged"] else "slowest point found"
        text = f"{name} at gradient 0, speed {number(fixed_point['speed'], 1)}<extra></extra>"
        traces.append(_star(arrays["fixed_point"].tolist(), name, text, d.theme, filled=fixed_point["converged"]))
    points = np.concatenate([arrays["state"][list(d.components)].reshape(-1, 2), *_rest_points(arrays)])
    x, y = ({"title": title, "range": _padded(points[:, i])} for i, title in enumerate(titles))
    return figure(d.theme, d.key, x, y, traces)


def _rest_points(arrays: Arrays) -> list[np.ndarray]:
    return [arrays["fixed_point"][None]] if "fixed_point" in arrays else []


def _padded(values: np.ndarray) -> list[float]:
    """A range that leaves room for the marks at its ends."""
    kept = values[np.isfinite(values)]
    low, high = (float(kept.min()), float(kept.max())) if len(kept) else (0.0, 0.0)
    margin = 0.07 * (high - low) or 1.0
    return [low - margin, high + margin]


def _gradient_axis(d: Drawing) -> dict[str, Any]:
    axis: dict[str, Any] = {"title": "gradient", "range": d.gradient_range()}
    if d.symlog:
        positions, labels = symlog_ticks(d.scale, d.largest)
        axis |= {"tickvals": positions, "ticktext": labels, "tickangle": 0, "title": "gradient (symlog)"}
    return axis


def update_figure(d: Drawing) -> go.Figure:
    """The frame of the update function, and SGD's line."""
    low, high = d.gradient_range()
    reach = max(_update_reach(d, bundle.arrays) for bundle in d.beside) or 1.0
    traces = []
    if d.sgd_rate is not None:
        fine = np.linspace(low, high, 201)
        gradients = d.scale * np.sinh(fine) if d.symlog else fine
        text = f"tuned SGD: −{number(d.sgd_rate)} × gradient<extra></extra>"
        color = OPTIMIZER_COLORS["sgd"]
        traces.append(line(fine, -d.sgd_rate * gradients, color, "SGD", width=1.3, dash="dash", hovertemplate=text))
    return figure(d.theme, d.key, _gradient_axis(d), {"title": "update", "range": [-reach, reach]}, traces)


def _update_reach(d: Drawing, arrays: Arrays) -> float:
    """The end of the update axis."""
    low, high = d.gradient_range()
    spread = d.spread(arrays["gradient_grid"].astype(np.float64))
    drawn = arrays["update"][list(d.components)][:, :, (spread >= low) & (spread <= high)]
    applied = arrays["applied"][list(d.components)]
    kept, met = np.abs(drawn[np.isfinite(drawn)]), np.abs(applied[np.isfinite(applied)])
    return 1.1 * max(float(np.quantile(kept, 0.99)) if len(kept) else 0.0, float(met.max(initial=0.0)))


def gradient_figure(d: Drawing) -> go.Figure:
    """The density of all gradients of the run, on the same axis as the update function."""
    edges, density = _density(d, d.bundle.arrays)
    top = (
        _density_top(d, d.bundle.arrays) or 1.0
    )  # each column has its own: one density can be a thousand times another
    x, y = np.repeat(edges, 2)[1:-1], np.repeat(density, 2)
    outline = line(x, y, d.theme.muted, "whole run", width=1.2, hovertemplate="whole run<extra></extra>")
    vertical = {"title": "share per unit of axis", "range": [0, top], "zeroline": False}
    return figure(d.theme, d.key, _gradient_axis(d), vertical, [outline])


def _density(d: Drawing, arrays: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Of all gradients of a run on the gradient axis: edges [bins + 1] and density [bins]."""
    edges = d.spread(arrays["histogram_edges"].astype(np.float64))
    return edges, arrays["histogram"][-1] / np.diff(edges)


def _density_top(d: Drawing, arrays: Arrays) -> float:
    """The end of the density axis."""
    edges, density = _density(d, arrays)
    low, high = d.gradient_range()
    inside = (edges[1:] > low) & (edges[:-1] < high)
    return float(density[inside].max()) * 1.08 if inside.any() else 0.0


def rate_figure(d: Drawing) -> go.Figure:
    """Effective learning rate of each component over steps, and of the other optimizers (median)."""
    arrays, names = d.bundle.arrays, d.bundle.about["components"]
    rates = arrays["rate"][list(d.components)]
    others = [name for name in d.optimizers if d.row(name) > 0]
    reference = arrays["rate_reference"][[d.row(name) - 1 for name in others]] if others else rates[:0]
    traces = []
    for name, values in zip(others, reference, strict=True):
        text = f"{d.titles[name]}, median over components: %{{y}}<extra></extra>"
        color = d.hues[name]
        traces.append(
            line(d.steps, finite(values), color, d.titles[name], width=1.2, dash="dot", opacity=0.8, hovertemplate=text)
        )
    for index, values, color in zip(d.components, rates, d.colors(), strict=True):
        text = f"{names[index]}: %{{y}} at step %{{x}}<extra></extra>"
        traces.append(line(d.steps, finite(values), color, names[index], hovertemplate=text))
    y = {"title": "effective learning rate" + ("" if d.bundle.about["smooth"] else " (secant)")}
    drawn = np.concatenate([bundle.arrays["rate"][list(d.components)] for bundle in d.beside])
    medians = np.concatenate([_reference(d, bundle) for bundle in d.beside])
    made = figure(d.theme, d.key, d.step_axis(), {**y, **_rate_axis(drawn, medians)}, traces)
    return made.update_layout(hovermode=False)  # one box tells the step and every value


def _reference(d: Drawing, bundle: Bundle) -> np.ndarray:
    """The other optimizers' rates that are drawn beside this bundle's own, [others, K + 1]."""
    names = bundle.about["optimizers"]
    hidden = set(d.bundle.about["optimizers"]) - set(d.optimizers)
    rows = [i for i, name in enumerate(names[1:]) if name not in hidden]
    return bundle.arrays["rate_reference"][rows] if rows else np.empty((0, bundle.about["steps"] + 1))


def _rate_axis(rates: np.ndarray, reference: np.ndarray) -> dict[str, Any]:
    """Logarithmic if every rate is positive. The first step is ignored: Adam's 1/ε there would flatten the rest."""
    settled = rates[:, 1:][np.isfinite(rates[:, 1:])]
    if len(settled) == 0:
        return {}
    if (settled > 0).all():
        return log_axis(np.concatenate([settled, reference[:, 1:].ravel()]))
    return {"range": _padded(settled)}
