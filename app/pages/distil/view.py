"""The fields of a Distil view as one typed table."""

from dataclasses import dataclass

from app.pages.distil.data import distilled
from app.shared.catalog import learned, some_learned
from app.shared.fields import THEME
from app.shared.links import Field, Links, Values, choice, whole
from core.distil.result import Distillation, Rung
from core.errors import InputError, choose
from core.tasks import SHIPPED


@dataclass(frozen=True)
class View:
    """One view of the Distil page.

    Attributes:
        task: the task.
        optimizer: name of the learned optimizer; "" if the task has none.
        mechanisms: how many mechanisms the formula shown has, counted from the foot of the ladder, and beyond its top the rungs that were trained
            for longer; 0 for that of the best rung.
        theme: "light", "dark" or "auto".
    """

    task: str
    optimizer: str
    mechanisms: int
    theme: str


def _first(so_far: Values) -> str:
    """The first optimizer that was distilled, otherwise the first one."""
    known = learned(so_far["task"])
    return next((name for name in known if distilled(so_far["task"], name) is not None), next(iter(known), ""))


def _read_optimizer(text: str, so_far: Values) -> str:
    choose(f"learned optimizer for {so_far['task']}", text[:80], some_learned(so_far["task"]))
    return text


def _read_mechanisms(text: str, so_far: Values) -> int:
    result = distilled(so_far["task"], so_far["optimizer"])
    most = 0 if result is None else len(result.rungs)
    number = whole(text)
    if number is None or number > most:
        raise InputError(f"mechanisms must be a whole number from 0 to {most} (got {text!r:.40})")
    return number


FIELDS: dict[str, Field] = {
    "task": Field(lambda _: SHIPPED[0], choice("task", dict.fromkeys(SHIPPED)), str),
    "optimizer": Field(_first, _read_optimizer, str),
    "mechanisms": Field(lambda _: 0, _read_mechanisms, str),
    "theme": THEME,
}


def rung_of(view: View, result: Distillation) -> Rung:
    """The rung whose formula a view shows."""
    return result.rungs[view.mechanisms - 1] if view.mechanisms else result.best


LINKS = Links(View, FIELDS)
parse = LINKS.parse
to_query = LINKS.to_query
