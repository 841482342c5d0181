"""Fields of several pages' views: the optimizer, its snapshot, whole numbers."""

from collections.abc import Callable

from app.shared.catalog import Subject, subjects, with_own_values
from app.shared.links import Field, Values, choice, whole
from core.errors import InputError, choose

THEME = Field(lambda _: "auto", choice("theme", {"auto": 0, "light": 0, "dark": 0}), str)


def integer(name: str, low: int, high: int) -> Callable[[str, Values], int]:
    """A reader for whole numbers from low to high."""

    def read(text: str, so_far: Values) -> int:
        number = whole(text)
        if number is None or not low <= number <= high:
            raise InputError(f"{name} must be a whole number from {low} to {high} (got {text!r:.40})")
        return number

    return read


def options(task: str, text: str) -> dict[str, Subject]:
    """The optimizers to choose from; the repaired ones, many and named after the others, only if the text names one."""
    known = subjects(task)
    return dict(known) if text in known else {name: one for name, one in known.items() if one.repairs is None}


def read_optimizer(text: str, so_far: Values) -> str:
    """One of the task's optimizers, or a hand-designed one with hyperparameters of one's own."""
    if ":" in text:
        return with_own_values(so_far["task"], text).name
    choose(f"optimizer for {so_far['task']}", text[:80], options(so_far["task"], text))
    return text


def snapshots(so_far: Values) -> tuple[int, ...]:
    """Outer steps of the optimizer's snapshots."""
    return subjects(so_far["task"])[so_far["optimizer"]].snapshots


def read_outer_step(text: str, so_far: Values) -> int:
    """The outer step of one of its snapshots."""
    kept, number = snapshots(so_far), whole(text)
    if number is None or number not in kept:
        allowed = f"choose one of {', '.join(map(str, kept))}" if kept else "a hand-designed optimizer has none"
        raise InputError(f"no snapshot at outer step {text!r:.40}: {allowed}")
    return number


Choice = tuple[str, int | None]  # an optimizer's name, and the outer step of its snapshot if it has snapshots


def read_choice(text: str, task: str) -> Choice:
    """An optimizer of a task, as in "adam" or "linear_regression-lstm64@5000"; without "@", its last snapshot.

    Raises:
        InputError: no such optimizer, or no such snapshot.
    """
    name, at, step = text.partition("@")
    name = read_optimizer(name, {"task": task})
    so_far = {"task": task, "optimizer": name}
    return name, read_outer_step(step, so_far) if at else max(snapshots(so_far), default=None)


def write_choice(choice: Choice) -> str:
    """The text that `read_choice` reads back."""
    name, step = choice
    return name if step is None else f"{name}@{step}"


def outer_step_at(kept: tuple[int, ...], position: int) -> int:
    """The snapshot at a position of the outer-step slider; a position beyond the ends counts as the end."""
    return kept[min(max(int(position), 0), len(kept) - 1)]
