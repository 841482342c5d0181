"""What the browser draws over the six figures of Explore at one inner step, as Plotly traces, for figures outside the browser."""

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType

from app.pages.explore.figures import FIGURES, Drawing
from app.shared.style import finite, line
from core.bundle import LOGIT_RANGE

Traces = list[BaseTraceType]
LOW, HIGH = {"light": "#4069aa", "dark": "#6ea0eb"}, {"light": "#be8c1e", "dark": "#e6b950"}  # a classifier's decisions
FAINT = ("landscape", "state")  # panels that draw whole paths faintly: the legend names the part up to the step


def _dot(d: Drawing, x: float, y: float, color: str, size: float = 10) -> go.Scatter:
    marker = {"size": size, "color": color, "line": {"color": d.theme.surface, "width": 1.5}}
    return go.Scatter(x=[x], y=[y], mode="markers", marker=marker, name="now", hoverinfo="skip", showlegend=False)


def _trail(points: np.ndarray, color: str, name: str) -> go.Scatter:
    """The part of a path up to the step, [k + 1, 2]."""
    points = finite(points)
    return line(points[:, 0], points[:, 1], color, name, width=2.4)


def _cursor(d: Drawing, step: int) -> dict[str, Any]:
    stroke = {"color": d.theme.text, "width": 1}
    return {"type": "line", "x0": step, "x1": step, "y0": 0, "y1": 1, "yref": "paper", "line": stroke, "opacity": 0.55}


def _components(d: Drawing) -> list[tuple[int, str, str]]:
    """Position in the bundle, colour and name of each component drawn."""
    names = d.bundle.about["components"]
    return [(index, color, names[index]) for index, color in zip(d.components, d.colors(), strict=True)]


def _loss(d: Drawing, step: int) -> Traces:
    losses = d.bundle.arrays["losses"]
    return [_dot(d, step, float(losses[d.row(name), step]), d.hues[name]) for name in reversed(d.optimizers)]


def _landscape(d: Drawing, step: int) -> Traces:
    arrays = d.bundle.arrays
    if "paths" in arrays:
        walked = [
            (arrays["paths"][d.row(name)][: step + 1], d.hues[name], d.titles[name]) for name in reversed(d.optimizers)
        ]
        dots = [_dot(d, float(points[-1][0]), float(points[-1][1]), color) for points, color, _ in walked]
        return [*(_trail(*one) for one in walked), *dots]
    if "logits" not in arrays:
        return []
    window = d.bundle.about["plane_window"]
    rows, columns = arrays["logits"].shape[-2:]
    x, y = (np.linspace(low, high, count) for (low, high), count in zip(window, (columns, rows), strict=True))
    sure = np.tanh(arrays["logits"][0, step] / 127 * LOGIT_RANGE / 2)  # twice the probability minus one
    colors = [[0, LOW[d.theme.name]], [0.5, d.theme.surface], [1, HIGH[d.theme.name]]]
    field = {"zmin": -1, "zmax": 1, "colorscale": colors, "opacity": 0.42, "zsmooth": "best", "name": "decision"}
    boundaries: Traces = [go.Heatmap(x=x, y=y, z=sure, showscale=False, hoverinfo="skip", **field)]
    for name in reversed(d.optimizers):
        level = {"start": 0, "end": 0, "coloring": "none"}
        values = arrays["logits"][d.row(name), step].astype(np.float32)
        stroke = {"color": d.hues[name], "width": 2.4 if d.row(name) == 0 else 1.6}
        common = {"x": x, "y": y, "showscale": False, "showlegend": True, "hoverinfo": "skip"}
        boundaries.append(go.Contour(z=values, contours=level, line=stroke, name=d.titles[name], **common))
    return boundaries


def _state(d: Drawing, step: int) -> Traces:
    states = d.bundle.arrays["state"]
    walked = [_trail(states[index][: step + 1], color, name) for index, color, name in _components(d)]
    here = [(states[index][step], color) for index, color, _ in _components(d)]
    dots = [_dot(d, float(point[0]), float(point[1]), color) for point, color in here]
    return [*walked, *dots]


def _update(d: Drawing, step: int) -> Traces:
    arrays = d.bundle.arrays
    x = d.spread(arrays["gradient_grid"].astype(np.float64))
    curves: Traces = []
    dots: Traces = []
    for index, color, name in _components(d):
        curves.append(line(x, finite(arrays["update"][index, step]), color, name, width=2))
        g, u = float(arrays["gradient"][index, step]), float(arrays["applied"][index, step])
        if np.isfinite([g, u]).all():
            dots.append(_dot(d, float(d.spread(np.array(g))), u, color))
    return [*curves, *dots]


def _gradient(d: Drawing, step: int) -> Traces:
    arrays = d.bundle.arrays
    edges = d.spread(arrays["histogram_edges"].astype(np.float64))
    density = np.repeat(arrays["histogram"][step] / np.diff(edges), 2)
    x = np.repeat(edges, 2)[1:-1]
    so_far = go.Scatter(
        x=x, y=density, mode="lines", fill="tozeroy", fillcolor=d.theme.fill, line={"width": 0}, name="so far"
    )
    top = float(np.nanmax(density, initial=0.0)) or 1.0
    ticks = []
    for index, color, name in _components(d):
        g = float(arrays["gradient"][index, step])
        if np.isfinite(g):
            at = float(d.spread(np.array(g)))
            ticks.append(line(np.array([at, at]), np.array([0, 0.16 * top]), color, name, width=2.5))
    return [so_far, *ticks]


def _rate(d: Drawing, step: int) -> Traces:
    rates = d.bundle.arrays["rate"]
    return [_dot(d, step, float(rates[index, step]), color, 8) for index, color, _ in _components(d)]


MOMENTS: dict[str, Callable[[Drawing, int], Traces]] = {
    "loss": _loss,
    "landscape": _landscape,
    "state": _state,
    "update": _update,
    "gradient": _gradient,
    "rate": _rate,
}


def at_step(name: str, drawing: Drawing, step: int) -> go.Figure:
    """A figure of Explore as it looks at one inner step, with a legend.

    Args:
        name: of the panel.
        drawing: what is drawn.
        step: inner step, 0 … K.
    """
    figure = FIGURES[name](drawing)
    if name in FAINT:
        figure.update_traces(showlegend=False, selector={"mode": "lines"})
    figure.add_traces(MOMENTS[name](drawing, step))
    if name in ("loss", "rate"):
        figure.add_shape(_cursor(drawing, step))
    figure.update_layout(showlegend=True, paper_bgcolor=drawing.theme.surface, plot_bgcolor=drawing.theme.surface)
    return figure
