"""The closed loop against closed forms, and against real runs on quadratics."""

import numpy as np
import pytest
import torch
from torch import nn

from core.analysis.autonomous import autonomous_trajectory
from core.analysis.closed_loop import (
    best_gradient_descent,
    best_heavy_ball,
    closed_loop,
    contraction_along,
    convergence_rates,
    loss_floor,
    rest_of_loop,
    whole_loop,
)
from core.analysis.curvature import curvatures_of, hessians
from core.analysis.fixed_points import find_fixed_points
from core.analysis.interventions import Repaired
from core.evaluation.held_out import loss_curves
from core.mechanisms.context import Context
from core.optimizers import make_hand_designed
from core.optimizers.module import ModuleOptimizer
from core.runs.zoo import find_run
from core.seeds import Purpose, generator
from core.tasks import make_task
from core.unroll import unroll
from tests.core.helpers import SMALL_MOONS

DOUBLE = torch.float64
CURVATURES = torch.logspace(-3, 0.3, 25, dtype=DOUBLE)
LINEAR = make_task("linear_regression")


def loop(name, **values):
    optimizer = make_hand_designed(name, values)
    return closed_loop(optimizer, optimizer.initial_state(1, DOUBLE)[0], CURVATURES)


def test_gradient_descent():
    found = loop("sgd", learning_rate=1.7)
    torch.testing.assert_close(found.rates, (1 - 1.7 * CURVATURES).abs(), rtol=1e-8, atol=1e-12)
    assert found.stable_to == pytest.approx(2 / 1.7, rel=1e-6) and found.stable_from is None
    assert found.rest.converged and found.rest.gradient == 0


class Reading(nn.Module):
    """Momentum on the gradient and on the parameter, with weight decay, at a rate that follows the loss."""

    state_size = 1

    def __init__(self, by_loss=0.0):
        super().__init__()
        self.by_loss = by_loss

    def forward(self, state, gradient, parameter, loss):
        v = 0.5 * state[:, 0] + gradient + 0.2 * parameter
        return v[:, None], -(0.1 + self.by_loss * (loss - 1)) * v - 0.003 * parameter


def test_what_reads_the_parameter_has_it_in_its_loop():
    optimizer = ModuleOptimizer("reading", Reading()).to(DOUBLE)
    start = optimizer.initial_state(1, DOUBLE)[0]
    rates = closed_loop(optimizer, start, CURVATURES).rates
    for rate, curvature in zip(rates.tolist(), CURVATURES.tolist(), strict=True):
        pull = curvature + 0.2
        matrix = [[0.5, pull], [-0.05, 1 - 0.1 * pull - 0.003]]
        assert rate == pytest.approx(np.abs(np.linalg.eigvals(matrix)).max(), rel=1e-9)


def test_the_whole_loop_is_that_of_one_step_where_parameter_and_loss_are_read():
    optimizer = ModuleOptimizer("reading", Reading(0.01)).to(DOUBLE)
    problem = make_task("linear_regression").sample(1, generator(Purpose.VIEW, 0), DOUBLE)
    n = problem.dimension

    def step(z):
        h, x = z[:n, None], z[None, n:]
        loss, gradient = problem.loss_and_gradient(x)
        state = optimizer.told(torch.cat([h, h.new_zeros(n, 2)], 1), x, loss, 0, 1)
        following, update = optimizer.step(state, gradient[0])
        return torch.cat([following[:, 0], x[0] + update])

    z = torch.cat([torch.linspace(-1, 1, n, dtype=DOUBLE), problem.x0[0]])
    known = torch.linalg.eigvals(torch.autograd.functional.jacobian(step, z))
    loss, gradient = problem.loss_and_gradient(z[None, n:])
    states = optimizer.told(torch.cat([z[:n, None], z.new_zeros(n, 2)], 1), z[None, n:], loss, 0, 1)
    found = whole_loop(optimizer, states, gradient[0], hessians(problem, z[None, n:])[0])
    assert found.abs().sort().values.tolist() == pytest.approx(known.abs().sort().values.tolist(), rel=1e-9)


def test_momentum_is_the_larger_root():
    alpha, beta = 3.43, 0.9002
    found = loop("momentum", learning_rate=alpha, momentum=beta)
    roots = [np.abs(np.roots([1, -(1 + beta - alpha * float(c)), beta])).max() for c in CURVATURES]
    np.testing.assert_allclose(found.rates.numpy(), roots, rtol=1e-8)
    assert found.stable_to == pytest.approx(2 * (1 + beta) / alpha, rel=1e-6)


def test_the_limits_are_those_of_the_best_constants():
    low, high = 1e-3, 1.0
    assert best_heavy_ball(low, high) == pytest.approx(0.93866, abs=1e-4)
    root = (high**0.5 + low**0.5) ** 2
    best = loop("momentum", learning_rate=4 / root, momentum=((high**0.5 - low**0.5) / (high**0.5 + low**0.5)) ** 2)
    assert float(best.between(low, high).max()) == pytest.approx(best_heavy_ball(low, high), abs=1e-3)
    plain = loop("sgd", learning_rate=2 / (low + high))
    assert float(plain.between(low, high).max()) == pytest.approx(best_gradient_descent(low, high), abs=1e-9)


@pytest.fixture(scope="module")
def gru():
    return Context(find_run("linear_regression-gru64").optimizer(), LINEAR)


def test_the_rate_is_what_a_real_run_converges_at(gru):
    rest = gru.loop_rest
    assert rest is not None and rest.converged
    curvature = 0.1
    repaired = Repaired(gru.double, rest.gradient)
    state, x = rest.state[None], torch.tensor([1e-6], dtype=DOUBLE)
    sizes = []
    for _ in range(120):
        state, update = repaired.step(state, curvature * x)
        x = x + update
        sizes.append(float(x.abs()))
    measured = (max(sizes[100:120]) / max(sizes[40:60])) ** (1 / 60)
    rate = float(convergence_rates(gru.double, rest, torch.tensor([curvature], dtype=DOUBLE)))
    assert measured == pytest.approx(rate, abs=5e-3)


def test_the_floor_is_where_the_loss_goes_flat_and_the_repair_takes_it_away(gru):
    problems = LINEAR.sample(4, generator(Purpose.EVALUATE, 0), DOUBLE)
    gradient = gru.loop_rest.gradient
    assert gradient == pytest.approx(-7.36e-4, rel=1e-2)
    losses = loss_curves(gru.double, problems, 2000)
    floor = loss_floor(gradient, hessians(problems, problems.x0))
    torch.testing.assert_close(losses[-1], floor, rtol=1e-3, atol=0)
    repaired = loss_curves(Repaired(gru.double, gradient), problems, 2000)
    assert bool((repaired[-1] < 1e-10 * losses[-1]).all())


def test_contraction_along_the_path_is_a_real_run_from_the_start(gru):
    path = autonomous_trajectory(gru.double, 60)
    curvatures = torch.tensor([0.03, 0.5], dtype=DOUBLE)
    predicted = contraction_along(gru.double, path, curvatures)
    for i, curvature in enumerate(curvatures.tolist()):
        ends = []
        for size in (1e-7, 0.0):  # the drift without any x is taken away
            state, x = gru.start[None], torch.tensor([size], dtype=DOUBLE)
            run = [float(x)]
            for _ in range(60):
                state, update = gru.double.step(state, curvature * x * (size > 0))
                x = x + update - (gru.double.step(path[len(run) - 1][None], torch.zeros(1, dtype=DOUBLE))[1])
                run.append(float(x))
            ends.append(np.array(run))
        measured = np.abs(ends[0] - ends[1]) / 1e-7
        np.testing.assert_allclose(predicted[i].numpy(), measured, rtol=2e-2, atol=2e-3)


def test_the_whole_loop_is_the_union_over_the_hessians_eigenvalues():
    optimizer = make_hand_designed("momentum", {"learning_rate": 0.5, "momentum": 0.7})
    source = torch.Generator().manual_seed(0)
    root = torch.randn(3, 3, generator=source, dtype=DOUBLE)
    hessian = root @ root.T / 3
    found = whole_loop(optimizer, torch.zeros(3, 1, dtype=DOUBLE), torch.zeros(3, dtype=DOUBLE), hessian)
    rest = rest_of_loop(optimizer, torch.zeros(1, dtype=DOUBLE))
    rates = convergence_rates(optimizer, rest, torch.linalg.eigvalsh(hessian))
    assert float(found.abs().max()) == pytest.approx(float(rates.max()), rel=1e-9) and len(found) == 6


def test_a_learned_optimizer_that_is_unstable_at_rosenbrocks_minimum():
    """What the repair cannot mend: the largest curvature there is 1,002."""
    context = Context(find_run("rosenbrock-gru64-seed1").optimizer(), make_task("rosenbrock"))
    steep = convergence_rates(context.double, context.loop_rest, torch.tensor([0.4, 1001.6], dtype=DOUBLE))
    assert steep[0] < 1 < steep[1]


def test_an_optimizer_without_a_rest_is_not_said_to_have_one():
    """u = −1 for ever, whatever the gradient."""
    optimizer = make_hand_designed("sgd", {"learning_rate": 0.1})
    state = find_fixed_points(optimizer, optimizer.initial_state(1, DOUBLE)).states[0]
    assert not rest_of_loop(Repaired(_Constant(), 0.0), state).converged


class _Constant(type(make_hand_designed("sgd"))):  # type: ignore[misc]
    def step(self, state, gradient):
        return state, gradient * 0 - 1


def test_curvatures_of_small_and_large_problems():
    problems = LINEAR.sample(3, generator(Purpose.VIEW, 0), DOUBLE)
    exact = torch.linalg.eigvalsh(hessians(problems, problems.x0))
    torch.testing.assert_close(curvatures_of(problems, problems.x0), exact)
    moons = make_task("two_moons", {**SMALL_MOONS, "hidden": (6, 5)}).sample(1, generator(Purpose.VIEW, 0), DOUBLE)
    x = unroll(make_hand_designed("sgd", {"learning_rate": 0.3}), moons, 20, record=("x",)).x[-1]
    values = torch.linalg.eigvalsh(hessians(moons, x))[0]
    found = curvatures_of(moons, x)[0]
    assert len(found) < len(values) and float(found[-1]) == pytest.approx(float(values[-1]), rel=1e-6)
    assert float(found[:-5].mean()) == pytest.approx(float(values.mean()), abs=0.5 * float(values.std()))
