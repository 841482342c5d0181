"""Everything a view of the Performance page can be, as one typed table: links, controls and their limits derive from it."""

from dataclasses import dataclass

from app.shared.catalog import learned
from app.shared.fields import THEME
from app.shared.links import Field, Links, Values, choice
from core.errors import choose
from core.optimizers.hand_designed import BASELINES
from core.tasks import SHIPPED

OPTIMIZERS = ("learned", *BASELINES)
SORTABLE = ("optimizer", "meta_loss", "final_loss", "steps_to_target", "diverged")
SORTS = tuple(sign + name for name in SORTABLE for sign in ("", "-"))  # "-" sorts downwards


@dataclass(frozen=True)
class View:
    """One view of the Performance page.

    Attributes:
        task: whose numbers are shown in detail.
        optimizer: name of the learned optimizer compared on that task.
        baseline: the hand-designed optimizer whose tuning landscape is shown.
        shown: optimizers drawn, "learned" among them.
        sort: column the table is sorted by, with "-" before it downwards.
        theme: "light", "dark" or "auto".
    """

    task: str
    optimizer: str
    baseline: str
    shown: tuple[str, ...]
    sort: str
    theme: str


def _read_optimizer(text: str, so_far: Values) -> str:
    choose(f"learned optimizer for {so_far['task']}", text[:80], dict(learned(so_far["task"])))
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
