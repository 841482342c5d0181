"""Adaptation in use, on rates that follow the gradients in a known way."""

import numpy as np
import pytest
import torch

from core.analysis.in_use import adaptation_in_use, recent_sizes
from core.mechanisms.adaptation import in_use_report
from core.mechanisms.context import Context
from core.optimizers import make_hand_designed
from core.tasks import make_task


def made(power: float, noise: float, schedule: bool = True, seed: int = 0):
    """Rates that are the recent size of gradients to a power, with noise, and with a schedule that is the same for all."""
    source = np.random.default_rng(seed)
    level = np.exp(source.normal(size=(1, 12, 4)))
    fall = np.exp(-0.03 * np.arange(60))[:, None, None] if schedule else 1.0
    gradients = torch.tensor(level * fall * source.normal(size=(60, 12, 4)))
    sizes = recent_sizes(gradients, 0.9).numpy()
    rates = np.where(np.isfinite(sizes), sizes, 1.0) ** power * (fall if schedule else 1.0)
    return torch.tensor(rates * np.exp(noise * source.normal(size=rates.shape))), gradients


@pytest.mark.parametrize("power", [-1.0, 0.5])
def test_a_power_of_the_recent_size_is_found_whatever_the_schedule(power):
    found = adaptation_in_use(*made(power, 0.05))
    assert found is not None and found.decay == 0.9
    assert found.slope == pytest.approx(power, abs=0.03) and found.low <= found.slope <= found.high
    assert np.sign(found.rank_correlation) == np.sign(power) and abs(found.rank_correlation) > 0.9


def test_a_schedule_alone_is_no_adaptation():
    rates, gradients = made(0.0, 0.3)
    found = adaptation_in_use(rates, gradients)
    assert found is not None and found.low < 0 < found.high and abs(found.rank_correlation) < 0.1


def test_recent_sizes_are_those_before_the_step():
    sizes = recent_sizes(torch.tensor([1.0, -2.0, 4.0], dtype=torch.float64), 0.5)
    assert torch.isnan(sizes[0]) and sizes[1:].tolist() == [1.0, 1.5]


def test_momentum_and_rmsprop_are_the_ends_of_the_scale():
    task = make_task("linear_regression")
    momentum = in_use_report(Context(make_hand_designed("momentum", {"learning_rate": 1.0, "momentum": 0.9}), task))
    assert (momentum.slope, momentum.low, momentum.high, momentum.rank_correlation) == (0, 0, 0, 0)
    rmsprop = in_use_report(Context(make_hand_designed("rmsprop", {"learning_rate": 0.03, "decay": 0.9}), task))
    assert rmsprop.slope == pytest.approx(-1, abs=0.1) and rmsprop.rank_correlation < -0.9


def test_too_few_problems_are_no_evidence():
    assert adaptation_in_use(torch.ones(10, 3, 2), torch.ones(10, 3, 2)) is None
