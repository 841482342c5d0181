"""The memory kernel against later updates of the optimizer itself, and against closed forms."""

import numpy as np
import pytest
import torch

from core.analysis.linearization import linearize
from core.analysis.memory_kernel import memory_kernel
from core.optimizers import make_hand_designed
from core.optimizers.base import Optimizer
from tests.core.analysis.systems import contracting, linear

DOUBLE = torch.float64


def at_rest(optimizer: Optimizer, steps: int = 200):
    state = optimizer.initial_state(1, DOUBLE)
    for _ in range(3000 if optimizer.state_size else 0):
        state = optimizer.step(state, torch.zeros(1, dtype=DOUBLE))[0]
    return state[0], memory_kernel(linearize(optimizer, state[0]), steps)


@pytest.mark.parametrize("beta", [0.3, 0.9, 0.99])
def test_momentums_is_alpha_beta_to_the_j(beta):
    alpha = 0.37
    _, kernel = at_rest(make_hand_designed("momentum", {"learning_rate": alpha, "momentum": beta}))
    expected = alpha * beta ** np.arange(201)
    np.testing.assert_allclose(kernel.values.numpy(), expected, rtol=1e-10, atol=0)
    assert kernel.total == pytest.approx(alpha / (1 - beta), rel=1e-10)
    assert (kernel.alpha, kernel.beta) == (pytest.approx(alpha, rel=1e-6), pytest.approx(beta, abs=1e-6))
    assert kernel.r2 == pytest.approx(1, abs=1e-10) and kernel.exponentials == 1
    assert kernel.contributions.tolist() == pytest.approx([1])
    ages = np.arange(201)
    assert kernel.horizon == pytest.approx((ages * expected).sum() / expected.sum())
    assert kernel.memory == pytest.approx(expected.sum() / alpha)


def test_gradient_descent_and_nesterov():
    _, sgd = at_rest(make_hand_designed("sgd", {"learning_rate": 0.2}))
    assert sgd.values[0] == pytest.approx(0.2) and not sgd.values[1:].any()
    assert (sgd.memory, sgd.horizon, sgd.total, sgd.exponentials) == (1, 0, pytest.approx(0.2), 0)
    _, nesterov = at_rest(make_hand_designed("nesterov", {"learning_rate": 0.2, "momentum": 0.8}))
    expected = [0.2 * 1.8, *(0.2 * 0.8 ** (j + 1) for j in range(1, 201))]
    np.testing.assert_allclose(nesterov.values.numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("cell", ["gru", "lstm", "vanilla"])
def test_a_learned_optimizers_is_what_a_pulse_does(cell):
    """K(j) by central differences: a small gradient at step 0, and the update j steps later."""
    optimizer = contracting(cell, output_scale=0.5)
    state, kernel = at_rest(optimizer, steps=12)
    h, updates = 1e-5, []
    for sign in (1, -1):
        now, run = state[None], []
        for j in range(13):
            now, update = optimizer.step(now, torch.tensor([sign * h if j == 0 else 0.0], dtype=DOUBLE))
            run.append(float(update))
        updates.append(run)
    expected = -(np.array(updates[0]) - np.array(updates[1])) / (2 * h)
    np.testing.assert_allclose(kernel.values.numpy(), expected, rtol=1e-5, atol=1e-9)


def test_it_is_the_sum_of_its_modes():
    system = linear([[0.9, 0.0], [0.0, 0.5]], direct=0.3)
    state, kernel = at_rest(system)
    found = linearize(system, state)
    modes = (found.rates * found.eigenvalues ** torch.arange(201)[:, None]).sum(1).real
    modes[0] += found.direct
    torch.testing.assert_close(kernel.values, modes, rtol=1e-9, atol=1e-12)
    assert kernel.exponentials == 2
    assert kernel.total == pytest.approx(0.3 + 1 / 0.1 + 1 / 0.5)


def test_a_mode_that_does_not_decay_has_no_total():
    system = linear([[1.0]])
    kernel = memory_kernel(linearize(system, torch.zeros(1, dtype=DOUBLE)), 20)
    assert kernel.total is None and kernel.values.tolist() == [1.0] * 21
