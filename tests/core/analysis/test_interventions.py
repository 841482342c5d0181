import pytest
import torch

from core.analysis.autonomous import autonomous_trajectory
from core.analysis.interventions import LARGEST_FACTOR, Frozen, Memoryless, Pinned, Repaired, Unsaturated
from core.analysis.linearization import LinearOptimizer, linearize
from core.analysis.update_function import effective_learning_rate
from core.optimizers import make_hand_designed
from tests.core.helpers import learned

ROWS = 5


def updates(optimizer, gradients):
    state, collected = optimizer.initial_state(ROWS, torch.float64), []
    with torch.no_grad():
        for g in gradients:
            state, update = optimizer.step(state, g)
            collected.append(update)
    return torch.stack(collected)


@pytest.fixture
def gradients():
    return torch.randn(30, ROWS, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov"])
def test_nothing_is_lost_where_there_is_nothing_to_switch_off(name, gradients):
    values = {"learning_rate": 0.1} | ({} if name == "sgd" else {"momentum": 0.9})
    whole = make_hand_designed(name, values)
    fixed_point = whole.initial_state(1, torch.float64)[0]
    rates = torch.full((30,), 0.1 if name != "nesterov" else 0.19, dtype=torch.float64)
    variants = [
        LinearOptimizer(whole, linearize(whole, fixed_point)),
        Unsaturated(whole),
        Frozen(whole, autonomous_trajectory(whole, 20)[20]),
        Pinned(whole, rates),
    ]
    expected = updates(whole, gradients)
    for variant in variants:
        torch.testing.assert_close(updates(variant, gradients), expected, rtol=1e-9, atol=1e-12, msg=variant.name)


def test_clipping_is_what_is_lost_without_saturation(gradients):
    clipped = make_hand_designed("clipped_sgd", {"learning_rate": 0.2, "threshold": 0.5})
    torch.testing.assert_close(updates(Unsaturated(clipped), gradients), -0.2 * gradients)


@pytest.mark.parametrize("frozen_at", [0, 3, 40])
def test_adams_bias_correction_stands_still(frozen_at, gradients):
    """By a loop of Adam's definition in which the step is always the same."""
    alpha, b1, b2, epsilon = 0.01, 0.8, 0.9, 1e-3
    adam = make_hand_designed("adam", {"learning_rate": alpha, "beta1": b1, "beta2": b2, "epsilon": epsilon})
    rates = updates(Frozen(adam, autonomous_trajectory(adam, 40)[frozen_at]), gradients)
    m = s = torch.zeros(ROWS, dtype=torch.float64)
    for g, update in zip(gradients, rates, strict=True):
        m, s = b1 * m + (1 - b1) * g, b2 * s + (1 - b2) * g**2
        first, second = 1 - b1 ** (frozen_at + 1), 1 - b2 ** (frozen_at + 1)
        torch.testing.assert_close(update, -alpha * (m / first) / ((s / second).sqrt() + epsilon))


def test_a_decaying_rate_stands_still(gradients):
    sgd = make_hand_designed("sgd", {"learning_rate": 0.5, "learning_rate_decay": 0.3})
    frozen = Frozen(sgd, autonomous_trajectory(sgd, 10)[10])
    torch.testing.assert_close(updates(frozen, gradients), -0.5 / (1 + 0.3 * 10) * gradients)


def test_a_frozen_learned_optimizer_rests_until_a_gradient_comes():
    optimizer = learned(units=6)
    frozen = Frozen(optimizer, autonomous_trajectory(optimizer, 5)[5])
    assert updates(frozen, torch.zeros(8, ROWS, dtype=torch.float64)).abs().max() < 1e-15
    state = frozen.initial_state(1, torch.float64)
    assert torch.equal(frozen.step(state, torch.zeros(1, dtype=torch.float64))[0], state)


def test_pinned_rmsprop_has_one_rate_for_all(gradients):
    rmsprop = make_hand_designed("rmsprop", {"learning_rate": 0.01, "decay": 0.9, "epsilon": 1e-3})
    rates = torch.linspace(0.05, 0.02, 30, dtype=torch.float64)
    pinned = Pinned(rmsprop, rates)
    state = pinned.initial_state(ROWS, torch.float64)
    for k, g in enumerate(gradients):
        own = effective_learning_rate(rmsprop, state[:, :-1])
        factor = (rates[k] / own).clamp(1 / LARGEST_FACTOR, LARGEST_FACTOR)
        expected = rmsprop.step(state[:, :-1], g)[1] * factor
        state, update = pinned.step(state, g)
        torch.testing.assert_close(update, expected)
    tame = (rates[-1] / own > 1 / LARGEST_FACTOR) & (rates[-1] / own < LARGEST_FACTOR)
    assert tame.any()


def test_unsaturated_is_the_tangent(gradients):
    optimizer = learned(units=6, output_scale=0.5)
    variant = Unsaturated(optimizer)
    state = optimizer.initial_state(ROWS, torch.float64)
    small = 1e-6 * gradients[0]
    exact = optimizer.step(state, small)[1]
    torch.testing.assert_close(variant.step(state, small)[1], exact, rtol=1e-9, atol=1e-12)
    still = optimizer.step(state, torch.zeros_like(small))[1]
    torch.testing.assert_close(variant.step(state, 1e6 * small)[1] - still, 1e6 * (exact - still), rtol=1e-4, atol=1e-9)
    assert torch.equal(variant.step(state, gradients[0])[0], optimizer.step(state, gradients[0])[0])


def test_momentum_without_memory_is_gradient_descent_at_its_whole_rate(gradients):
    """ΣK = α/(1 − β): momentum and this gradient descent have the same slow response."""
    momentum = make_hand_designed("momentum", {"learning_rate": 0.1, "momentum": 0.9})
    without = Memoryless(momentum, autonomous_trajectory(momentum, 40), 1 / (1 - 0.9))
    torch.testing.assert_close(updates(without, gradients), -gradients)


def test_a_schedule_stays_without_memory(gradients):
    values = {"learning_rate": 0.5, "learning_rate_decay": 0.3}
    sgd = make_hand_designed("sgd", values)
    without = Memoryless(sgd, autonomous_trajectory(sgd, 40), 1.0)
    torch.testing.assert_close(updates(without, gradients), updates(sgd, gradients))


def test_a_repaired_optimizer_sees_every_gradient_shifted(gradients):
    optimizer = learned(units=6)
    torch.testing.assert_close(updates(Repaired(optimizer, 0.25), gradients), updates(optimizer, gradients + 0.25))
