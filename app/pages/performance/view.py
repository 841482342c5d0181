"""The fields of a Performance view as one typed table. Links, controls and their limits derive from it."""

from dataclasses import dataclass

from app.shared.catalog import learned, some_learned
from app.shared.fields import THEME
from app.shared.links import Field, Links, Values, choice
from core.errors import choose
from core.optimizers.hand_designed import BASELINES
from core.tasks import SHIPPED

OPTIMIZERS = ("learned", *BASELINES)
SORTABLE = ("optimizer", "meta_loss", "final_loss", "steps_to_target", "diverged")
SORTS = tuple(sign + name for name in SORTABLE for sign in ("", "-"))  # "-" sorts in descending order


@dataclass(frozen=True)
class View:
    """One view of the Performance page.

    Attributes:
        task: the task shown in detail.
        optimizer: name of the learned optimizer compared on that task; "" if it has none.
        baseline: the hand-designed optimizer whose tuning landscape is shown.
        shown: visible optimizers, including "learned".
        sort: the column that the table is sorted by; with a leading "-" in descending order.
        theme: "light", "dark" or "auto".
    """

    task: str
    optimizer: str
    baseline: str
    shown: tuple[str, ...]
    sort: str
    theme: str


def _read_optimizer(text: str, so_far: Values) -> str:
    choose(f"learned optimizer for {so_far['task']}", text[:80], some_learned(so_far["task"]))
    return text


def _read_shown(text: str, so_far: Values) -> tuple[str, ...]:
    names = [] if text == "none" else text.split(",")
    for name in names:
        choose("optimizer", name[:80], dict.fromkeys(OPTIMIZERS))
    return tuple(name for name in OPTIMIZERS if name in names)


FIELDS: dict[str, Field] = {
    "task": Field(lambda _: SHIPPED[0], choice("task", dict.fromkeys(SHIPPED)), str),
    "optimizer": Field(lambda v: next(iter(learned(v["task"])), ""), _read_optimizer, str),
    "baseline": Field(lambda _: "momentum", choice("hand-designed optimizer", dict.fromkeys(BASELINES)), str, "rival"),
    "shown": Field(lambda _: OPTIMIZERS, _read_shown, lambda v: ",".join(v) or "none"),
    "sort": Field(lambda _: "meta_loss", choice("order of the table", dict.fromkeys(SORTS)), str),
    "theme": THEME,
}

KEPT_BY_BROWSER = ("shown", "sort")  # fields that only the browser changes, without asking the server
LINKS = Links(View, FIELDS)
parse = LINKS.parse
to_query = LINKS.to_query
