import math

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import scipy.stats
import torch

from core.seeds import Purpose, generator
from core.tasks import make_task


def sample(count, seed=0, **parameters):
    return make_task("linear_regression", parameters).sample(count, generator(Purpose.VIEW, seed), torch.float64)


def test_published_defaults():
    problems = sample(200)
    assert problems.dimension == 5
    spectra = np.linalg.eigvalsh(problems.hessian.numpy())
    assert spectra.min() >= 1e-3 * (1 - 1e-9) and spectra.max() <= 1 + 1e-9
    np.testing.assert_allclose(spectra, problems.eigenvalues.numpy(), rtol=1e-9)


@pytest.mark.parametrize("low, high", [(1e-3, 1.0), (0.01, 5.0)])
def test_eigenvalues_are_log_uniform(low, high):
    problems = sample(600, seed=1, smallest_eigenvalue=low, largest_eigenvalue=high)
    logs = np.log(np.linalg.eigvalsh(problems.hessian.numpy())).ravel()
    uniform = scipy.stats.uniform(math.log(low), math.log(high / low))
    assert scipy.stats.kstest(logs, uniform.cdf).pvalue > 0.01


def test_start_points_and_linear_terms_are_standard_normal():
    problems = sample(600, seed=2)
    for values in (problems.x0, problems.linear):
        assert scipy.stats.kstest(values.numpy().ravel(), "norm").pvalue > 0.01
    assert abs(np.corrcoef(problems.x0.numpy().ravel(), problems.linear.numpy().ravel())[0, 1]) < 0.06


def test_basis_is_orthogonal_and_uniform():
    """Each entry of a Haar-distributed column has mean 0 and variance 1/n, and either sign equally often."""
    basis = sample(2000, seed=3).basis
    identity = torch.eye(5, dtype=torch.float64).expand(2000, 5, 5)
    torch.testing.assert_close(basis.mT @ basis, identity, rtol=0, atol=1e-12)
    np.testing.assert_allclose(basis.mean(0).numpy(), 0, atol=0.05)
    np.testing.assert_allclose(basis.var(0).numpy(), 1 / 5, atol=0.03)
    np.testing.assert_allclose((basis > 0).double().mean(0).numpy(), 0.5, atol=0.06)


@pytest.mark.parametrize("factor", ["cholesky", "root"])
def test_it_is_a_least_squares_problem(factor):
    """f(x) = ½‖Ax − b‖² less its minimum, for A a factor of the Hessian and −Aᵀb the linear term."""
    problems = sample(4)
    x = problems.x0.numpy()
    for i, hessian in enumerate(problems.hessian.numpy()):
        a = np.linalg.cholesky(hessian).T if factor == "cholesky" else scipy.linalg.sqrtm(hessian).real
        b = np.linalg.solve(a.T, -problems.linear[i].numpy())
        least, *_ = np.linalg.lstsq(a, b)
        expected = 0.5 * np.sum((a @ x[i] - b) ** 2) - 0.5 * np.sum((a @ least - b) ** 2)
        assert problems.loss(problems.x0)[i].item() == pytest.approx(expected, rel=1e-8)
        np.testing.assert_allclose(problems.minimum[i].numpy(), least, rtol=1e-7, atol=1e-9)


def test_minimum_is_zero_where_scipy_finds_it():
    problems = sample(3, smallest_eigenvalue=0.05)
    for i in range(3):
        problem = problems.part(i, i + 1)
        optimum = scipy.optimize.minimize(
            lambda x, problem=problem: problem.loss(torch.from_numpy(x)[None]).item(),
            np.zeros(5),
            jac=lambda x, problem=problem: problem.gradient(torch.from_numpy(x)[None])[0].numpy(),
            method="BFGS",
            options={"gtol": 1e-10},
        )
        assert optimum.fun == pytest.approx(0, abs=1e-15)
        np.testing.assert_allclose(optimum.x, problem.minimum[0].numpy(), atol=1e-7)


def test_loss_is_never_negative():
    problems = sample(50)
    assert (problems.loss(problems.x0) > 0).all()
    assert (problems.loss(problems.minimum) == 0).all()


def test_gradient_is_affine_with_the_hessian():
    problems = sample(4)
    expected = torch.einsum("pij,pj->pi", problems.hessian, problems.x0) + problems.linear
    torch.testing.assert_close(problems.gradient(problems.x0), expected, rtol=1e-9, atol=1e-11)


def test_plane_is_spanned_by_the_flattest_and_the_steepest_direction():
    problems = sample(3)
    plane = problems.plane()
    for row, value in zip(plane.axes, problems.eigenvalues[0, [0, -1]], strict=True):
        torch.testing.assert_close(problems.hessian[0] @ row, value * row, rtol=1e-9, atol=1e-12)
    assert not plane.whole
    assert sample(1, parameters=2).plane().whole


@pytest.mark.parametrize("parameters", [2, 20])
def test_number_of_parameters(parameters):
    problems = sample(2, parameters=parameters)
    assert problems.dimension == parameters
    assert problems.watched_components() == list(range(min(parameters, 12)))
