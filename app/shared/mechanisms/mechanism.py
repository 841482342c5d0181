"""A row of the table of mechanisms: its measurement, its figures with captions, and their moving parts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import plotly.graph_objects as go

from app.shared.mechanisms.drawing import Common, MechanismDrawing
from app.shared.mechanisms.frames import Frames
from core.bundle import Bundle
from core.mechanisms.context import Context

References = dict[str, tuple[float, float]]  # references for modes: (learning rate, momentum) by name


@dataclass(frozen=True)
class MechanismFigure:
    """One figure of a mechanism.

    Attributes:
        name: in links and file names.
        title: above it.
        draw: makes the static figure; its moving traces have names and no data.
        caption: sentences under it, with the optimizer's own numbers.
        points_at: what pointing at a mark selects; the mark's ``customdata`` is its index.
    """

    name: str
    title: str
    draw: Callable[[MechanismDrawing], go.Figure]
    caption: Callable[[Bundle, References], list[str]]
    points_at: Literal["mode", "position"] | None = None


@dataclass(frozen=True)
class Mechanism:
    """One mechanism.

    Attributes:
        name: in links.
        title: in menus and headings.
        measure: computes its arrays for an optimizer on a task.
        figures: in the order of the page.
        frames: makes their moving parts, at places that mean the same on both sides.
        handle: the label of the slider; "" if nothing moves.
        beside: hand-designed optimizers drawn thin beside it.
        at_typical_moment: whether optimizers with a second moment are measured where that is typical of a run: at gradient 0 it decays to 0.
        snapshots_ahead: whether every snapshot is measured in the background, so that outer training plays as an animation.
    """

    name: str
    title: str
    measure: Callable[[Context], Bundle]
    figures: tuple[MechanismFigure, ...]
    frames: Callable[[Bundle, Common], Frames]
    handle: str = ""
    beside: tuple[str, ...] = ()
    snapshots_ahead: bool = True
    at_typical_moment: bool = False

    def figure(self, name: str) -> MechanismFigure:
        """The figure of that name."""
        return next(figure for figure in self.figures if figure.name == name)
