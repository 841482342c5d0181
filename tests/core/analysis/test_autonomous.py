import math

import pytest
import torch

from core.analysis.autonomous import autonomous_trajectory, schedule_of
from core.analysis.update_function import effective_learning_rate
from core.optimizers import make_hand_designed
from tests.core.helpers import learned


def rates(name, hyperparameters, steps=60):
    optimizer = make_hand_designed(name, hyperparameters)
    return effective_learning_rate(optimizer, autonomous_trajectory(optimizer, steps))


def test_a_learned_optimizer_is_followed_by_its_own_steps():
    optimizer = learned(units=6)
    states = autonomous_trajectory(optimizer, 7)
    state = optimizer.initial_state(1, torch.float64)
    for k in range(8):
        torch.testing.assert_close(states[k], state[0], rtol=1e-14, atol=0)
        state, _ = optimizer.step(state, torch.zeros(1, dtype=torch.float64))


def test_it_can_start_anywhere():
    start = torch.tensor([2.0], dtype=torch.float64)
    schedule = autonomous_trajectory(make_hand_designed("momentum", {"momentum": 0.5}), 3, start)
    assert schedule[:, 0].tolist() == [2.0, 1.0, 0.5, 0.25]


@pytest.mark.parametrize("name, values", [("sgd", {}), ("momentum", {"momentum": 0.9}), ("clipped_sgd", {})])
def test_these_have_no_schedule(name, values):
    schedule = schedule_of(rates(name, {"learning_rate": 0.3, **values}))
    assert schedule.change == pytest.approx(0, abs=1e-12)
    assert schedule.start == schedule.end == pytest.approx(0.3, rel=1e-12)


def test_adams_bias_correction_is_its_closed_form():
    b1, b2, epsilon, alpha = 0.8, 0.95, 1e-4, 0.02
    schedule = rates("adam", {"learning_rate": alpha, "beta1": b1, "beta2": b2, "epsilon": epsilon})
    expected = [alpha * (1 - b1) / (1 - b1 ** (k + 1)) / epsilon for k in range(61)]  # s stays 0
    torch.testing.assert_close(schedule, torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=0)


def test_a_decay_is_inverse_time():
    schedule = rates("sgd", {"learning_rate": 0.5, "learning_rate_decay": 0.1})
    expected = torch.tensor([0.5 / (1 + 0.1 * k) for k in range(61)], dtype=torch.float64)
    torch.testing.assert_close(schedule, expected, rtol=1e-12, atol=0)


def test_a_schedule_of_sgd_is_found_exactly():
    warmup, horizon, alpha = 9, 50, 0.4
    schedule = rates("scheduled_sgd", {"learning_rate": alpha, "warmup": warmup, "horizon": horizon})

    def factor(k):
        if k < warmup:
            return (k + 1) / (warmup + 1)
        return 0.5 + 0.5 * math.cos(math.pi * min(k - warmup, horizon - warmup) / (horizon - warmup))

    expected = torch.tensor([alpha * factor(k) for k in range(61)], dtype=torch.float64)
    torch.testing.assert_close(schedule, expected, rtol=1e-6, atol=1e-12)
    shape = schedule_of(schedule)
    assert shape.peak_step == warmup and shape.peak == pytest.approx(alpha)
    assert shape.start == pytest.approx(alpha / (warmup + 1)) and shape.end == pytest.approx(0, abs=1e-12)
    assert shape.change == pytest.approx(1)


def test_what_is_not_finite_is_counted():
    schedule = schedule_of(torch.tensor([1.0, math.nan, 3.0, math.inf, 2.0], dtype=torch.float64))
    assert (schedule.start, schedule.peak, schedule.peak_step, schedule.end, schedule.nonfinite) == (1, 3, 2, 2, 2)
    nothing = schedule_of(torch.full((4,), math.nan))
    assert math.isnan(nothing.start) and nothing.nonfinite == 4
