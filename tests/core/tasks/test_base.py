import pytest
import torch

from core.tasks.base import autograd_loss_and_gradient
from tests.core.helpers import SMALL_TASKS, small_problems


@pytest.mark.parametrize("task", SMALL_TASKS)
def test_autograd_helper_equals_the_closed_forms(task):
    problems = small_problems(task)
    loss, gradient = autograd_loss_and_gradient(problems, problems.x0)
    assert not loss.requires_grad and not gradient.requires_grad
    torch.testing.assert_close(loss, problems.loss(problems.x0), rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient, problems.gradient(problems.x0), rtol=1e-10, atol=1e-13)


def test_autograd_helper_works_without_a_graph():
    problems = small_problems("rosenbrock")
    with torch.no_grad():
        _, gradient = autograd_loss_and_gradient(problems, problems.x0)
    torch.testing.assert_close(gradient, problems.gradient(problems.x0))
    assert not problems.x0.requires_grad


@pytest.mark.parametrize("task", SMALL_TASKS)
def test_autograd_helper_is_differentiable_when_x_is(task):
    problems = small_problems(task)
    products = []
    for way in (problems.loss_and_gradient, lambda x: autograd_loss_and_gradient(problems, x)):
        x = problems.x0.clone().requires_grad_()
        loss, gradient = way(x)
        products.append(torch.autograd.grad(loss.sum() + (gradient**2).sum(), x)[0])
    torch.testing.assert_close(*products, rtol=1e-9, atol=1e-12)
