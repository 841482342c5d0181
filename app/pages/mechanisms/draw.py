"""Draws a view of the Mechanisms page: each optimizer's figures, captions and moving parts."""

import hashlib
from dataclasses import dataclass, replace

import plotly.graph_objects as go

from app.pages.mechanisms.data import measured, mechanism_for, moment_of
from app.pages.mechanisms.view import View
from app.shared.catalog import TITLES, Subject, subjects
from app.shared.mechanisms import Mechanism
from app.shared.mechanisms.drawing import Common, MechanismDrawing, common_of
from app.shared.mechanisms.frames import Frames
from app.shared.mechanisms.references import references_of
from app.shared.style import OPTIMIZER_COLORS, Theme, described, log_ticks
from core.bundle import Bundle
from core.tasks import TASKS

SECOND = "#5b5bd6"  # of a learned optimizer beside another learned one


@dataclass(frozen=True)
class Side:
    """One optimizer of a view.

    Attributes:
        title, detail: in menus.
        color: the optimizer's.
        mechanism: how the view measures and draws it.
        moment: the second moment at which it is held; None where it is not.
        figures: by name.
        captions: sentences by name.
        frames: what moves in the figures.
    """

    title: str
    detail: str
    color: str
    mechanism: Mechanism
    moment: float | None
    figures: dict[str, go.Figure]
    captions: dict[str, list[str]]
    frames: Frames


ROOM = 0.5  # of its span by which an axis of the last snapshot grows for an earlier one, at most, at either end


def on_the_axes_of(made: go.Figure, final: go.Figure) -> go.Figure:
    """A figure of an earlier snapshot on the axes of the last one's, so that outer training is a film with one frame."""
    for name in ("xaxis", "yaxis"):
        own, kept = made.layout[name], final.layout[name]
        if own.range is None or kept.range is None or own.type != kept.type:
            continue
        low, high = kept.range
        room = ROOM * (high - low)
        ends = [max(min(own.range[0], low), low - room), min(max(own.range[1], high), high + room)]
        own.range = ends
        if own.type == "log":
            own.update(log_ticks(*ends))
    return made


def _side(view: View, subject: Subject, outer_step: int | None, color: str, theme: Theme, common: Common) -> Side:
    mechanism = mechanism_for(view.task, subject.name, outer_step, view.view)
    moment = moment_of(view.task, subject.name, outer_step, view.view, view.moment)
    bundle = measured(view.task, subject.name, outer_step, view.view, moment)
    references = references_of(view.task)
    key = hashlib.sha256(f"{view.task} {view.view} {subject.name}".encode()).hexdigest()[:16]
    baselines = {
        TITLES[name]: (measured(view.task, name, None, view.view), OPTIMIZER_COLORS[name]) for name in mechanism.beside
    }
    snapshot = "" if outer_step is None else f", outer step {outer_step:,}"
    about = f"{mechanism.title}, {TASKS[view.task].title}, {subject.title}{snapshot}"
    drawing = MechanismDrawing(bundle, color, theme, key, references, baselines, common)
    figures = {figure.name: figure.draw(drawing) for figure in mechanism.figures}
    last = max(subject.snapshots, default=None)
    if outer_step != last:
        final = replace(drawing, bundle=measured(view.task, subject.name, last, view.view))
        figures = {name: on_the_axes_of(made, mechanism.figure(name).draw(final)) for name, made in figures.items()}
    return Side(
        title=subject.title,
        detail=subject.detail_at(outer_step),
        mechanism=mechanism,
        moment=moment,
        color=color,
        figures={name: described(made, about) for name, made in figures.items()},
        captions={figure.name: figure.caption(bundle, references) for figure in mechanism.figures},
        frames=mechanism.frames(bundle, common),
    )


def draw(view: View, theme: Theme) -> list[Side]:
    """One or two sides.

    Raises:
        InputError: a file of an optimizer is damaged.
    """
    known = subjects(view.task)
    first = known[view.optimizer]
    shown = [(first, view.outer_step, OPTIMIZER_COLORS[first.key])]
    if view.versus != "none":
        other = known[view.versus]
        color = SECOND if other.key == first.key == "learned" else OPTIMIZER_COLORS[other.key]
        shown.append((other, max(other.snapshots, default=None), color))
    # The scales are those of the last snapshots, so that a film of outer training keeps its axes.
    last = []
    for one, _, _ in shown:
        at = max(one.snapshots, default=None)
        moment = moment_of(view.task, one.name, at, view.view, view.moment)
        last.append(measured(view.task, one.name, at, view.view, moment))
    common = common_of(last)
    sides = [_side(view, one, outer_step, color, theme, common) for one, outer_step, color in shown]
    return sides if view.view != "ablations" else _on_equal_terms(sides, last)


def _on_equal_terms(sides: list[Side], bundles: list[Bundle]) -> list[Side]:
    """Ablations of both sides; where those stored with a run are on other problems, every caption says so first."""
    counts = [bundle.about["ablations"]["problems"] for bundle in bundles if "ablations" in bundle.about]
    if len(set(counts)) <= 1:
        return sides
    warning = f"The two sides were measured on different numbers of problems ({' and '.join(map(str, counts))}): do not compare them."
    return [replace(side, captions={name: [warning, *said] for name, said in side.captions.items()}) for side in sides]
