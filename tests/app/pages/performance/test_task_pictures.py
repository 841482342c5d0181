"""Pictures of the tasks are made of the tasks themselves."""

import numpy as np

from app.pages.performance.task_pictures import GRID, scene
from app.shared.catalog import learned
from app.shared.pictures import Data, Surface
from app.shared.problem import STEPS, problem_of


def _surface(task: str) -> Surface:
    picture = scene(task, next(iter(learned(task))), 0.0)
    assert isinstance(picture, Surface)
    return picture


def test_rosenbrock() -> None:
    picture = _surface("rosenbrock")
    x, y = np.meshgrid(picture.x, picture.y)
    expected = (1 - x) ** 2 + 100 * (y - x**2) ** 2
    np.testing.assert_allclose(picture.loss, expected, rtol=1e-4, atol=1e-4)
    assert picture.loss.shape == (GRID, GRID)
    assert picture.minimum == (1.0, 1.0)
    np.testing.assert_array_equal(picture.path[0], problem_of("rosenbrock", 0).x0[0].numpy())
    assert picture.path.shape == (STEPS + 1, 2)


def test_a_quadratic_has_its_minimum_at_the_star_and_the_path_ends_near_it() -> None:
    picture = _surface("linear_regression")
    row, column = np.unravel_index(np.argmin(picture.loss), picture.loss.shape)
    assert abs(picture.x[column] - picture.minimum[0]) <= (picture.x[1] - picture.x[0])
    assert abs(picture.y[row] - picture.minimum[1]) <= (picture.y[1] - picture.y[0])
    start, end = picture.path[0], picture.path[-1]
    assert np.linalg.norm(end - picture.minimum) < 0.2 * np.linalg.norm(start - picture.minimum)
    inside = (picture.path > [picture.x[0], picture.y[0]]) & (picture.path < [picture.x[-1], picture.y[-1]])
    assert inside.all()


def test_two_moons() -> None:
    picture = scene("two_moons", next(iter(learned("two_moons"))), 0.0)
    assert isinstance(picture, Data)
    assert picture.points.shape == (1024, 2)
    assert set(picture.labels) == {0.0, 1.0}
