import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import torch

from core.seeds import Purpose, generator
from core.tasks import make_task
from core.tasks.rosenbrock import WINDOW, RosenbrockProblems

POINTS = torch.tensor([[0.0, 0.0], [1.0, 1.0], [-1.7, 2.9], [0.3, -0.9], [12.0, -7.0]], dtype=torch.float64)


@pytest.fixture
def problems():
    return RosenbrockProblems(POINTS)


def test_loss_is_scipys(problems):
    expected = [scipy.optimize.rosen(p) for p in POINTS.numpy()]
    np.testing.assert_allclose(problems.loss(POINTS).numpy(), expected, rtol=1e-13)


def test_gradient_is_scipys(problems):
    expected = [scipy.optimize.rosen_der(p) for p in POINTS.numpy()]
    np.testing.assert_allclose(problems.gradient(POINTS).numpy(), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("column", [0, 1])
def test_derivative_of_the_gradient_is_scipys_hessian(problems, column):
    x = POINTS.clone().requires_grad_()
    (row,) = torch.autograd.grad(problems.gradient(x)[:, column].sum(), x)
    expected = [scipy.optimize.rosen_hess(p)[column] for p in POINTS.numpy()]
    np.testing.assert_allclose(row.numpy(), expected, rtol=1e-13, atol=1e-12)


@pytest.mark.parametrize("axis", [0, 1])
def test_start_points_are_uniform_over_the_window(axis):
    x0 = make_task("rosenbrock").sample(3000, generator(Purpose.VIEW, 0), torch.float64).x0[:, axis].numpy()
    low, high = [(-2, 2), (-1, 3)][axis]
    assert WINDOW[axis] == (low, high)
    assert x0.min() >= low and x0.max() <= high
    assert scipy.stats.kstest(x0, scipy.stats.uniform(low, high - low).cdf).pvalue > 0.01


def test_plane_is_the_whole_space(problems):
    plane = problems.plane()
    assert plane.whole and plane.minimum == (1.0, 1.0) and plane.window == WINDOW
    assert torch.equal(plane.project(POINTS), POINTS)
    assert torch.equal(problems.surface(POINTS), problems.loss(POINTS))
