"""The problem of a view, and the number of inner steps on it."""

from core.seeds import Purpose, generator
from core.tasks import PlanarProblems, Problems, make_task

STEPS = 200  # inner steps of a view


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
