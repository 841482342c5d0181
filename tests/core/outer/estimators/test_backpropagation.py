import pytest
import torch

from core.meta_loss import meta_loss
from core.optimizers import RecurrentOptimizer
from core.outer.distributed import Team
from core.outer.estimators import Backpropagation, make_estimator
from core.outer.gradient import Workers, outer_gradient
from core.runs.config import window_length
from core.seeds import Purpose, generator
from core.unroll import unroll
from tests.core.helpers import small_config

WORKERS = Workers(1)


def theta_of(config, seed=0):
    return config.architecture.initial_theta(generator(Purpose.INITIALIZE, seed))


def estimator_of(config):
    return make_estimator(config, WORKERS, Team())


def assert_close(actual, expected, rtol=1e-5):
    largest = max(part.abs().max() for part in expected.values())
    for name, part in expected.items():
        torch.testing.assert_close(actual[name], part, rtol=rtol, atol=rtol * largest.item(), msg=name)


@pytest.mark.parametrize("outer_step, expected", [(0, 5), (10, 10), (20, 20), (30, 40), (1000, 40)])
def test_windows_grow_geometrically(outer_step, expected):
    config = small_config(unroll=200, truncation=40, truncation_start=5, truncation_growth=30)
    assert window_length(config, outer_step) == expected


def test_windows_are_the_unroll_where_nothing_else_is_said():
    assert window_length(small_config(unroll=77), 3) == 77


@pytest.mark.parametrize("outer_step, objective", [(0, "mean"), (3, "log")])
def test_whole_unrolls_are_the_outer_gradient(outer_step, objective):
    config = small_config(adjoint_clip=0.05, objective=objective)
    theta = theta_of(config)
    estimated = estimator_of(config).estimate(theta, outer_step)
    problems = config.make_task().sample(config.problems, generator(Purpose.TRAIN, config.seed, outer_step))
    optimizer = RecurrentOptimizer(config.architecture, theta)
    expected = outer_gradient(optimizer, problems, config.unroll, 0.05, objective=objective)
    torch.testing.assert_close(estimated.meta_losses, expected.meta_losses)
    assert_close(estimated.gradients, expected.gradients)


def test_windows_follow_each_other_through_one_unroll():
    """With θ held still, four windows of three steps are one unroll of twelve, then fresh problems come."""
    config = small_config(unroll=12, truncation=3, problems=1)
    theta = theta_of(config)
    estimator = estimator_of(config)
    windows = [estimator.estimate(theta, t).meta_losses.item() for t in range(5)]
    optimizer = RecurrentOptimizer(config.architecture, theta)
    task = config.make_task()
    curve = unroll(optimizer, task.sample(1, generator(Purpose.TRAIN, 0, 0)), 12, record=()).losses
    ratio = (curve / curve[0])[:, 0]
    expected = [ratio[0:4].mean(), ratio[4:7].mean(), ratio[7:10].mean(), ratio[10:13].mean()]
    assert windows[:4] == pytest.approx([value.item() for value in expected], rel=1e-5)
    fresh = unroll(optimizer, task.sample(1, generator(Purpose.TRAIN, 0, 4)), 3, record=()).losses
    assert windows[4] == pytest.approx(meta_loss(fresh).item(), rel=1e-5)


def test_a_later_window_has_the_gradient_of_its_own_steps_alone():
    """By autograd from the x and h that the first window ended in, taken as given."""
    config = small_config(unroll=8, truncation=4, problems=1, adjoint_clip=None)
    theta = theta_of(config)
    estimator = estimator_of(config)
    estimator.estimate(theta, 0)
    gradients = estimator.estimate(theta, 1).gradients
    problems = config.make_task().sample(1, generator(Purpose.TRAIN, 0, 0))
    before = unroll(RecurrentOptimizer(config.architecture, theta), problems, 4)
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in theta.items()}
    optimizer = RecurrentOptimizer(config.architecture, leaves)
    x, state, losses = before.x[-1].requires_grad_(), before.states[-1].flatten(0, 1), []
    for _ in range(4):
        state, update = optimizer.step(state, problems.gradient(x).reshape(-1))
        x = x + update.view_as(x)
        losses.append(problems.loss(x) / before.losses[0])
    parts = torch.autograd.grad(torch.stack(losses).mean(), list(leaves.values()), allow_unused=True)
    expected = {n: torch.zeros_like(theta[n]) if p is None else p for n, p in zip(leaves, parts, strict=True)}
    assert_close(gradients, expected)


def test_groups_are_out_of_step():
    config = small_config(unroll=40, truncation=10, problems=8)
    estimator = estimator_of(config)
    assert isinstance(estimator, Backpropagation) and len(estimator.groups) == 8
    for t in range(12):
        estimator.estimate(theta_of(config), t)
    assert len({group.age for group in estimator.groups}) > 2
    assert all(group.age < config.unroll for group in estimator.groups)


def test_what_diverged_gives_way_to_fresh_problems():
    config = small_config(task="rosenbrock", unroll=40, truncation=10, architecture={"units": 4, "output_scale": 1e12})
    estimator = estimator_of(config)
    estimated = estimator.estimate(theta_of(config), 0)
    assert not torch.isfinite(estimated.meta_losses).all()
    assert all(group.age == 0 and not group.windows for group in estimator.groups)


@pytest.mark.parametrize("kind", ["backpropagation", "evolution"])
def test_going_on_from_a_saved_state_is_going_on(kind):
    config = small_config(unroll=12, truncation=5, problems=6, estimator=kind, pairs=3)
    first, theta = estimator_of(config), theta_of(config)
    for t in range(4):
        first.estimate(theta, t)
    other = estimator_of(config)
    other.load({name: tensor.clone() for name, tensor in first.state().items()})
    for t in range(4, 9):
        resumed, expected = other.estimate(theta, t), first.estimate(theta, t)
        assert torch.equal(resumed.meta_losses, expected.meta_losses)
        assert all(torch.equal(resumed.gradients[n], part) for n, part in expected.gradients.items())
