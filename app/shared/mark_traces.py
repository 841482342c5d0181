"""Marks at one step as Plotly traces, for figures outside the browser."""

from collections.abc import Callable, Mapping, Sequence
from functools import singledispatch

import numpy as np
import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType

from app.shared.marks import Band, Boundary, Cursor, Field, Line, Mark, Point, Ref, Tick
from app.shared.style import finite, line


class Moment:
    """A figure at one step.

    Args:
        figure: what does not move; marks are added to it.
        arrays: those that marks refer to.
        step: the one shown.
        spread: from values to positions on the horizontal axis.
        surface: the colour behind everything.
    """

    def __init__(
        self,
        figure: go.Figure,
        arrays: Mapping[str, np.ndarray],
        step: int,
        spread: Callable[[np.ndarray], np.ndarray],
        surface: str,
    ):
        self.figure, self.arrays, self.step, self.spread, self.surface = figure, arrays, step, spread, surface

    def read(self, ref: Ref) -> np.ndarray:
        """Numbers at this step."""
        return ref.read(self.arrays, self.step)

    def along(self, ref: Ref) -> np.ndarray:
        """Positions on the horizontal axis."""
        return finite(self.spread(self.read(ref)))


def add_marks(moment: Moment, marks: Sequence[Mark]) -> None:
    """Draw marks over a figure.

    Where whole paths are drawn faintly already, the legend names the parts up to the step.
    """
    if any(isinstance(mark, Line) and mark.y.grows for mark in marks):
        moment.figure.update_traces(showlegend=False, selector={"mode": "lines"})
    moment.figure.add_traces([trace for mark in marks for trace in _traces(mark, moment)])


@singledispatch
def _traces(mark: Mark, moment: Moment) -> Sequence[BaseTraceType]:
    raise TypeError(f"{type(mark).__name__} is not drawn outside the browser")


@_traces.register
def _line(mark: Line, moment: Moment) -> Sequence[BaseTraceType]:
    x, y = moment.along(mark.x), finite(moment.read(mark.y))
    return [line(x, y, mark.color, mark.name, width=mark.width, opacity=mark.opacity, showlegend=mark.opacity == 1)]


@_traces.register
def _point(mark: Point, moment: Moment) -> Sequence[BaseTraceType]:
    x, y = float(moment.along(mark.x)), float(moment.read(mark.y))
    if not np.isfinite([x, y]).all():
        return []
    marker = {"size": 2 * mark.radius, "color": mark.color, "line": {"color": mark.ring, "width": mark.edge}}
    return [
        go.Scatter(x=[x], y=[y], mode="markers", marker=marker, name="now", hoverinfo="skip", showlegend=False),
    ]


@_traces.register
def _tick(mark: Tick, moment: Moment) -> Sequence[BaseTraceType]:
    x = float(moment.along(mark.x))
    if not np.isfinite(x):
        return []
    low, high = moment.figure.layout.yaxis.range
    top = mark.height * (high - low)
    return [line(np.array([x, x]), np.array([0, top]), mark.color, mark.name, width=mark.width)]


@_traces.register
def _band(mark: Band, moment: Moment) -> Sequence[BaseTraceType]:
    edges = moment.along(mark.x)
    density = np.repeat(moment.read(mark.shares) / np.diff(edges), 2)
    x = np.repeat(edges, 2)[1:-1]
    area = {"fill": "tozeroy", "fillcolor": mark.color, "line": {"width": 0}}
    return [go.Scatter(x=x, y=density, mode="lines", name=mark.name, **area)]


@_traces.register
def _cursor(mark: Cursor, moment: Moment) -> Sequence[BaseTraceType]:
    x = float(moment.along(mark.x))
    stroke = {"color": mark.color, "width": mark.width}
    moment.figure.add_shape(type="line", x0=x, x1=x, y0=0, y1=1, yref="paper", line=stroke, opacity=mark.opacity)
    return []


def _grid(mark: Field | Boundary, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Places of the columns and the rows."""
    rows, columns = shape
    (x0, x1), (y0, y1) = mark.window
    return {"x": np.linspace(x0, x1, columns), "y": np.linspace(y0, y1, rows)}


@_traces.register
def _field(mark: Field, moment: Moment) -> Sequence[BaseTraceType]:
    sure = np.tanh(moment.read(mark.values) * moment.read(mark.unit) / 2)  # twice the probability minus one
    colors = [[0, mark.color], [0.5, moment.surface], [1, mark.positive]]
    look = {"zmin": -1, "zmax": 1, "colorscale": colors, "opacity": mark.opacity, "zsmooth": "best", "showscale": False}
    return [go.Heatmap(z=sure, **_grid(mark, sure.shape), **look, name=mark.name, hoverinfo="skip")]


@_traces.register
def _boundary(mark: Boundary, moment: Moment) -> Sequence[BaseTraceType]:
    values = moment.read(mark.values)
    stroke = {"color": mark.color, "width": mark.width}
    level = {"start": 0, "end": 0, "coloring": "none"}
    look = {"contours": level, "line": stroke, "showscale": False, "showlegend": True, "hoverinfo": "skip"}
    return [go.Contour(z=values, **_grid(mark, values.shape), **look, name=mark.name)]
