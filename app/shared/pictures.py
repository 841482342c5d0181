"""Pictures of problems: a loss over a plane with a path down it, or the data of a classifier."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.shared.style import LEAST_LOSS, OPTIMIZER_COLORS, Theme, figure, line


@dataclass(frozen=True)
class Surface:
    """A loss over a plane, and an optimizer's path down it.

    Attributes:
        x, y: the grid, [GRID] each.
        loss: at the grid's points, [GRID, GRID], rows are y.
        path: of the learned optimizer, [K + 1, 2]; its first point is the start.
        minimum: (x, y).
    """

    x: np.ndarray
    y: np.ndarray
    loss: np.ndarray
    path: np.ndarray
    minimum: tuple[float, float]


@dataclass(frozen=True)
class Data:
    """The data of a classifier: points [data, 2] and their labels [data], 0 or 1."""

    points: np.ndarray
    labels: np.ndarray


def picture_figure(theme: Theme, scene: Surface | Data | None, optimizer: str = "learned") -> go.Figure:
    """The picture of a task: contours of its loss with an optimizer's path, or the data of its classifier."""
    hidden = {"visible": False}
    if scene is None:
        return figure(theme, "picture", hidden, hidden, [])
    x, y, traces = (
        _surface(theme, scene, OPTIMIZER_COLORS[optimizer]) if isinstance(scene, Surface) else _data(theme, scene)
    )
    made = figure(theme, "picture", {**hidden, **x}, {**hidden, **y}, traces)
    made.layout.margin = {"l": 0, "r": 0, "t": 0, "b": 0}
    return made


def _surface(theme: Theme, scene: Surface, color: str) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    heights = np.log10(np.maximum(scene.loss, LEAST_LOSS))
    contours = go.Contour(
        x=scene.x,
        y=scene.y,
        z=np.maximum(heights, np.quantile(heights, 0.01)),  # without this, the minimum would take all levels
        colorscale=[[0, theme.surface], [1, theme.far]],
        ncontours=14,
        line={"width": 0.8, "color": theme.contour},
        showscale=False,
    )
    path = line(scene.path[:, 0], scene.path[:, 1], color, "path", width=2.4)
    edge = {"color": theme.surface, "width": 1.2}
    start = go.Scatter(
        x=scene.path[:1, 0],
        y=scene.path[:1, 1],
        mode="markers",
        marker={"size": 9, "color": color, "line": edge},
    )
    minimum = go.Scatter(
        x=[scene.minimum[0]],
        y=[scene.minimum[1]],
        mode="markers",
        marker={"symbol": "star", "size": 13, "color": theme.text, "line": edge},
    )
    window = [{"range": [float(axis[0]), float(axis[-1])]} for axis in (scene.x, scene.y)]
    return window[0], window[1], [contours, path, start, minimum]


def _data(theme: Theme, scene: Data) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    traces = []
    for label, symbol, color in ((0, "circle", theme.muted), (1, "x-thin", theme.text)):
        points = scene.points[scene.labels == label][::2]
        marker = {"symbol": symbol, "size": 5, "color": color, "opacity": 0.75}
        marker["line"] = {"width": 1.3 if label else 0, "color": color}
        traces.append(go.Scatter(x=points[:, 0], y=points[:, 1], mode="markers", marker=marker))
    return {}, {}, traces
