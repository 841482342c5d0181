"""What every task must satisfy, whatever it is."""

import numpy as np
import pytest
import torch

from core.seeds import Purpose, generator
from core.tasks import TASKS, ClassifierProblems, PlanarProblems, make_task
from core.tasks.base import autograd_hessian_vector_product
from tests.core.helpers import SMALL_TASKS, small_problems

pytestmark = pytest.mark.parametrize("task", SMALL_TASKS)


def central_difference(function, x, h):
    """Jacobian of function: [p, n] -> [p, ...] with respect to each row, by central differences, [p, ..., n]."""
    columns = []
    for i in range(x.shape[1]):
        step = torch.zeros_like(x)
        step[:, i] = h
        columns.append((function(x + step) - function(x - step)) / (2 * h))
    return torch.stack(columns, -1)


def test_every_task_is_covered(task):
    assert task in TASKS and set(TASKS) == set(SMALL_TASKS)


def test_gradient_is_autograds(task):
    problems = small_problems(task)
    x = problems.x0.clone().requires_grad_()
    (expected,) = torch.autograd.grad(problems.loss(x).sum(), x)
    torch.testing.assert_close(problems.gradient(problems.x0), expected, rtol=1e-11, atol=1e-13)


def test_gradient_is_the_slope_of_the_loss(task):
    problems = small_problems(task)
    expected = central_difference(problems.loss, problems.x0, 1e-5)
    torch.testing.assert_close(problems.gradient(problems.x0), expected, rtol=1e-6, atol=1e-8)


def test_the_two_ways_to_the_loss_agree(task):
    problems = small_problems(task)
    loss, gradient = problems.loss_and_gradient(problems.x0)
    torch.testing.assert_close(loss, problems.loss(problems.x0), rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient, problems.gradient(problems.x0), rtol=0, atol=0)
    assert loss.shape == (3,) and gradient.shape == problems.x0.shape


def test_gradient_is_differentiable(task):
    """Hessian-vector products through gradient() against finite differences of gradient()."""
    problems = small_problems(task)
    x = problems.x0.clone().requires_grad_()
    v = torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=x.dtype)
    (product,) = torch.autograd.grad((problems.gradient(x) * v).sum(), x)
    h = 1e-5
    expected = (problems.gradient(problems.x0 + h * v) - problems.gradient(problems.x0 - h * v)) / (2 * h)
    torch.testing.assert_close(product, expected, rtol=1e-6, atol=1e-7)


def test_hessian_vector_product_is_autograds(task):
    problems = small_problems(task)
    v = torch.randn(problems.x0.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = autograd_hessian_vector_product(problems, problems.x0, v)
    torch.testing.assert_close(problems.hessian_vector_product(problems.x0, v), expected, rtol=1e-10, atol=1e-12)


def test_hessian_vector_product_is_the_slope_of_the_gradient(task):
    problems = small_problems(task)
    v = torch.randn(problems.x0.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    h = 1e-5
    expected = (problems.gradient(problems.x0 + h * v) - problems.gradient(problems.x0 - h * v)) / (2 * h)
    torch.testing.assert_close(problems.hessian_vector_product(problems.x0, v), expected, rtol=1e-6, atol=1e-7)


def test_single_precision_agrees_with_double(task):
    double, single = small_problems(task), small_problems(task, dtype=torch.float32)
    loss, gradient = single.loss_and_gradient(single.x0)
    assert loss.dtype == gradient.dtype == torch.float32
    scale = double.gradient(double.x0).abs().max().item()
    torch.testing.assert_close(loss.double(), double.loss(double.x0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gradient.double(), double.gradient(double.x0), rtol=1e-3, atol=1e-5 * scale)


def test_sampling_depends_on_the_generator_alone(task):
    torch.manual_seed(5)
    first = small_problems(task, count=4)
    torch.manual_seed(6)
    again, other = small_problems(task, count=4), small_problems(task, count=4, seed=1)
    assert torch.equal(first.x0, again.x0)
    assert torch.equal(first.loss(first.x0), again.loss(again.x0))
    assert not torch.isclose(first.x0, other.x0).any(1).all()
    assert len(torch.unique(first.x0, dim=0)) == 4


def test_sampling_leaves_the_global_generator_alone(task):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    make_task(task, SMALL_TASKS[task]).sample(2, generator(Purpose.VIEW, 0))
    assert torch.equal(before, torch.get_rng_state())


def test_part(task):
    problems = small_problems(task, count=5)
    part = problems.part(1, 3)
    assert part.count == 2 and part.dimension == problems.dimension
    assert torch.equal(part.x0, problems.x0[1:3])
    x = problems.x0 + 0.1
    loss, gradient = problems.loss_and_gradient(x)
    torch.testing.assert_close(part.loss(x[1:3]), loss[1:3], rtol=1e-12, atol=0)
    torch.testing.assert_close(part.gradient(x[1:3]), gradient[1:3], rtol=1e-11, atol=1e-13)


def test_repeated_is_the_whole_batch_over_again(task):
    problems = small_problems(task)
    repeated = problems.repeated(3)
    assert repeated.count == 9
    x = (problems.x0 + 0.1).repeat(3, 1)
    assert torch.equal(repeated.x0, problems.x0.repeat(3, 1))
    torch.testing.assert_close(repeated.loss(x), problems.loss(x[:3]).repeat(3), rtol=1e-12, atol=0)
    torch.testing.assert_close(repeated.gradient(x), problems.gradient(x[:3]).repeat(3, 1), rtol=1e-11, atol=1e-13)


def test_starting_at_moves_only_the_start(task):
    problems = small_problems(task)
    x0 = problems.x0 + 0.5
    moved = problems.starting_at(x0)
    assert torch.equal(moved.x0, x0)
    assert torch.equal(moved.loss(problems.x0), problems.loss(problems.x0))


def test_component_names_and_watched_components(task):
    problems = make_task(task).sample(1, generator(Purpose.VIEW, 0))
    names, watched = problems.component_names(), problems.watched_components()
    assert len(set(names)) == len(names) == problems.dimension
    assert 1 <= len(watched) <= 12 and watched == sorted(set(watched))
    assert watched[0] >= 0 and watched[-1] < problems.dimension


def test_what_can_be_drawn(task):
    problems = small_problems(task)
    assert isinstance(problems, PlanarProblems) != isinstance(problems, ClassifierProblems)
    if isinstance(problems, ClassifierProblems):
        assert problems.logits(problems.x0, problems.points[:7]).shape == (3, 7)
        return
    plane = problems.plane()
    torch.testing.assert_close(plane.axes @ plane.axes.T, torch.eye(2, dtype=torch.float64), rtol=0, atol=1e-12)
    points = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 2)))
    torch.testing.assert_close(plane.project(plane.lift(points)), points, rtol=0, atol=1e-12)
    if plane.whole:
        torch.testing.assert_close(plane.lift(plane.project(problems.x0)), problems.x0, rtol=0, atol=1e-12)
    minimum = plane.lift(torch.tensor([plane.minimum], dtype=torch.float64))
    assert problems.surface(minimum).item() == pytest.approx(0, abs=1e-20)
    lifted = plane.lift(points)
    expected = torch.stack([problems.part(0, 1).loss(x[None])[0] for x in lifted])
    torch.testing.assert_close(problems.surface(lifted), expected, rtol=1e-12, atol=1e-14)
