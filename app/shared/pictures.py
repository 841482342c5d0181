"""Pictures of problems: a loss over a plane with a path down it, or the data of a classifier."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.shared.style import LEAST_LOSS, OPTIMIZER_COLORS, Theme, figure, line, log_ticks

MOST_LEVELS = 16  # contour lines


def contour_lines(theme: Theme, x: np.ndarray, y: np.ndarray, loss: np.ndarray, floor: float) -> go.Contour:
    """Contours of a loss at even steps of its logarithm, with a scale in the loss.

    Args:
        theme: light or dark.
        x, y: the grid, [n] each.
        loss: at the grid's points, [n, n], rows are y.
        floor: the least loss with a contour.
    """
    heights = np.log10(np.maximum(loss, LEAST_LOSS))
    high = float(heights.max())
    low = min(max(float(np.log10(max(floor, LEAST_LOSS))), float(heights.min())), high)
    step = next(one for one in (0.25, 0.5, 1.0, 2.0, 4.0) if (high - low) / one < MOST_LEVELS)
    start = float(np.ceil(low / step) * step)
    ticks = log_ticks(start, high)
    colorbar = {
        "title": {"text": "loss", "side": "right", "font": {"size": 11}},
        "tickvals": np.log10(ticks["tickvals"]).tolist() if ticks["tickvals"] else [],
        "ticktext": ticks["ticktext"],
        "thickness": 9,
        "outlinewidth": 0,
        "tickfont": {"size": 10},
        "xpad": 4,
    }
    return go.Contour(
        x=x,
        y=y,
        z=np.maximum(heights, low - step),
        contours={"start": start, "end": high, "size": step},
        colorscale=[[0, theme.surface], [1, theme.far]],
        line={"width": 0.7, "color": theme.contour},
        colorbar=colorbar,
        hoverinfo="skip",
        name="loss",
        meta={"log10": "loss"},  # what its numbers are the logarithms of, for tables
    )


@dataclass(frozen=True)
class Surface:
    """A loss over a plane, and an optimizer's path down it.

    Attributes:
        x, y: the grid, [GRID] each.
        loss: at the grid's points, [GRID, GRID], rows are y.
        path: of the learned optimizer, [K + 1, 2]; its first point is the start.
        minimum: (x, y).
        floor: the least loss with a contour.
    """

    x: np.ndarray
    y: np.ndarray
    loss: np.ndarray
    path: np.ndarray
    minimum: tuple[float, float]
    floor: float = 0.0


@dataclass(frozen=True)
class Data:
    """The data of a classifier: points [data, 2] and their labels [data], 0 or 1."""

    points: np.ndarray
    labels: np.ndarray


def picture_figure(
    theme: Theme, scene: Surface | Data | None, optimizer: str = "learned", title: str = "path"
) -> go.Figure:
    """The picture of a task: contours of its loss with an optimizer's path, or the data of its classifier.

    Args:
        theme: light or dark.
        scene: what is drawn; None for nothing.
        optimizer: whose path it is.
        title: of the path in legends.
    """
    hidden = {"visible": False}
    if scene is None:
        return figure(theme, "picture", hidden, hidden, [])
    x, y, traces = (
        _surface(theme, scene, OPTIMIZER_COLORS[optimizer], title)
        if isinstance(scene, Surface)
        else _data(theme, scene)
    )
    made = figure(theme, "picture", {**hidden, **x}, {**hidden, **y}, traces)
    made.layout.margin = {"l": 0, "r": 0, "t": 0, "b": 0}
    return made


def _surface(theme: Theme, scene: Surface, color: str, title: str) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    contours = contour_lines(
        theme, scene.x, scene.y, scene.loss, max(scene.floor, float(np.quantile(scene.loss, 0.01)))
    )
    contours.showscale = False
    path = line(scene.path[:, 0], scene.path[:, 1], color, title, width=2.4)
    edge = {"color": theme.surface, "width": 1.2}
    start = go.Scatter(
        x=scene.path[:1, 0],
        y=scene.path[:1, 1],
        mode="markers",
        marker={"size": 9, "color": color, "line": edge},
        name="start",
    )
    minimum = go.Scatter(
        x=[scene.minimum[0]],
        y=[scene.minimum[1]],
        mode="markers",
        marker={"symbol": "star", "size": 13, "color": theme.text, "line": edge},
        name="minimum",
    )
    window = [{"range": [float(axis[0]), float(axis[-1])]} for axis in (scene.x, scene.y)]
    return window[0], window[1], [contours, path, start, minimum]


def _data(theme: Theme, scene: Data) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    traces = []
    for label, symbol, color in ((0, "circle", theme.muted), (1, "x-thin", theme.text)):
        points = scene.points[scene.labels == label][::2]
        marker = {"symbol": symbol, "size": 5, "color": color, "opacity": 0.75}
        marker["line"] = {"width": 1.3 if label else 0, "color": color}
        traces.append(go.Scatter(x=points[:, 0], y=points[:, 1], mode="markers", marker=marker, name=f"class {label}"))
    return {}, {}, traces
