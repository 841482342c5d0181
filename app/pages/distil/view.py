"""The fields of a Distil view as one typed table."""

from dataclasses import dataclass

from app.pages.distil.data import distilled
from app.pages.distil.parts import ends, from_slider, to_slider
from app.shared.catalog import learned, some_learned
from app.shared.fields import THEME
from app.shared.links import Field, Links, Values, choice, whole
from core.distil.result import Distillation, Rung
from core.errors import InputError, choose
from core.optimizers.formula import Formula
from core.tasks import SHIPPED

DIGITS = 7  # of a number in a link
ROUNDING = 1e-5


@dataclass(frozen=True)
class View:
    """One view of the Distil page.

    Attributes:
        task: the task.
        optimizer: name of the learned optimizer; "" if the task has none.
        mechanisms: how many mechanisms the formula shown has, counted from the foot of the ladder, and beyond its top the rungs that were trained
            for longer; 0 for that of the best rung.
        numbers: names and values of those of its numbers that were moved by hand.
        theme: "light", "dark" or "auto".
    """

    task: str
    optimizer: str
    mechanisms: int
    numbers: tuple[tuple[str, float], ...]
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
    if result is None and number:
        raise InputError(f"{so_far['optimizer']} was not distilled yet: mechanisms can only be 0 (got {text!r:.40})")
    if number is None or number > most:
        raise InputError(f"mechanisms must be a whole number from 0 to {most} (got {text!r:.40})")
    return number


def _read_numbers(text: str, so_far: Values) -> tuple[tuple[str, float], ...]:
    result = distilled(so_far["task"], so_far["optimizer"])
    if result is None:
        raise InputError(f"{so_far['optimizer']} was not distilled yet: it has no numbers to change")
    trained = _rung(so_far["mechanisms"], result).formula.formula()
    given: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = part.partition(":")
        choose("number of this formula", name[:80], trained.values)
        try:
            given[name] = float(value)
        except ValueError:
            raise InputError(f"numbers are written NAME:VALUE and separated by commas (got {part!r:.60})") from None
        low, high = ends(name, trained.values[name])
        if not low - ROUNDING <= to_slider(name, given[name]) <= high + ROUNDING:
            low, high = (from_slider(name, end) for end in (low, high))
            raise InputError(f"{name} must be from {low:.4g} to {high:.4g} here (got {value[:40]})")
    return tuple((name, given[name]) for name in trained.values if name in given)


def _write_numbers(numbers: tuple[tuple[str, float], ...]) -> str:
    return ",".join(f"{name}:{value:.{DIGITS}g}" for name, value in numbers)


FIELDS: dict[str, Field] = {
    "task": Field(lambda _: SHIPPED[0], choice("task", dict.fromkeys(SHIPPED)), str),
    "optimizer": Field(_first, _read_optimizer, str),
    "mechanisms": Field(lambda _: 0, _read_mechanisms, str),
    "numbers": Field(lambda _: (), _read_numbers, _write_numbers, needs=("task", "optimizer", "mechanisms")),
    "theme": THEME,
}


def _rung(mechanisms: int, result: Distillation) -> Rung:
    return result.rungs[mechanisms - 1] if mechanisms else result.best


def rung_of(view: View, result: Distillation) -> Rung:
    """The rung whose formula a view shows."""
    return _rung(view.mechanisms, result)


def formula_of(view: View, result: Distillation) -> Formula:
    """The formula that a view shows: as it was trained, but for the numbers that were moved."""
    trained = rung_of(view, result).formula.formula()
    return Formula(trained.structure, {**trained.values, **dict(view.numbers)})


LINKS = Links(View, FIELDS)
parse = LINKS.parse
to_query = LINKS.to_query
