"""The six figures of the Explore page: what stands still while the inner step moves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from app.catalog import TITLES
from app.figures.style import OPTIMIZER_COLORS, Theme, component_colors, finite, frame, line, symlog_ticks
from core.bundle import Bundle

LEAST_LOSS = 1e-12  # losses below are rounding; the axis ends there


@dataclass(frozen=True)
class Drawing:
    """What the figures of one view share.

    Attributes:
        bundle: the arrays.
        key: of the bundle.
        theme: light or dark.
        shown: names of the optimizers to draw, the one under the microscope first.
        components: positions in the bundle's components.
        symlog: whether gradients are spread by asinh on their axis.
        sgd_rate: the tuned learning rate of SGD, drawn for reference; None if unknown.
    """

    bundle: Bundle
    key: str
    theme: Theme
    shown: Sequence[str]
    components: Sequence[int]
    symlog: bool
    sgd_rate: float | None

    @property
    def steps(self) -> np.ndarray:
        """0 … K."""
        return np.arange(self.bundle.about["steps"] + 1)

    @property
    def scale(self) -> float:
        """The gradient at which a symlog axis turns from linear to logarithmic."""
        return float(self.bundle.about["gradient_scale"])

    def row(self, name: str) -> int:
        """An optimizer's row in the bundle's arrays."""
        return int(self.bundle.about["optimizers"].index(name))

    def spread(self, gradients: np.ndarray) -> np.ndarray:
        """Gradients to positions on the gradient axis."""
        return np.arcsinh(gradients / self.scale) if self.symlog else gradients

    def gradient_range(self) -> list[float]:
        """Ends of the gradient axis."""
        grid = self.bundle.arrays["gradient_grid"]
        end = float(self.spread(grid[-1])) if self.symlog else float(self.bundle.about["gradient_typical"]) * 1.15
        return [-end, end]

    def colors(self) -> list[str]:
        """The colour of each component drawn."""
        return component_colors(len(self.components), self.theme)


def _log_axis(values: np.ndarray, ceiling: float = np.inf) -> dict[str, object]:
    """A log axis that holds all positive values up to a ceiling, with readable labels."""
    kept = values[np.isfinite(values) & (values > 0)]
    low, high = (np.log10(max(kept.min(), LEAST_LOSS)), np.log10(min(kept.max(), ceiling))) if len(kept) else (-1, 1)
    margin = 0.05 * max(high - low, 0.2)
    decades = high - low
    dtick = "D2" if decades < 1.6 else max(1, round(decades / 5))
    return {"type": "log", "range": [float(low - margin), float(high + margin)], "dtick": dtick}


def loss_figure(d: Drawing) -> go.Figure:
    """f(x_k) of every optimizer, log scale."""
    losses = d.bundle.arrays["losses"]
    rows = [d.row(name) for name in d.shown]
    ceiling = 1e3 * float(losses[0, 0])
    figure = frame(
        d.theme,
        d.key,
        {"title": "inner step", "range": [-2, d.steps[-1] + 2]},
        {"title": "loss", **_log_axis(losses[rows], ceiling)},
    )
    for name, row in zip(d.shown, rows, strict=True):
        positive = np.where(losses[row] > 0, finite(losses[row]), np.nan)
        template = f"{TITLES[name]}: %{{y:.3g}} at step %{{x}}<extra></extra>"
        width = 2.4 if row == 0 else 1.6
        figure.add_trace(
            line(d.steps, positive, OPTIMIZER_COLORS[name], TITLES[name], width=width, hovertemplate=template)
        )
    return figure


def landscape_figure(d: Drawing) -> go.Figure:
    """The loss around the trajectories, or the data that a classifier separates."""
    about, arrays = d.bundle.about, d.bundle.arrays
    if about["landscape"] == "field":
        return _data_figure(d)
    x_range, y_range = about["plane_window"]
    x_label, y_label = about["plane_labels"]
    figure = frame(d.theme, d.key, {"title": x_label, "range": x_range}, {"title": y_label, "range": y_range})
    height = np.log10(np.maximum(arrays["surface"], LEAST_LOSS))
    figure.add_trace(
        go.Contour(
            x=arrays["surface_x"],
            y=arrays["surface_y"],
            z=height,
            colorscale=[[0, d.theme.surface], [1, d.theme.far]],
            ncontours=16,
            line={"width": 0.7, "color": d.theme.contour},
            showscale=False,
            hovertemplate="loss 10<sup>%{z:.2f}</sup><extra></extra>",
            name="loss",
        )
    )
    for name in d.shown:
        path = finite(arrays["paths"][d.row(name)])
        figure.add_trace(
            line(path[:, 0], path[:, 1], OPTIMIZER_COLORS[name], TITLES[name], width=1, opacity=0.45, hoverinfo="skip")
        )
    marker = {"symbol": "star", "size": 11, "color": d.theme.text, "line": {"color": d.theme.surface, "width": 1}}
    x, y = about["minimum"]
    figure.add_trace(
        go.Scatter(x=[x], y=[y], mode="markers", marker=marker, name="minimum", hovertemplate="minimum<extra></extra>")
    )
    return figure


def _data_figure(d: Drawing) -> go.Figure:
    arrays = d.bundle.arrays
    x_range, y_range = d.bundle.about["plane_window"]
    figure = frame(
        d.theme, d.key, {"title": "first input", "range": x_range}, {"title": "second input", "range": y_range}
    )
    figure.update_xaxes(showgrid=False, zeroline=False)
    figure.update_yaxes(showgrid=False, zeroline=False)
    for label, symbol in ((0, "circle"), (1, "x-thin")):
        points = arrays["points"][arrays["labels"] == label][::2]
        marker = {"symbol": symbol, "size": 4.5, "color": d.theme.text, "opacity": 0.55}
        marker["line"] = {"width": 1.1 if label else 0, "color": d.theme.text}
        figure.add_trace(
            go.Scatter(
                x=points[:, 0],
                y=points[:, 1],
                mode="markers",
                marker=marker,
                name=f"class {label}",
                hovertemplate=f"class {label}<extra></extra>",
            )
        )
    return figure


def state_figure(d: Drawing) -> go.Figure:
    """States over the run in their first two principal components."""
    about, arrays = d.bundle.about, d.bundle.arrays
    share = [f"{100 * value:.1f} % of variance" for value in about["explained"]]
    titles = [f"PC {i + 1} ({text})" for i, text in enumerate(share)]
    if len(about["state_names"]) < 2:
        titles = [f"PC 1 (the whole state: {', '.join(about['state_names'])})", "no second dimension"]
    figure = frame(d.theme, d.key, {"title": titles[0]}, {"title": titles[1]})
    names = about["components"]
    for index, color in zip(d.components, d.colors(), strict=True):
        path = finite(arrays["state"][index])
        figure.add_trace(
            line(
                path[:, 0],
                path[:, 1],
                color,
                names[index],
                width=1,
                opacity=0.5,
                customdata=d.steps,
                hovertemplate=f"{names[index]}, step %{{customdata}}<extra></extra>",
            )
        )
    if about["rest"] is not None:
        _add_rest_point(figure, d)
    return figure


def _add_rest_point(figure: go.Figure, d: Drawing) -> None:
    rest = d.bundle.about["rest"]
    x, y = d.bundle.arrays["rest_point"]
    name = "fixed point (gradient 0)" if rest["converged"] else "slowest point found (gradient 0)"
    symbol = "star" if rest["converged"] else "star-open"
    marker = {"symbol": symbol, "size": 13, "color": d.theme.text, "line": {"color": d.theme.surface, "width": 1}}
    if not rest["converged"]:
        marker["line"] = {"color": d.theme.text, "width": 1.5}
    text = f"{name}, speed {rest['speed']:.1g}<extra></extra>"
    figure.add_trace(go.Scatter(x=[x], y=[y], mode="markers", marker=marker, name=name, hovertemplate=text))


def _gradient_axis(d: Drawing) -> dict[str, object]:
    axis: dict[str, object] = {"title": "gradient", "range": d.gradient_range()}
    if d.symlog:
        positions, labels = symlog_ticks(d.scale, float(d.bundle.arrays["gradient_grid"][-1]))
        axis |= {"tickvals": positions, "ticktext": labels, "tickangle": 0, "title": "gradient (symlog)"}
    return axis


def update_figure(d: Drawing) -> go.Figure:
    """The frame of the update function, and SGD's line."""
    arrays = d.bundle.arrays
    grid = arrays["gradient_grid"].astype(np.float64)
    low, high = d.gradient_range()
    spread = d.spread(grid)
    visible = (spread >= low) & (spread <= high)
    drawn = arrays["update"][list(d.components)][:, :, visible]
    kept = np.abs(drawn[np.isfinite(drawn)])
    reach = float(np.quantile(kept, 0.995)) * 1.1 if len(kept) else 1.0
    figure = frame(
        d.theme, d.key, _gradient_axis(d), {"title": "update", "range": [-reach or -1.0, reach or 1.0]}
    )
    if d.sgd_rate is not None:
        fine = np.linspace(low, high, 201)
        gradients = d.scale * np.sinh(fine) if d.symlog else fine
        text = f"tuned SGD: −{d.sgd_rate:.3g} × gradient<extra></extra>"
        figure.add_trace(
            line(fine, -d.sgd_rate * gradients, OPTIMIZER_COLORS["sgd"], "SGD", width=1.3, dash="dash", hovertemplate=text)
        )
    return figure


def gradient_figure(d: Drawing) -> go.Figure:
    """The density of all gradients of the run, on the same axis as the update function."""
    arrays = d.bundle.arrays
    share = arrays["histogram"][-1]
    edges = d.spread(arrays["histogram_edges"].astype(np.float64))
    density = share / np.diff(edges)
    low, high = d.gradient_range()
    inside = (edges[1:] > low) & (edges[:-1] < high)
    top = float(density[inside].max()) * 1.08 if inside.any() and density[inside].any() else 1.0
    figure = frame(
        d.theme, d.key, _gradient_axis(d), {"title": "density", "range": [0, top], "showticklabels": False}
    )
    figure.add_trace(
        line(
            np.repeat(edges, 2)[1:-1],
            np.repeat(density, 2),
            d.theme.muted,
            "whole run",
            width=1.2,
            hovertemplate="whole run<extra></extra>",
        )
    )
    return figure


def rate_figure(d: Drawing) -> go.Figure:
    """Effective learning rate of each component over steps, and of the other optimizers (median)."""
    arrays, names = d.bundle.arrays, d.bundle.about["components"]
    rates = arrays["rate"][list(d.components)]
    positive = rates[np.isfinite(rates) & (rates > 0)]
    log = bool(len(positive)) and (len(positive) == np.isfinite(rates).sum())
    # A first step far above all others (Adam's 1/ε) would flatten the rest.
    settled = rates[:, 1:]
    kept = settled[np.isfinite(settled)]
    y: dict[str, object] = {"title": "effective learning rate" + ("" if d.bundle.about["smooth"] else " (secant)")}
    others = [name for name in d.shown if d.row(name) > 0]
    reference = arrays["rate_reference"][[d.row(name) - 1 for name in others]] if others else np.empty((0, len(d.steps)))
    if log:
        both = np.concatenate([kept, reference[:, 1:][np.isfinite(reference[:, 1:])]])
        y |= _log_axis(both)
    elif len(kept):
        span = float(kept.max() - kept.min()) or 1.0
        y |= {"range": [float(kept.min()) - 0.06 * span, float(kept.max()) + 0.06 * span]}
    figure = frame(d.theme, d.key, {"title": "inner step", "range": [-2, d.steps[-1] + 2]}, y)
    for name, values in zip(others, reference, strict=True):
        text = f"{TITLES[name]}, median over components: %{{y:.3g}}<extra></extra>"
        color = OPTIMIZER_COLORS[name]
        figure.add_trace(
            line(d.steps, finite(values), color, TITLES[name], width=1.2, dash="dot", opacity=0.8, hovertemplate=text)
        )
    for index, values, color in zip(d.components, rates, d.colors(), strict=True):
        text = f"{names[index]}: %{{y:.3g}} at step %{{x}}<extra></extra>"
        figure.add_trace(line(d.steps, finite(values), color, names[index], hovertemplate=text))
    return figure


FIGURES = {
    "loss": loss_figure,
    "landscape": landscape_figure,
    "state": state_figure,
    "update": update_figure,
    "gradient": gradient_figure,
    "rate": rate_figure,
}
