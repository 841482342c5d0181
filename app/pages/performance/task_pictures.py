"""The picture of a task: one of its problems with the path of a learned optimizer, or the data of its classifier."""

import functools

import numpy as np

from app.shared.catalog import subjects
from app.shared.pictures import Data, Surface
from app.shared.problem import STEPS, problem_of
from core.late import torch
from core.tasks import ClassifierProblems, PlanarProblems
from core.unroll import unroll
from core.view_bundle import resolved

GRID = 101  # points of a surface along each side
SEED = 0  # of the problem shown


def _window(points: np.ndarray) -> list[tuple[float, float]]:
    low, high = points.min(0), points.max(0)
    margin = 0.18 * (high - low) + 1e-9
    return [(float(a), float(b)) for a, b in zip(low - margin, high + margin, strict=True)]


@functools.lru_cache(maxsize=32)
def scene(task: str, optimizer: str, stamp: float) -> Surface | Data | None:
    """The picture of a task; None if its problems cannot be drawn.

    Args:
        task: its name.
        optimizer: the learned optimizer whose path is drawn.
        stamp: a value that changes when that optimizer does.
    """
    problem = problem_of(task, SEED)
    if isinstance(problem, ClassifierProblems):
        return Data(problem.points.numpy(), problem.labels.numpy())
    if not isinstance(problem, PlanarProblems):
        return None
    plane = problem.plane()
    with torch.no_grad():
        visited = unroll(subjects(task)[optimizer].optimizer(None), problem, STEPS, record=("x",)).x
    assert visited is not None
    path = plane.project(visited[:, 0]).numpy()
    path = path[np.isfinite(path).all(1)]
    (x_low, x_high), (y_low, y_high) = plane.window or _window(np.concatenate([path, [plane.minimum]]))
    x, y = np.linspace(x_low, x_high, GRID), np.linspace(y_low, y_high, GRID)

    def losses(x: np.ndarray, y: np.ndarray) -> torch.Tensor:
        points = torch.tensor(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2), dtype=problem.x0.dtype)
        return problem.surface(plane.lift(points)).view(len(y), len(x))

    loss = losses(x, y)
    floor = resolved(loss, losses((x[1:] + x[:-1]) / 2, (y[1:] + y[:-1]) / 2))
    return Surface(x, y, loss.numpy(), path, plane.minimum, floor)
