"""The update function and the effective learning rate, against direct steps and closed forms."""

from typing import Any

import pytest
import torch
from torch import Tensor

from core.analysis import update_function as module
from core.analysis.update_function import effective_learning_rate, update_function, update_functions_between
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import SGD, Adam, Momentum, Nesterov, RMSProp
from tests.core.helpers import learned

HAND_DESIGNED = [
    SGD(0.3),
    Momentum(0.1, 0.9),
    Nesterov(0.1, 0.9),
    RMSProp(0.01, 0.95, 1e-3),
    Adam(0.02, 0.8, 0.99, 1e-4),
    Adam(0.02, 0.8, 0.99, 1e-4, learning_rate_decay=0.1),
]
LEARNED = [learned(cell=cell) for cell in ("gru", "lstm", "vanilla")] + [learned(features="log_sign")]
EVERY = [*HAND_DESIGNED, *LEARNED]


def visited(optimizer: Optimizer, rows: int = 6, steps: int = 5, seed: int = 0) -> Tensor:
    """States after a few random gradients, [rows, S]."""
    source = torch.Generator().manual_seed(seed)
    state = optimizer.initial_state(rows, torch.float64)
    for _ in range(steps):
        state = optimizer.step(state, torch.randn(rows, generator=source, dtype=torch.float64))[0]
    return state.detach()


def name(value: Any) -> str:
    return value.name


@pytest.mark.parametrize("optimizer", EVERY, ids=name)
def test_updates_are_those_of_direct_steps(optimizer: Optimizer) -> None:
    states = visited(optimizer).view(2, 3, -1)
    gradients = torch.tensor([-3.0, -0.1, 0.0, 0.2, 7.0], dtype=torch.float64)
    updates = update_function(optimizer, states, gradients)
    assert updates.shape == (2, 3, 5)
    for i in range(2):
        for j in range(3):
            for k, g in enumerate(gradients):
                _, update = optimizer.step(states[i, j][None], g[None])
                torch.testing.assert_close(updates[i, j, k], update[0], rtol=1e-12, atol=1e-14)


def test_many_rows_are_done_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    optimizer, gradients = learned(), torch.linspace(-2, 2, 7, dtype=torch.float64)
    states = visited(optimizer, rows=11)
    whole = update_function(optimizer, states, gradients)
    for at_once in (1, 7, 20, 50):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", at_once)
        torch.testing.assert_close(update_function(optimizer, states, gradients), whole)


@pytest.mark.parametrize("optimizer", [SGD(0.3), Momentum(0.3, 0.9), Momentum(0.3, 0.0)], ids=name)
def test_momentum_has_its_learning_rate_in_any_state(optimizer: Optimizer) -> None:
    rates = effective_learning_rate(optimizer, visited(optimizer))
    torch.testing.assert_close(rates, torch.full((6,), 0.3, dtype=torch.float64))


def test_nesterov() -> None:
    rates = effective_learning_rate(Nesterov(0.3, 0.9), torch.randn(4, 1, dtype=torch.float64))
    torch.testing.assert_close(rates, torch.full((4,), 0.3 * 1.9, dtype=torch.float64))


def test_rmsprop() -> None:
    states = torch.tensor([[1e-8], [0.01], [4.0], [1e6]], dtype=torch.float64)
    rates = effective_learning_rate(RMSProp(0.01, 0.9, 1e-3), states)
    torch.testing.assert_close(rates, 0.01 / ((0.9 * states[:, 0]).sqrt() + 1e-3))


def test_rmsprop_before_its_first_step_divides_by_epsilon() -> None:
    rates = effective_learning_rate(RMSProp(0.01, 0.9, 1e-3), torch.zeros(1, 1, dtype=torch.float64))
    torch.testing.assert_close(rates, torch.tensor([10.0], dtype=torch.float64))


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adam(decay: float) -> None:
    alpha, beta1, beta2, epsilon = 0.02, 0.8, 0.99, 1e-4
    states = torch.tensor([[0.5, 0.3, 0.0], [-2.0, 4.0, 3.0], [0.0, 1e-6, 200.0]], dtype=torch.float64)
    rates = effective_learning_rate(Adam(alpha, beta1, beta2, epsilon, decay), states)
    s, step = states[:, 1], states[:, 2]
    t = step + 1
    rate = alpha / (1 + decay * step) / (1 - beta1**t) * (1 - beta1)
    torch.testing.assert_close(rates, rate / ((beta2 * s / (1 - beta2**t)).sqrt() + epsilon))


def test_a_learning_rate_decay_is_in_the_rate() -> None:
    optimizer = Momentum(0.3, 0.9, learning_rate_decay=0.5)
    states = torch.tensor([[1.0, 0.0], [1.0, 2.0]], dtype=torch.float64)
    torch.testing.assert_close(effective_learning_rate(optimizer, states), torch.tensor([0.3, 0.15]).double())


@pytest.mark.parametrize("optimizer", [*LEARNED[:3], learned(features="symlog", feature_scale=30.0)], ids=name)
def test_a_learned_optimizer_by_central_differences(optimizer: Optimizer) -> None:
    states = visited(optimizer).view(3, 2, -1)
    rates = effective_learning_rate(optimizer, states)
    assert rates.shape == (3, 2)
    h = 1e-6
    ends = update_function(optimizer, states, torch.tensor([-h, h], dtype=torch.float64))
    torch.testing.assert_close(rates, -(ends[..., 1] - ends[..., 0]) / (2 * h), rtol=1e-6, atol=1e-9)


def test_by_automatic_differentiation() -> None:
    optimizer, states = learned(), visited(learned())
    g = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(optimizer.step(states, g)[1].sum(), g)
    torch.testing.assert_close(effective_learning_rate(optimizer, states), -slope)


@pytest.mark.parametrize("width", [1e-3, 0.5])
def test_a_jump_has_a_secant(width: float) -> None:
    optimizer = learned(features="log_sign")
    states = visited(optimizer)
    rates = effective_learning_rate(optimizer, states, width)
    right, left = (optimizer.step(states, torch.full((6,), g, dtype=torch.float64))[1] for g in (width, -width))
    torch.testing.assert_close(rates, (left - right) / (2 * width))


def test_no_graph_is_left() -> None:
    optimizer = learned()
    optimizer = optimizer.with_theta({key: tensor.requires_grad_() for key, tensor in optimizer.theta.items()})
    states = visited(optimizer)
    assert not effective_learning_rate(optimizer, states).requires_grad
    assert not update_function(optimizer, states, torch.zeros(2, dtype=torch.float64)).requires_grad


def test_single_precision_stays_so() -> None:
    states = visited(Momentum(0.1, 0.9)).float()
    assert effective_learning_rate(Momentum(0.1, 0.9), states).dtype == torch.float32
    assert update_function(Momentum(0.1, 0.9), states, torch.zeros(2)).dtype == torch.float32


def test_slices_between_two_states():
    optimizer = Momentum(0.5, 0.8)
    start, end = (torch.tensor([value], dtype=torch.float64) for value in (1.0, 3.0))
    shares, g = torch.tensor([-0.5, 0.0, 0.5, 1.0]).double(), torch.tensor([-1.0, 0.0, 2.0]).double()
    expected = -0.5 * (0.8 * torch.tensor([0.0, 1.0, 2.0, 3.0]).double()[:, None] + g)
    torch.testing.assert_close(update_functions_between(optimizer, start, end, shares, g), expected)
    both = update_functions_between(optimizer, torch.stack([start, end]), torch.stack([end, start]), shares, g)
    torch.testing.assert_close(both[0], expected)
