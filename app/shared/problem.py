"""The problem of a view, the number of inner steps on it, and what the problems of a task have in common."""

import functools
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, TypeAdapter

from core.runs import zoo
from core.seeds import Purpose, generator
from core.tasks import TASKS, PlanarProblems, Problems, Task, make_task

STEPS = 200  # inner steps of a view
TYPICAL_FILE = zoo.ROOT / "typical.json"  # written by tools/typical.py


class _Typical(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seed: int
    among: int
    watched: tuple[str, ...]
    startable: bool


@dataclass(frozen=True)
class Kind:
    """What all problems of a task have in common.

    Attributes:
        watched: names of the components that are offered for display.
        startable: whether a start point can be chosen on the landscape, which is then the whole space.
    """

    watched: tuple[str, ...]
    startable: bool


@functools.cache
def _typical() -> dict[str, _Typical]:
    if not TYPICAL_FILE.exists():
        return {}
    return TypeAdapter(dict[str, _Typical]).validate_json(TYPICAL_FILE.read_bytes())


def typical_seed(task: str) -> int:
    """The seed of the problem that a task opens on: a typical one if it was looked for, otherwise 0."""
    found = _typical().get(task)
    return 0 if found is None else found.seed


def kind_of(task: str) -> Kind:
    """What all problems of a task have in common: as it was kept with the typical problem, otherwise of one that is drawn."""
    found = _typical().get(task)
    return kind_drawn(TASKS[task]) if found is None else Kind(found.watched, found.startable)


@functools.lru_cache(maxsize=64)
def kind_drawn(task: type[Task]) -> Kind:
    """The same from a problem that is drawn, which needs torch."""
    problem = make_task(task.name).sample(1, generator(Purpose.VIEW, 0))
    names = problem.component_names()
    startable = isinstance(problem, PlanarProblems) and problem.plane().whole
    return Kind(tuple(names[i] for i in problem.watched_components()), startable)


def problem_of(task: str, seed: int, start: tuple[float, float] | None = None) -> Problems:
    """A problem of a task, alone in its batch.

    Args:
        task: its name.
        seed: of the problem.
        start: a start point in the plane instead of the problem's own, if the problem has a plane.
    """
    problem = make_task(task).sample(1, generator(Purpose.VIEW, seed))
    if start is not None and isinstance(problem, PlanarProblems):
        point = problem.x0.new_tensor([start])
        problem = problem.starting_at(problem.plane().lift(point))
    return problem
