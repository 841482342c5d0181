"""The figures of the Explore page with what moves in them drawn at one inner step: for paper and notebooks.

In the browser a canvas draws these marks over the figure (assets/panels.js); here they are traces.
"""

from collections.abc import Callable, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType

from app.catalog import TITLES
from app.figures.panels import FIGURES, Drawing
from app.figures.style import OPTIMIZER_COLORS, finite, line
from core.bundle import LOGIT_RANGE
from core.errors import choose

Marks = list[BaseTraceType]
LOW, HIGH = "#4069aa", "#be8c1e"  # a classifier's two decisions


def _dot(d: Drawing, place: Sequence[float] | np.ndarray, color: str, name: str, size: float = 10) -> go.Scatter:
    marker = {"size": size, "color": color, "line": {"width": 1.5, "color": d.theme.surface}}
    kept = np.array([place])[np.isfinite(np.array([place])).all(1)]
    return go.Scatter(x=kept[:, 0], y=kept[:, 1], mode="markers", marker=marker, name=name, showlegend=False)


def _trail(points: np.ndarray, step: int, color: str, name: str, width: float) -> go.Scatter:
    """The part of a path [K + 1, 2] walked so far."""
    walked = finite(points[: step + 1])
    return line(walked[:, 0], walked[:, 1], color, name, width=width, hoverinfo="skip")


def _loss(d: Drawing, step: int) -> Marks:
    losses = d.bundle.arrays["losses"]
    return [_dot(d, (step, losses[d.row(name), step]), OPTIMIZER_COLORS[name], TITLES[name]) for name in d.shown]


def _landscape(d: Drawing, step: int) -> Marks:
    drawn = {"plane": _paths, "field": _decisions}.get(d.bundle.about["landscape"])
    return drawn(d, step) if drawn else []


def _paths(d: Drawing, step: int) -> Marks:
    marks: Marks = []
    for name in reversed(d.shown):
        path, color = d.bundle.arrays["paths"][d.row(name)], OPTIMIZER_COLORS[name]
        marks.append(_trail(path, step, color, TITLES[name], 2.6 if d.row(name) == 0 else 2))
        marks.append(_dot(d, path[step], color, TITLES[name]))
    return marks


def _decisions(d: Drawing, step: int) -> Marks:
    """The decision of the classifier under training as a field, every optimizer's boundary as a line."""
    about, logits = d.bundle.about, d.bundle.arrays["logits"]
    rows, columns = logits.shape[2:]
    (x0, x1), (y0, y1) = about["plane_window"]
    x, y = np.linspace(x0, x1, columns), np.linspace(y0, y1, rows)
    sure = np.tanh(logits[d.row(d.shown[0]), step] / 127 * LOGIT_RANGE / 2)
    scale = [[0, LOW], [0.5, d.theme.surface], [1, HIGH]]
    marks: Marks = [
        go.Heatmap(
            x=x,
            y=y,
            z=sure,
            zmin=-1,
            zmax=1,
            colorscale=scale,
            opacity=0.42,
            showscale=False,
            zsmooth="best",
            hoverinfo="skip",
            name="decision",
            showlegend=False,
        )
    ]
    for name in reversed(d.shown):
        marks.append(
            go.Contour(
                x=x,
                y=y,
                z=logits[d.row(name), step].astype(np.float64),
                contours={"start": 0, "end": 0, "size": 1, "coloring": "none"},
                line={"color": OPTIMIZER_COLORS[name], "width": 2.6 if d.row(name) == 0 else 1.8},
                name=TITLES[name],
                showlegend=True,
                showscale=False,
                hoverinfo="skip",
            )
        )
    return marks


def _state(d: Drawing, step: int) -> Marks:
    marks: Marks = []
    for index, color in zip(d.components, d.colors(), strict=True):
        path, name = d.bundle.arrays["state"][index], d.bundle.about["components"][index]
        marks += [_trail(path, step, color, name, 2), _dot(d, path[step], color, name)]
    return marks


def _update(d: Drawing, step: int) -> Marks:
    arrays = d.bundle.arrays
    spread = d.spread(arrays["gradient_grid"].astype(np.float64))
    marks: Marks = []
    for index, color in zip(d.components, d.colors(), strict=True):
        name = d.bundle.about["components"][index]
        marks.append(line(spread, finite(arrays["update"][index, step]), color, name, width=2))
        at = float(d.spread(arrays["gradient"][index, step].astype(np.float64)))
        marks.append(_dot(d, (at, arrays["applied"][index, step]), color, name))
    return marks


def _gradient(d: Drawing, step: int) -> Marks:
    arrays = d.bundle.arrays
    edges = d.spread(arrays["histogram_edges"].astype(np.float64))
    heights = arrays["histogram"] / np.diff(edges)
    x, y = np.repeat(edges, 2)[1:-1], np.repeat(heights[step], 2)
    marks: Marks = [
        go.Scatter(x=x, y=y, mode="none", fill="tozeroy", fillcolor=d.theme.fill, name="so far", hoverinfo="skip")
    ]
    for index, color in zip(d.components, d.colors(), strict=True):
        at, name = (
            float(d.spread(arrays["gradient"][index, step].astype(np.float64))),
            d.bundle.about["components"][index],
        )
        if np.isfinite(at):
            marks.append(line(np.array([at, at]), np.array([0, 0.16 * heights[-1].max()]), color, name, width=2.5))
    return marks


def _rate(d: Drawing, step: int) -> Marks:
    rates, names = d.bundle.arrays["rate"], d.bundle.about["components"]
    pairs = zip(d.components, d.colors(), strict=True)
    return [_dot(d, (step, rates[index, step]), color, names[index], 8) for index, color in pairs]


MARKS: dict[str, Callable[[Drawing, int], Marks]] = {
    "loss": _loss,
    "landscape": _landscape,
    "state": _state,
    "update": _update,
    "gradient": _gradient,
    "rate": _rate,
}
FAINT = ("landscape", "state")  # figures whose whole paths are faint: the legend names what was walked
OVER_STEPS = ("loss", "rate")  # figures whose horizontal axis is the inner step


def still(name: str, d: Drawing, step: int) -> go.Figure:
    """A figure at one inner step, with a legend and a background of its own.

    Args:
        name: one of ``FIGURES``.
        d: what the figures share.
        step: the inner step, 0 … K.

    Raises:
        InputError: unknown figure.
    """
    made = choose("figure", name, FIGURES)(d)
    if name in FAINT:
        made.update_traces(showlegend=False, selector={"mode": "lines"})
    made.add_traces(MARKS[name](d, step))
    if name in OVER_STEPS:
        made.add_vline(x=step, line={"width": 1, "color": d.theme.text}, opacity=0.55)
    made.update_layout(showlegend=True, paper_bgcolor=d.theme.surface, plot_bgcolor=d.theme.surface)
    return made
