"""Modes against closed forms; the linear model against what it is a model of."""

import math

import numpy as np
import pytest
import torch

from core.analysis.fixed_points import find_fixed_points
from core.analysis.linearization import Linearization, LinearOptimizer, following, linearize
from core.errors import InputError
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import SGD, Adam, Momentum, Nesterov, RMSProp
from tests.core.analysis.systems import contracting, linear, one_unit, random_states, three_point_gru
from tests.core.helpers import learned

DOUBLE = torch.float64


def is_fixed_point(optimizer: Optimizer, gradient: float = 0.0) -> Linearization:
    start = torch.full((1, optimizer.state_size), 0.1, dtype=DOUBLE)
    return linearize(optimizer, find_fixed_points(optimizer, start, gradient).states[0], gradient)


def close(actual: object, expected: object) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-14)


def test_sgd_is_all_direct() -> None:
    system = is_fixed_point(SGD(0.3))
    assert system.rates.shape == system.timescales.shape == (0,)
    close(system.direct, 0.3)
    assert not system.near_defective


@pytest.mark.parametrize("gradient", [-3.0, 0.0, 1e-3])
def test_momentum_is_one_mode(gradient: float) -> None:
    system = is_fixed_point(Momentum(0.02, 0.9), gradient)
    close(system.state, [gradient / (1 - 0.9)])
    close(system.eigenvalues, [0.9])
    close(system.rates, [0.02])
    close(system.timescales, [-1 / math.log(0.9)])
    close(system.direct, 0.0)
    close(system.update, -0.02 * gradient / (1 - 0.9))


def test_nesterov_is_a_mode_beside_plain_descent() -> None:
    system = is_fixed_point(Nesterov(0.02, 0.9), 0.5)
    close(system.eigenvalues, [0.9])
    close(system.rates, [0.02 * 0.9])
    close(system.direct, 0.02)


@pytest.mark.parametrize("gradient", [-2.0, 0.3])
def test_rmsprop_at_its_fixed_point(gradient: float) -> None:
    rate, decay, epsilon = 0.1, 0.9, 0.01
    system = is_fixed_point(RMSProp(rate, decay, epsilon), gradient)
    root = abs(gradient)
    close(system.eigenvalues, [decay])
    close(system.timescales, [-1 / math.log(decay)])
    close(system.rates, [-rate * (1 - decay) * gradient**2 / (root * (root + epsilon) ** 2)])
    close(system.direct, rate / (root + epsilon))


@pytest.mark.parametrize("step", [0, 6, 500])
def test_adam_at_its_fixed_point_and_step(step: int) -> None:
    rate, beta1, beta2, epsilon, g = 0.1, 0.9, 0.99, 0.01, -0.5
    system = linearize(Adam(rate, beta1, beta2, epsilon), torch.tensor([g, g**2, step], dtype=DOUBLE), g)
    first, second = 1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)
    below = abs(g) / second**0.5 + epsilon
    close(system.eigenvalues, [beta2, beta1])
    by_square = rate / first * g / (2 * abs(g) * second**0.5 * below**2)
    close(system.rates, [-by_square * 2 * (1 - beta2) * g, rate / first * (1 - beta1) / below])
    np.testing.assert_allclose(system.direct, 0.0, atol=1e-12)
    assert system.right.shape == (3, 2)
    assert system.right[2].tolist() == [0, 0]


@pytest.mark.parametrize("cell", ["gru", "lstm", "vanilla"])
def test_rates_of_a_learned_optimizer_are_the_papers(cell: str) -> None:
    optimizer = learned(cell=cell, units=6, output_scale=0.3, seed=2)
    state = random_states(optimizer, 1, 0.3)[0]
    system = linearize(optimizer, state, 0.2)
    size = optimizer.state_size
    torch.testing.assert_close(system.left @ system.right, torch.eye(size, dtype=system.left.dtype), rtol=0, atol=1e-10)
    torch.testing.assert_close((system.right * system.eigenvalues) @ system.left, system.j_h.to(system.left.dtype))
    assert (system.eigenvalues.abs().diff() <= 0).all()
    readout = torch.zeros(size, dtype=system.right.dtype)
    readout[:6] = optimizer.theta["readout_weight"]
    paper = -0.3 * (readout @ system.right) * (system.left @ system.j_g.to(system.left.dtype))
    torch.testing.assert_close(system.rates, paper, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(system.direct, 0.0, atol=1e-10)
    torch.testing.assert_close(system.timescales, -1 / system.eigenvalues.abs().log())


@pytest.mark.parametrize("direct", [0.0, 0.4])
def test_modes_give_the_answer_to_one_gradient(direct: float) -> None:
    system = linear([[0.9, 0.2, 0.0], [-0.3, 0.8, 0.1], [0.0, 0.0, 0.5]], direct=direct)
    linear_system = linearize(system, torch.zeros(3, dtype=DOUBLE))
    state, answers = system.initial_state(1, DOUBLE), []
    for n in range(12):
        state, update = system.step(state, torch.tensor([1.0 if n == 0 else 0.0], dtype=DOUBLE))
        answers.append(float(update))
    steps = torch.arange(12)[:, None]
    expected = -(linear_system.rates * linear_system.eigenvalues**steps).sum(1)
    assert expected.imag.abs().max() < 1e-12
    expected.real[0] -= linear_system.direct
    np.testing.assert_allclose(answers, expected.real, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(linear_system.direct, direct, atol=1e-12)


def test_a_mode_without_memory_is_direct() -> None:
    system = is_fixed_point(Momentum(0.2, 0.0), 1.0)
    assert system.rates.tolist() == [0]
    assert system.timescales.tolist() == [0]
    close(system.direct, 0.2)


def test_a_mode_that_never_forgets_or_grows() -> None:
    assert is_fixed_point(one_unit(0.0)).timescales.tolist() == [0]
    held = linearize(linear([[1.0]]), torch.zeros(1, dtype=DOUBLE))
    assert held.timescales.tolist() == [math.inf]
    assert linearize(linear([[1.1]]), torch.zeros(1, dtype=DOUBLE)).timescales[0] < 0


def test_defective_jacobians_are_detected() -> None:
    zero = torch.zeros(3, dtype=DOUBLE)
    block = linearize(linear([[0.9, 1.0, 0.0], [0.0, 0.9, 0.0], [0.0, 0.0, 0.4]]), zero)
    assert block.near_defective
    assert block.parallel == ((0, 1),)
    np.testing.assert_allclose(block.eigenvalues[:2].abs(), 0.9, atol=1e-7)
    assert (block.conditions[:2] > 1e7).all()
    np.testing.assert_allclose(block.conditions[2], 1.0)
    near = linearize(linear([[0.9, 1.0, 0.0], [0.0, 0.9 + 1e-9, 0.0], [0.0, 0.0, 0.4]]), zero)
    assert near.near_defective
    repeated = linearize(
        linear([[0.9, 0.0, 0.0], [0.0, 0.9, 0.0], [0.0, 0.0, 0.4]]), zero
    )  # repeated, but not defective
    assert not repeated.near_defective
    assert not is_fixed_point(contracting()).near_defective


def test_modes_that_depend_on_each_other_without_two_alike_are_detected() -> None:
    angles = torch.tensor([0.0, 0.4, 0.8], dtype=DOUBLE)
    vectors = torch.stack(
        [angles.cos(), angles.sin(), 1e-9 * torch.tensor([0.0, 1.0, 0.0], dtype=DOUBLE)]
    )  # nearly a plane
    matrix = vectors @ torch.diag(torch.tensor([0.9, 0.5, 0.2], dtype=DOUBLE)) @ torch.linalg.inv(vectors)
    system = linearize(linear(matrix.tolist()), torch.zeros(3, dtype=DOUBLE))
    assert system.parallel == ()
    assert system.near_defective


def test_the_linear_model_of_a_linear_optimizer_is_that_optimizer() -> None:
    source = torch.Generator().manual_seed(5)
    gradients = torch.randn(30, 4, generator=source, dtype=DOUBLE)
    for optimizer in (Momentum(0.1, 0.9), Nesterov(0.1, 0.9), SGD(0.1), linear([[0.5, 0.2], [0.1, 0.7]], 0.3, 0.1)):
        for gradient in (0.0, 0.7):
            model = LinearOptimizer(optimizer, is_fixed_point(optimizer, gradient))
            system = following(optimizer, model, gradients)
            assert system.updates.shape == system.linear.shape == (30, 4)
            np.testing.assert_allclose(system.error, 0, atol=1e-11)
            assert model.state_names == optimizer.state_names
            assert model.clock == optimizer.clock


@pytest.mark.parametrize("cell", ["gru", "lstm", "vanilla"])
def test_the_linear_model_is_right_to_second_order(cell: str) -> None:
    optimizer = contracting(cell, output_scale=1.0)
    at = is_fixed_point(optimizer)
    model = LinearOptimizer(optimizer, at)
    pushes = torch.randn(8, 3, generator=torch.Generator().manual_seed(5), dtype=DOUBLE)
    start = at.state.expand(3, -1)
    wrong = []
    for size in (2e-3, 1e-3):
        errors = following(optimizer, model, size * pushes, start)
        wrong.append((errors.linear - errors.updates).norm(dim=1))
    np.testing.assert_allclose(wrong[0] / wrong[1], 4, rtol=0.2)


def test_the_clock_counts_on_in_the_linear_model_and_nothing_depends_on_it() -> None:
    optimizer = Adam(0.1, 0.9, 0.99)
    at = linearize(optimizer, torch.tensor([0.0, 0.04, 5.0], dtype=DOUBLE))
    model = LinearOptimizer(optimizer, at)
    state, g = torch.tensor([[0.1, 0.05, 2.0], [0.1, 0.05, 30.0]], dtype=DOUBLE), torch.tensor([0.3, 0.3], dtype=DOUBLE)
    after, update = model.step(state, g)
    assert after[0, :2].tolist() == after[1, :2].tolist()
    assert (after[:, 2] - state[:, 2]).tolist() == [1, 1]
    assert update[0] == update[1]
    close(after[0, :2], [0.9 * 0.1 + 0.1 * 0.3, 0.99 * 0.05])


def test_the_distance_is_over_that_of_the_real_one() -> None:
    optimizer = contracting()
    at = is_fixed_point(optimizer)
    model = LinearOptimizer(optimizer, at)
    gradients = torch.full((5, 2), 0.4, dtype=DOUBLE)
    distance = following(optimizer, model, gradients)
    real = linearly = optimizer.initial_state(2, DOUBLE)
    for k in range(5):
        expected = ((real - linearly).norm(dim=1) / (real - at.state).norm(dim=1)).mean()
        np.testing.assert_allclose(distance.distance[k], expected, rtol=1e-12)
        real, update = optimizer.step(real, gradients[k])
        linearly, guess = model.step(linearly, gradients[k])
        np.testing.assert_allclose(distance.error[k], (guess - update).norm() / update.norm(), rtol=1e-12)


def test_a_jump_needs_a_width() -> None:
    optimizer = learned(features="log_sign")
    state, width = random_states(optimizer, 1, 0.2)[0], 1e-2
    with pytest.raises(InputError, match="positive width"):
        linearize(optimizer, state)
    system = linearize(optimizer, state, width=width)
    (right, up), (left, down) = (optimizer.step(state[None], torch.tensor([g], dtype=DOUBLE)) for g in (width, -width))
    close(system.j_g, (right - left)[0] / (2 * width))
    close(system.u_g, float(up - down) / (2 * width))
    assert linearize(optimizer, state, 0.5).gradient == 0.5  # away from 0 it is smooth


def test_what_is_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="finite state"):
        linearize(Momentum(0.1, 0.9), torch.tensor([torch.nan], dtype=DOUBLE))
    optimizer = learned(units=4)
    broken = optimizer.with_theta({**optimizer.theta, "weight_hh": torch.nan * optimizer.theta["weight_hh"]})
    with pytest.raises(InputError, match="not finite at this state"):
        linearize(broken, torch.zeros(4, dtype=DOUBLE))


def test_one_unit_and_three_points() -> None:
    middle = linearize(three_point_gru(3), torch.zeros(3, dtype=DOUBLE))
    close(middle.eigenvalues, [0.5 + 0.5 * 2, 0.75, 0.75])  # ½ + ½ w/2
    single = linearize(one_unit(2.0), torch.zeros(1, dtype=DOUBLE))
    close(single.eigenvalues, [2.0])
    close(single.rates, [-1.0])  # u = +h': it climbs
