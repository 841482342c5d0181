import math

import pytest
import torch

from core.analysis.clipping import half_slope, largest_update, share_beyond
from core.analysis.update_function import effective_learning_rate
from core.optimizers import make_hand_designed
from tests.core.helpers import learned

LOW, HIGH = 1e-9, 1e6


def state_of(*values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("threshold", [1e-3, 0.7, 40.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_threshold_of_a_clipped_sgd_is_found(threshold, sign):
    optimizer = make_hand_designed("clipped_sgd", {"learning_rate": 0.3, "threshold": threshold})
    assert half_slope(optimizer, state_of(), sign, LOW, HIGH) == pytest.approx(threshold, rel=1e-6)
    size, _, grows = largest_update(optimizer, state_of(), LOW, HIGH)
    assert size == pytest.approx(0.3 * threshold, rel=1e-9) and not grows


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov"])
def test_linear_optimizers_do_not_clip(name):
    optimizer = make_hand_designed(name, {"learning_rate": 0.1})
    state = optimizer.initial_state(1, torch.float64)[0]
    assert half_slope(optimizer, state, 1, LOW, HIGH) is None
    assert largest_update(optimizer, state, LOW, HIGH)[2]


@pytest.mark.parametrize("s", [0.04, 3.0])
def test_rmsprops_half_slope_is_its_closed_form(s):
    """u = −αg/√(γs + (1 − γ)g²) for ε = 0: its slope is α γs / (γs + (1 − γ)g²)^(3/2), half of α/√(γs) where (·)^(3/2) has doubled."""
    alpha, gamma = 0.01, 0.9
    optimizer = make_hand_designed("rmsprop", {"learning_rate": alpha, "decay": gamma, "epsilon": 0.0})
    expected = math.sqrt(gamma * s * (2 ** (2 / 3) - 1) / (1 - gamma))
    assert half_slope(optimizer, state_of(s), 1, LOW, HIGH) == pytest.approx(expected, rel=1e-6)
    size, _, grows = largest_update(optimizer, state_of(s), LOW, HIGH)
    assert size == pytest.approx(alpha / math.sqrt(1 - gamma), rel=1e-6) and not grows


@pytest.mark.parametrize("kind", ["gru", "lstm", "vanilla"])
def test_a_cells_half_slope_by_a_fine_grid(kind):
    optimizer = learned(cell=kind, units=7, output_scale=0.1)
    state = optimizer.initial_state(1, torch.float64)[0]
    size = half_slope(optimizer, state, 1, 1e-4, 1e3)
    grid = torch.logspace(-4, 3, 200_001, dtype=torch.float64)
    with torch.no_grad():
        updates = optimizer.step(state.expand(len(grid), -1), grid)[1]
    slopes = -(updates[1:] - updates[:-1]) / (grid[1:] - grid[:-1])
    start = float(effective_learning_rate(optimizer, state))
    expected = grid[1:][(slopes / start < 0.5).nonzero()[0, 0]]
    assert size == pytest.approx(float(expected), rel=1e-3)


def test_one_unit_and_nan_weights():
    unit = learned(units=1)
    assert half_slope(unit, unit.initial_state(1, torch.float64)[0], 1, LOW, HIGH) is not None
    broken = unit.with_theta({n: t * math.nan if n == "readout_weight" else t for n, t in unit.theta.items()})
    assert not math.isfinite(float(effective_learning_rate(broken, unit.initial_state(1, torch.float64)[0])))


def test_shares_beyond():
    gradients = torch.tensor([-3.0, -1.0, 0.0, 1.0, 2.0])
    assert share_beyond(gradients, 1.0) == 0.8
    assert share_beyond(gradients, 2.5) == 0.2
    assert share_beyond(torch.empty(0), 1.0) == 0
