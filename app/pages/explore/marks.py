"""What moves in each panel of Explore, and the legend above it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from app.pages.explore.figures import Drawing
from app.shared.marks import STEP, Band, Boundary, Chip, Cursor, Field, Line, Mark, Point, Ref, Tick
from app.shared.numbers import number
from app.shared.style import OPTIMIZER_COLORS

NEGATIVE, POSITIVE = {"light": "#4069aa", "dark": "#6ea0eb"}, {"light": "#be8c1e", "dark": "#e6b950"}  # decisions


def _optimizers(d: Drawing) -> Iterator[tuple[int, dict[str, Any]]]:
    """The row of each optimizer in the bundle, and what its marks have in common; the chosen one last, on top of the others."""
    for name in reversed(d.optimizers):
        yield d.row(name), {"color": d.hues[name], "name": d.titles[name], "optimizer": d.hues[name]}


def _components(d: Drawing) -> list[tuple[int, dict[str, Any]]]:
    """The position of each component in the bundle, and what its marks have in common."""
    names = d.bundle.about["components"]
    return [
        (index, {"color": color, "name": names[index], "component": index})
        for index, color in zip(d.components, d.colors(), strict=True)
    ]


def _bigger(d: Drawing, row: int, chosen: float, other: float) -> float:
    """A size of the chosen optimizer's marks, or of the others'."""
    return chosen if row == d.row(d.optimizers[0]) else other


def optimizer_chips(d: Drawing) -> list[Chip]:
    """One for each optimizer."""
    return [Chip(color=d.hues[name], name=d.titles[name], optimizer=d.hues[name]) for name in d.optimizers]


def landscape_chips(d: Drawing) -> list[Chip]:
    """The optimizers, and what else is drawn: the minimum, or the classes of the data."""
    more = {
        "plane": [Chip(sign="★", name="minimum")],
        "field": [Chip(sign="●", name="class 0"), Chip(sign="✕", name="class 1")],
    }
    return [*optimizer_chips(d), *more.get(d.bundle.about["landscape"], [])]


def gradient_chips(d: Drawing) -> list[Chip]:
    """The components, and the densities of all gradients."""
    return [
        *component_chips(d),
        Chip(color=d.theme.fill, name="so far"),
        Chip(sign="—", name="whole run"),
    ]


def loss_chips(d: Drawing) -> list[Chip]:
    """One for each optimizer, with its meta-loss on this problem."""
    chips = [
        replace(chip, name=_scored(d, name, chip)) for name, chip in zip(d.optimizers, optimizer_chips(d), strict=True)
    ]
    return [*chips, *([Chip(sign="┈", name="mean of held-out problems ± s.e.")] if d.held_out else [])]


def _scored(d: Drawing, name: str, chip: Chip) -> str:
    loss = d.meta_loss(name)
    return f"{chip.name} ({number(loss, 2) if np.isfinite(loss) else 'diverges'})"


def component_chips(d: Drawing) -> list[Chip]:
    """One for each component drawn."""
    return [Chip(**common) for _, common in _components(d)]


def state_chips(d: Drawing) -> list[Chip]:
    """The components, and the star."""
    point = d.bundle.about["fixed_point"]
    if point is None:
        return component_chips(d)
    star = ("★", "fixed point") if point["converged"] else ("☆", "slowest point found")
    return [*component_chips(d), Chip(sign=star[0], name=star[1])]


def update_chips(d: Drawing) -> list[Chip]:
    """The components, and SGD's line."""
    sgd = [Chip(color=OPTIMIZER_COLORS["sgd"], name="SGD, tuned", dashed=True)] if d.sgd_rate is not None else []
    return [*component_chips(d), *sgd]


def rate_chips(d: Drawing) -> list[Chip]:
    """The components, and the line of each other optimizer (the median over components)."""
    others = [name for name in d.optimizers if d.row(name) > 0]
    lines = [
        Chip(color=d.hues[name], name=d.titles[name], title="median over components", dashed=True) for name in others
    ]
    return [*component_chips(d), *lines]


def loss_marks(d: Drawing) -> list[Mark]:
    """Where every optimizer is on its curve."""
    marks: list[Mark] = [Cursor(color=d.theme.text)]
    for row, common in _optimizers(d):
        loss = Ref("losses", (row, "step"))
        look: dict[str, Any] = {"ring": d.theme.surface, "radius": _bigger(d, row, 5, 4)}
        marks.append(Point(x=STEP, y=loss, reading=loss, lights="track", **look, **common))
    return marks


def landscape_marks(d: Drawing) -> list[Mark]:
    """The paths, strong up to the step, or a classifier's decisions at it."""
    shown = d.bundle.about["landscape"]
    return _path_marks(d) if shown == "plane" else _decision_marks(d) if shown == "field" else []


def _path_marks(d: Drawing) -> list[Mark]:
    marks: list[Mark] = []
    for row, common in _optimizers(d):  # below all else
        x, y = (Ref("paths", (row, ":", i)) for i in (0, 1))
        marks.append(Line(x=x, y=y, width=1, opacity=0.45, **common))
    for row, common in _optimizers(d):
        x, y = (Ref("paths", (row, ":step", i)) for i in (0, 1))
        marks.append(Line(x=x, y=y, width=_bigger(d, row, 2.6, 2), **common))
        x, y = (Ref("paths", (row, "step", i)) for i in (0, 1))
        look: dict[str, Any] = {"ring": d.theme.surface, "radius": _bigger(d, row, 5.5, 4.5)}
        marks.append(Point(x=x, y=y, lights="track", **look, **common))
    return marks


def _decision_marks(d: Drawing) -> list[Mark]:
    about = d.bundle.about
    (x0, x1), (y0, y1) = about["plane_window"]
    window = ((x0, x1), (y0, y1))
    chosen = d.row(d.optimizers[0])
    field = Field(
        values=Ref("logits", (chosen, "step", ":", ":")),
        unit=Ref("logit_units", (chosen, "step")),
        window=window,
        color=NEGATIVE[d.theme.name],
        positive=POSITIVE[d.theme.name],
        name="decision",
    )
    lines = [
        Boundary(
            values=Ref("logits", (row, "step", ":", ":")), window=window, width=_bigger(d, row, 2.6, 1.8), **common
        )
        for row, common in _optimizers(d)
    ]
    return [field, *lines]


def state_marks(d: Drawing) -> list[Mark]:
    """The states of each component up to the step."""
    paths: list[Mark] = []
    points: list[Mark] = []
    for index, common in _components(d):
        x, y = (Ref("state", (index, ":step", i)) for i in (0, 1))
        paths.append(Line(x=x, y=y, **common))
        x, y = (Ref("state", (index, "step", i)) for i in (0, 1))
        points.append(Point(x=x, y=y, ring=d.theme.surface, lights="track", **common))
    return [*paths, *points]


def update_marks(d: Drawing) -> list[Mark]:
    """The update function of each component, and the update it made."""
    curves: list[Mark] = []
    points: list[Mark] = []
    grid = Ref("gradient_grid", (":",))
    for index, common in _components(d):
        curves.append(Line(x=grid, y=Ref("update", (index, "step", ":")), lights="mark", **common))
        gradient, applied = Ref("gradient", (index, "step")), Ref("applied", (index, "step"))
        points.append(Point(x=gradient, y=applied, ring=d.theme.surface, reading=applied, **common))
    return [*curves, *points]


def gradient_marks(d: Drawing) -> list[Mark]:
    """The density of the gradients so far, and each component's gradient."""
    shares = Ref("histogram", ("step", ":"))
    so_far = Band(x=Ref("histogram_edges", (":",)), shares=shares, color=d.theme.fill, name="so far")
    ticks = []
    for index, common in _components(d):
        gradient = Ref("gradient", (index, "step"))
        ticks.append(Tick(x=gradient, reading=gradient, lights="mark", **common))
    return [so_far, *ticks]


def rate_marks(d: Drawing) -> list[Mark]:
    """Where every component is on its curve."""
    marks: list[Mark] = [Cursor(color=d.theme.text)]
    for index, common in _components(d):
        rate = Ref("rate", (index, "step"))
        marks.append(Point(x=STEP, y=rate, ring=d.theme.surface, radius=4, reading=rate, lights="track", **common))
    return marks
