"""The fields of a Mechanisms view as one typed table. Links, controls and their limits derive from it."""

from dataclasses import dataclass

from app.shared.catalog import subjects
from app.shared.fields import THEME, integer, options, read_optimizer, read_outer_step, snapshots
from app.shared.links import Field, Links, Values, choice
from app.shared.mechanisms import MECHANISMS
from app.shared.mechanisms.frames import LAST
from core.errors import choose
from core.tasks import TASKS

MODES = 64


@dataclass(frozen=True)
class View:
    """One view of the Mechanisms page.

    Attributes:
        task: name of the task.
        optimizer: name of the first optimizer.
        outer_step: of its snapshot; None for a hand-designed one.
        versus: name of the optimizer beside it, or "none".
        view: which mechanism.
        mode: the highlighted mode, 1 for the slowest.
        moment: of an optimizer with a second moment: the percentile of those observed over a run at which it is held, where a view does so.
        position: of the slider under the figures, 0 to 1000.
        theme: "light", "dark" or "auto".
    """

    task: str
    optimizer: str
    outer_step: int | None
    versus: str
    view: str
    mode: int
    moment: int
    position: int
    theme: str


def _read_versus(text: str, so_far: Values) -> str:
    choose(f"optimizer beside it for {so_far['task']}", text[:80], {"none": None, **options(so_far["task"], text)})
    return text


FIELDS: dict[str, Field] = {
    "task": Field(lambda _: next(iter(TASKS)), choice("task", TASKS), str),
    "optimizer": Field(lambda v: next(iter(subjects(v["task"]))), read_optimizer, str),
    "outer_step": Field(lambda v: max(snapshots(v), default=None), read_outer_step, str),
    "versus": Field(lambda v: "adam" if v["optimizer"] != "adam" else "momentum", _read_versus, str),
    "view": Field(lambda _: "momentum", choice("view", MECHANISMS, {"earnings": "ablations"}), str),
    "mode": Field(lambda _: 1, integer("mode", 1, MODES), str),
    "moment": Field(lambda _: 50, integer("moment", 1, 99), str),
    "position": Field(lambda _: LAST // 2, integer("position", 0, LAST), str),
    "theme": THEME,
}

KEPT_BY_BROWSER = ("mode", "position")  # fields that only the browser changes, without asking the server
LINKS = Links(View, FIELDS)
parse = LINKS.parse
to_query = LINKS.to_query
