"""Everything a view of the Mechanisms page can be, as one typed table: links, controls and their limits derive from it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from app import query as links
from app.catalog import subjects
from app.query import Field, Values, choice, whole
from core.errors import InputError, choose
from core.tasks import TASKS

VIEWS = {
    "momentum": "Momentum",
    "clipping": "Gradient clipping",
    "schedule": "Learning-rate schedule",
    "adaptation": "Learning-rate adaptation",
    "earnings": "What each earns",
}
LAST = 1000  # positions of the slider under the figures
MODES = 64


@dataclass(frozen=True)
class View:
    """One view of the Mechanisms page.

    Attributes:
        task: name of the task.
        optimizer: name of the optimizer under the microscope.
        outer_step: of its snapshot; None for a hand-designed one.
        versus: name of the optimizer beside it, or "none".
        view: which mechanism.
        mode: the mode lit, 1 for the slowest.
        position: of the slider under the figures, 0 to 1000.
        theme: "light", "dark" or "auto".
    """

    task: str
    optimizer: str
    outer_step: int | None
    versus: str
    view: str
    mode: int
    position: int
    theme: str


def _read_optimizer(text: str, so_far: Values) -> str:
    choose(f"optimizer for {so_far['task']}", text[:80], dict(subjects(so_far["task"])))
    return text


def _read_versus(text: str, so_far: Values) -> str:
    choose(f"optimizer beside it for {so_far['task']}", text[:80], {"none": None, **subjects(so_far["task"])})
    return text


def _snapshots(so_far: Values) -> tuple[int, ...]:
    return subjects(so_far["task"])[so_far["optimizer"]].snapshots


def _read_outer_step(text: str, so_far: Values) -> int:
    kept, number = _snapshots(so_far), whole(text)
    if number is None or number not in kept:
        allowed = f"choose one of {', '.join(map(str, kept))}" if kept else "a hand-designed optimizer has none"
        raise InputError(f"no snapshot at outer step {text!r:.40}: {allowed}")
    return number


def _number(name: str, low: int, high: int) -> Field:
    def read(text: str, so_far: Values) -> int:
        number = whole(text)
        if number is None or not low <= number <= high:
            raise InputError(f"{name} must be a whole number from {low} to {high} (got {text!r:.40})")
        return number

    return Field(lambda _: {"mode": 1, "position": LAST // 2}[name], read, str)


FIELDS: dict[str, Field] = {
    "task": Field(lambda _: next(iter(TASKS)), choice("task", TASKS), str),
    "optimizer": Field(lambda v: next(iter(subjects(v["task"]))), _read_optimizer, str),
    "outer_step": Field(lambda v: max(_snapshots(v), default=None), _read_outer_step, str),
    "versus": Field(lambda v: "adam" if v["optimizer"] != "adam" else "momentum", _read_versus, str),
    "view": Field(lambda _: "momentum", choice("view", VIEWS), str),
    "mode": _number("mode", 1, MODES),
    "position": _number("position", 0, LAST),
    "theme": Field(lambda _: "auto", choice("theme", {"auto": 0, "light": 0, "dark": 0}), str),
}
assert list(FIELDS) == [field.name for field in fields(View)]


def parse(query: str | Mapping[str, str]) -> tuple[View, list[str]]:
    """The view a link asks for, and one sentence for everything in it that was wrong (and was left at its default)."""
    return links.parse(View, FIELDS, query)


def to_query(view: View, leave_out: tuple[str, ...] = ()) -> str:
    """The link of a view, without what is at its default: what `parse` reads back to the same view."""
    return links.to_query(view, FIELDS, leave_out)
