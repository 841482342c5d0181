"""Draws a view of the Mechanisms page: each optimizer's figures, captions and moving parts."""

import hashlib
from dataclasses import dataclass

import plotly.graph_objects as go

from app.pages.mechanisms.data import measured
from app.pages.mechanisms.view import View
from app.shared.catalog import TITLES, Subject, subjects
from app.shared.mechanisms import MECHANISMS
from app.shared.mechanisms.drawing import MechanismDrawing
from app.shared.mechanisms.frames import Frames
from app.shared.mechanisms.references import references_of
from app.shared.style import OPTIMIZER_COLORS, Theme, described
from core.tasks import TASKS

SECOND = "#5b5bd6"  # of a learned optimizer beside another learned one


@dataclass(frozen=True)
class Side:
    """One optimizer of a view.

    Attributes:
        title, detail: in menus.
        color: the optimizer's.
        figures: by name.
        captions: sentences by name.
        frames: what moves in the figures.
    """

    title: str
    detail: str
    color: str
    figures: dict[str, go.Figure]
    captions: dict[str, list[str]]
    frames: Frames


def _side(view: View, subject: Subject, outer_step: int | None, color: str, theme: Theme) -> Side:
    mechanism = MECHANISMS[view.view]
    bundle = measured(view.task, subject.name, outer_step, view.view)
    references = references_of(view.task)
    key = hashlib.sha256(f"{view.task} {view.view} {subject.name}".encode()).hexdigest()[:16]
    baselines = {
        TITLES[name]: (measured(view.task, name, None, view.view), OPTIMIZER_COLORS[name]) for name in mechanism.beside
    }
    snapshot = "" if outer_step is None else f", outer step {outer_step:,}"
    about = f"{mechanism.title}, {TASKS[view.task].title}, {subject.title}{snapshot}"
    drawing = MechanismDrawing(bundle, color, theme, key, references, baselines)
    return Side(
        title=subject.title,
        detail=subject.detail_at(outer_step),
        color=color,
        figures={figure.name: described(figure.draw(drawing), about) for figure in mechanism.figures},
        captions={figure.name: figure.caption(bundle, references) for figure in mechanism.figures},
        frames=mechanism.frames(bundle),
    )


def draw(view: View, theme: Theme) -> list[Side]:
    """One or two sides.

    Raises:
        InputError: a file of an optimizer is damaged.
    """
    known = subjects(view.task)
    first = known[view.optimizer]
    sides = [_side(view, first, view.outer_step, OPTIMIZER_COLORS[first.key], theme)]
    if view.versus != "none":
        other = known[view.versus]
        color = SECOND if other.key == first.key == "learned" else OPTIMIZER_COLORS[other.key]
        sides.append(_side(view, other, max(other.snapshots, default=None), color, theme))
    return sides
