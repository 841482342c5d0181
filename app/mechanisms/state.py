"""Everything a view of the Mechanisms page can be, as one typed table: links, controls and their limits derive from it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from app import query as links
from app.catalog import subjects
from app.fields import integer, read_optimizer, read_outer_step, snapshots
from app.query import Field, Values, choice
from core.errors import choose
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


def _read_versus(text: str, so_far: Values) -> str:
    choose(f"optimizer beside it for {so_far['task']}", text[:80], {"none": None, **subjects(so_far["task"])})
    return text


FIELDS: dict[str, Field] = {
    "task": Field(lambda _: next(iter(TASKS)), choice("task", TASKS), str),
    "optimizer": Field(lambda v: next(iter(subjects(v["task"]))), read_optimizer, str),
    "outer_step": Field(lambda v: max(snapshots(v), default=None), read_outer_step, str),
    "versus": Field(lambda v: "adam" if v["optimizer"] != "adam" else "momentum", _read_versus, str),
    "view": Field(lambda _: "momentum", choice("view", VIEWS), str),
    "mode": Field(lambda _: 1, integer("mode", 1, MODES), str),
    "position": Field(lambda _: LAST // 2, integer("position", 0, LAST), str),
    "theme": Field(lambda _: "auto", choice("theme", {"auto": 0, "light": 0, "dark": 0}), str),
}
assert list(FIELDS) == [field.name for field in fields(View)]


def parse(query: str | Mapping[str, str]) -> tuple[View, list[str]]:
    """The view a link asks for, and one sentence for everything in it that was wrong (and was left at its default)."""
    return links.parse(View, FIELDS, query)


def to_query(view: View, leave_out: tuple[str, ...] = ()) -> str:
    """The link of a view, without what is at its default: what `parse` reads back to the same view."""
    return links.to_query(view, FIELDS, leave_out)
