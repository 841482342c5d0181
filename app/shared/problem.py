"""The problem of a view, and the number of inner steps on it."""

import functools

from pydantic import BaseModel, ConfigDict, TypeAdapter

from core.runs import zoo
from core.seeds import Purpose, generator
from core.tasks import PlanarProblems, Problems, make_task

STEPS = 200  # inner steps of a view
TYPICAL_FILE = zoo.ROOT / "typical.json"  # written by tools/typical.py


class _Typical(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seed: int
    among: int


@functools.cache
def _typical() -> dict[str, _Typical]:
    if not TYPICAL_FILE.exists():
        return {}
    return TypeAdapter(dict[str, _Typical]).validate_json(TYPICAL_FILE.read_bytes())


def typical_seed(task: str) -> int:
    """The seed of the problem that a task opens on: a typical one if it was looked for, otherwise 0."""
    found = _typical().get(task)
    return 0 if found is None else found.seed


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
