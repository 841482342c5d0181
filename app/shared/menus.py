"""Menus, rows of buttons and sliders of several pages."""

from collections.abc import Sequence
from typing import Any, Literal

import dash_mantine_components as dmc

from app.shared.catalog import Subject, subjects

Size = Literal["xs", "sm"]


def menu(
    component: str,
    data: Sequence[Any],
    value: str | None,
    label: str,
    width: int,
    size: Size = "sm",
) -> dmc.Select:
    """A menu.

    Args:
        component: its id.
        data: its entries.
        value: the chosen one.
        label: what is chosen, for those who do not see it.
        width: in pixels.
        size: of its text.
    """
    return dmc.Select(
        id=component, data=data, value=value, allowDeselect=False, size=size, w=width, **{"aria-label": label}
    )


def buttons(
    component: str,
    data: Sequence[Any],
    value: str,
    label: str,
    size: Size = "sm",
) -> dmc.SegmentedControl:
    """A row of buttons; arguments are those of a menu."""
    return dmc.SegmentedControl(id=component, data=data, value=value, size=size, **{"aria-label": label})


def optimizer_options(task: str, chosen: str = "") -> list[dict[str, str]]:
    """Entries of the optimizer menu; the chosen one is among them even if it is not listed."""
    known = subjects(task)
    listed = list(known.values())
    more = [known[chosen]] if ":" in chosen else []
    return [{"value": subject.name, "label": subject.title} for subject in (*listed, *more)]


def outer_step_marks(subject: Subject) -> list[dict[str, Any]]:
    """Marks of the outer-step slider: one for each snapshot, evenly spaced, three of them labelled."""
    count = len(subject.snapshots)
    named = {0, count // 2, count - 1}
    return [
        {"value": i, "label": f"{step:,}"} if i in named else {"value": i} for i, step in enumerate(subject.snapshots)
    ]


def outer_step_properties(subject: Subject, outer_step: int | None) -> dict[str, Any]:
    """Properties of the outer-step slider; its value is a position among the snapshots."""
    if not subject.snapshots or outer_step is None:
        return {"min": 0, "max": 1, "value": 0, "marks": [], "disabled": True}
    position = subject.snapshots.index(outer_step)
    last = max(1, len(subject.snapshots) - 1)
    return {"min": 0, "max": last, "value": position, "marks": outer_step_marks(subject), "disabled": False}


def outer_step_text(subject: Subject, outer_step: int | None) -> str:
    """The text beside the outer-step slider."""
    if not subject.snapshots or outer_step is None:
        return "not trained"
    return f"{outer_step:,} of {subject.snapshots[-1]:,}"
