"""The moving parts of a mechanism's figures, computed once: the browser and static figures only select the frame to show.

A figure has traces by name; those that move get the coordinates of the chosen mode and of the slider's position. Positions go from 0
to `LAST`; an array along them may have fewer entries (knots), evenly spaced.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

LAST = 1000  # positions of the slider
MOVING = "moving"  # traces that follow the slider
LIT = "lit"  # marks on the chosen item
Axis = Literal["mode", "position"]


@dataclass(frozen=True)
class Along:
    """One coordinate of a trace's points.

    Attributes:
        values: [..., points]; NaN where nothing is drawn.
        over: its leading axes.
        smooth: whether to interpolate between the knots of the position; otherwise the nearest knot is used.
    """

    values: np.ndarray
    over: tuple[Axis, ...] = ()
    smooth: bool = False

    def at(self, mode: int, position: int) -> np.ndarray:
        """[points], for a mode (1 for the first; beyond the last it is the last) and a position of the slider."""
        values = self.values
        for axis in self.over:
            if axis == "mode":
                values = values[min(mode, len(values)) - 1]
                continue
            place = position / LAST * (len(values) - 1)
            low = min(int(place), max(len(values) - 2, 0))
            if self.smooth and len(values) > 1:
                values = values[low] + (place - low) * (values[low + 1] - values[low])
            else:
                values = values[int(place + 0.5)]
        return values

    def as_json(self) -> dict[str, Any]:
        """For the browser: numbers of four digits, None where nothing is drawn."""
        return {"values": _plain(self.values.tolist()), "over": list(self.over), "smooth": self.smooth}


@dataclass(frozen=True)
class Moving:
    """The coordinates of a trace that moves."""

    x: Along
    y: Along
    z: Along | None = None

    def coordinates(self) -> dict[str, Along]:
        """By name."""
        return {"x": self.x, "y": self.y} | ({} if self.z is None else {"z": self.z})


@dataclass(frozen=True)
class Frames:
    """Everything that moves in the figures of one mechanism.

    Attributes:
        figures: by figure, then by the trace's name.
        texts: the texts beside the slider, one for each mode and one for each knot of the position.
    """

    figures: Mapping[str, Mapping[str, Moving]]
    texts: Mapping[Axis, list[str]]

    @property
    def modes(self) -> int:
        """How many modes can be chosen."""
        return len(self.texts["mode"])

    def text(self, mode: int, position: int) -> str:
        """The text beside the slider."""
        found = [self.texts["mode"][min(mode, self.modes) - 1]] if self.modes else []
        knots = self.texts["position"]
        return ", ".join([*found, *([knots[int(position / LAST * (len(knots) - 1) + 0.5)]] if knots else [])])

    def as_json(self) -> dict[str, Any]:
        """For the browser."""
        figures = {
            name: {
                trace: {axis: along.as_json() for axis, along in moving.coordinates().items()}
                for trace, moving in traces.items()
            }
            for name, traces in self.figures.items()
        }
        return {"figures": figures, "texts": dict(self.texts)}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return float(f"{value:.4g}") if np.isfinite(value) else None


def static_figure(name: str, figure: go.Figure, frames: Frames, mode: int, position: int) -> go.Figure:
    """A copy of a figure with its moving parts at a mode and position, for exports and notebooks.

    Args:
        name: of the figure.
        figure: as on the page.
        frames: what moves.
        mode: the mode lit, 1 for the slowest.
        position: of the slider, 0 to `LAST`.
    """
    drawn = go.Figure(figure)
    for trace, moving in frames.figures.get(name, {}).items():
        points = {axis: along.at(mode, position) for axis, along in moving.coordinates().items()}
        drawn.update_traces(points, selector={"name": trace})
    drawn.for_each_trace(lambda trace: trace.update(showlegend=trace.showlegend is not False and bool(trace.name)))
    return drawn
