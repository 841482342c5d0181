"""Pictures of the tasks are made of the tasks themselves."""

import numpy as np

from app.pages.performance.task_pictures import GRID, scene
from app.shared.catalog import learned
from app.shared.pictures import Data, Surface
from app.shared.problem import STEPS, problem_of


def _surface(task: str) -> Surface:
    found = scene(task, next(iter(learned(task))), 0.0)
    assert isinstance(found, Surface)
    return found


def test_rosenbrock() -> None:
    found = _surface("rosenbrock")
    x, y = np.meshgrid(found.x, found.y)
    expected = (1 - x) ** 2 + 100 * (y - x**2) ** 2
    np.testing.assert_allclose(found.loss, expected, rtol=1e-4, atol=1e-4)
    assert found.loss.shape == (GRID, GRID)
    assert found.minimum == (1.0, 1.0)
    np.testing.assert_array_equal(found.path[0], problem_of("rosenbrock", 0).x0[0].numpy())
    assert found.path.shape == (STEPS + 1, 2)


def test_a_quadratic_has_its_minimum_at_the_star_and_the_path_ends_near_it() -> None:
    found = _surface("linear_regression")
    row, column = np.unravel_index(np.argmin(found.loss), found.loss.shape)
    assert abs(found.x[column] - found.minimum[0]) <= (found.x[1] - found.x[0])
    assert abs(found.y[row] - found.minimum[1]) <= (found.y[1] - found.y[0])
    start, end = found.path[0], found.path[-1]
    assert np.linalg.norm(end - found.minimum) < 0.2 * np.linalg.norm(start - found.minimum)
    inside = (found.path > [found.x[0], found.y[0]]) & (found.path < [found.x[-1], found.y[-1]])
    assert inside.all()


def test_two_moons() -> None:
    found = scene("two_moons", next(iter(learned("two_moons"))), 0.0)
    assert isinstance(found, Data)
    assert found.points.shape == (1024, 2)
    assert set(found.labels) == {0.0, 1.0}
