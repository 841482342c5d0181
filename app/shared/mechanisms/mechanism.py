"""What a row of the table of mechanisms holds: how it is measured, its figures, their captions, and what moves in them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import plotly.graph_objects as go

from app.shared.mechanisms.drawing import MechanismDrawing
from app.shared.mechanisms.frames import Frames
from core.bundle import Bundle
from core.mechanisms.context import Context

References = dict[str, tuple[float, float]]  # what modes are compared with: (learning rate, momentum) by name


@dataclass(frozen=True)
class MechanismFigure:
    """One figure of a mechanism.

    Attributes:
        name: in links and file names.
        title: above it.
        draw: what stands still; traces that move are in it by name, without data.
        caption: sentences under it, with the optimizer's own numbers.
        points_at: what pointing at one of its marks chooses; the mark's ``customdata`` says which.
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
        measure: its arrays, for an optimizer on a task.
        figures: in the order of the page.
        frames: what moves in them.
        handle: what the slider moves, in words; "" where nothing moves.
        beside: hand-designed optimizers drawn thin beside it.
        snapshots_ahead: whether every snapshot is measured in the background, so that outer training plays like an animation.
    """

    name: str
    title: str
    measure: Callable[[Context], Bundle]
    figures: tuple[MechanismFigure, ...]
    frames: Callable[[Bundle], Frames]
    handle: str = ""
    beside: tuple[str, ...] = ()
    snapshots_ahead: bool = True

    def figure(self, name: str) -> MechanismFigure:
        """Its figure of that name."""
        return next(figure for figure in self.figures if figure.name == name)
