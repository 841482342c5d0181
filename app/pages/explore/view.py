"""The fields of an Explore view as one typed table. Links, controls and their limits derive from it."""

import math
from dataclasses import dataclass, replace

from app.pages.explore.panels import PANELS
from app.shared.catalog import subjects, usual_baselines, with_own_values
from app.shared.fields import (
    THEME,
    Choice,
    integer,
    read_choice,
    read_optimizer,
    read_outer_step,
    snapshots,
    write_choice,
)
from app.shared.links import Field, Links, Values, choice, whole
from app.shared.problem import STEPS, kind_of, typical_seed
from core.errors import InputError, choose
from core.optimizers.hand_designed import BASELINES
from core.tasks import TASKS

SPEEDS = (5, 15, 30, 60, 120)  # inner steps per second
LARGEST_SEED = 999_999
SHOWN_AT_FIRST = 5  # components selected by default where there are many
MOST_COMPARED = 3  # optimizers beside the first


@dataclass(frozen=True)
class View:
    """One view of the Explore page.

    Attributes:
        task: name of the task.
        optimizer: name of the first optimizer.
        outer_step: of its snapshot; None for a hand-designed one.
        compare: up to three more, each with its own panels: (name, outer step or None).
        seed: of the problem.
        start: a start point instead of the problem's own, if the landscape allows it.
        baselines: hand-designed optimizers drawn in the same panels.
        own: one more, with hyperparameters of the visitor's own, as in "adam:learning_rate=0.1"; "" for none.
        band: whether the mean over held-out problems is drawn behind the losses: "on" or "off".
        components: positions in the problem's watched components.
        axis: scale of the gradient axis, "linear" or "symlog".
        panels: the panels shown.
        step: inner step.
        speed: of playback, inner steps per second.
        theme: "light", "dark" or "auto".
    """

    task: str
    optimizer: str
    outer_step: int | None
    compare: tuple[Choice, ...]
    seed: int
    start: tuple[float, float] | None
    baselines: tuple[str, ...]
    own: str
    band: str
    components: tuple[int, ...]
    axis: str
    panels: tuple[str, ...]
    step: int
    speed: int
    theme: str


def _read_speed(text: str, so_far: Values) -> int:
    number = whole(text)
    if number not in SPEEDS:
        raise InputError(f"speed must be one of {', '.join(map(str, SPEEDS))} (got {text!r:.40})")
    return number


def check_start(x: float, y: float) -> tuple[float, float]:
    """A valid start point, rounded to four digits.

    Raises:
        InputError: not finite, or further than 5 from the origin.
    """
    if not all(math.isfinite(value) and abs(value) <= 5 for value in (x, y)):
        raise InputError(f"start must be two numbers from -5 to 5 (got {x:g}, {y:g})")
    return round(float(x), 4) + 0.0, round(float(y), 4) + 0.0  # + 0.0: −0 is 0


def _read_start(text: str, so_far: Values) -> tuple[float, float]:
    if not kind_of(so_far["task"]).startable:
        raise InputError(f"a start point can be chosen only on 2-d landscapes, not on {so_far['task']}")
    parts = text.split(",") if text.isascii() and "_" not in text else []
    try:
        x, y = (float(part) for part in parts)
    except ValueError:
        raise InputError(f"start must be two numbers, as in 'start=-1.2,1' (got {text!r:.40})") from None
    return check_start(x, y)


def _read_baselines(text: str, so_far: Values) -> tuple[str, ...]:
    names = [] if text == "none" else text.split(",")
    for name in names:
        choose("hand-designed optimizer", name[:80], dict.fromkeys(BASELINES))
    return tuple(name for name in BASELINES if name in names)


def _read_own(text: str, so_far: Values) -> str:
    if ":" not in text:
        raise InputError(
            f"own must be an optimizer with hyperparameters, as in 'adam:learning_rate=0.1' (got {text!r:.60})"
        )
    return with_own_values(so_far["task"], text).name


def columns(view: View) -> list[View]:
    """One view for each optimizer on the same problem, the first optimizer's view first.

    In each view, the other optimizers are the ones it is compared with.
    """
    chosen = [(view.optimizer, view.outer_step), *view.compare]
    return [
        replace(view, optimizer=name, outer_step=step, compare=tuple(chosen[:i] + chosen[i + 1 :]))
        for i, (name, step) in enumerate(chosen)
    ]


def _watched(so_far: Values) -> int:
    return len(kind_of(so_far["task"]).watched)


def _read_components(text: str, so_far: Values) -> tuple[int, ...]:
    count = _watched(so_far)
    parts = text.split(",")
    numbers = {whole(part) for part in parts}
    if not all(number is not None and 1 <= number <= count for number in numbers):
        raise InputError(f"components must be numbers from 1 to {count}, as in '1,3' (got {text!r:.40})")
    return tuple(sorted(number - 1 for number in numbers if number is not None))


def _default_components(so_far: Values) -> tuple[int, ...]:
    count = _watched(so_far)
    return tuple(range(count)) if count <= SHOWN_AT_FIRST else tuple(range(0, count, -(-count // (SHOWN_AT_FIRST - 1))))


def read_compared(text: str, so_far: Values) -> tuple[Choice, ...]:
    """More optimizers, as in "adam,linear_regression-lstm64@5000".

    Raises:
        InputError: too many, an unknown one, or the same one twice.
    """
    parts = text.split(",") if text else []
    if len(parts) > MOST_COMPARED:
        raise InputError(f"compare takes at most {MOST_COMPARED} more optimizers (got {len(parts)})")
    chosen = [(so_far["optimizer"], so_far["outer_step"])]
    for part in parts:
        choice_ = read_choice(part, so_far["task"])
        if choice_ in chosen:
            raise InputError(f"compare needs different optimizers or snapshots ({part[:80]!r} is chosen already)")
        chosen.append(choice_)
    return tuple(chosen[1:])


def _read_panels(text: str, so_far: Values) -> tuple[str, ...]:
    names = text.split(",")
    for name in names:
        choose("panel", name[:80], PANELS)
    return tuple(name for name in PANELS if name in names)


FIELDS: dict[str, Field] = {
    "task": Field(lambda _: next(iter(TASKS)), choice("task", TASKS), str),
    "optimizer": Field(lambda v: next(iter(subjects(v["task"]))), read_optimizer, str),
    "outer_step": Field(lambda v: max(snapshots(v), default=None), read_outer_step, str),
    "compare": Field(lambda _: (), read_compared, lambda v: ",".join(map(write_choice, v))),
    "seed": Field(lambda v: typical_seed(v["task"]), integer("seed", 0, LARGEST_SEED), str),
    "start": Field(lambda _: None, _read_start, lambda v: f"{v[0]:g},{v[1]:g}"),
    "baselines": Field(lambda v: usual_baselines(v["task"]), _read_baselines, lambda v: ",".join(v) or "none", "shown"),
    "own": Field(lambda _: "", _read_own, str),
    "band": Field(lambda _: "off", choice("band", {"off": 0, "on": 0}), str),
    "components": Field(_default_components, _read_components, lambda v: ",".join(str(i + 1) for i in v)),
    "axis": Field(
        lambda _: "symlog",
        choice("axis", {"linear": 0, "symlog": 0}),
        str,
    ),
    "panels": Field(lambda _: tuple(PANELS), _read_panels, ",".join),
    "step": Field(lambda _: 0, integer("step", 0, STEPS), str),
    "speed": Field(lambda _: 30, _read_speed, str),
    "theme": THEME,
}

KEPT_BY_BROWSER = ("panels", "step", "speed")  # fields that only the browser changes, without asking the server
LINKS = Links(View, FIELDS)
parse = LINKS.parse
to_query = LINKS.to_query
