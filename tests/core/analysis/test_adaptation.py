"""Slopes along the curve of fixed points, against closed forms, and on which sheet of a folded curve they are read."""

import pytest
import torch

from core.analysis.adaptation import adaptation_of, local_slopes_along, passage, rate_exponent, rates_along
from core.analysis.continuation import continue_fixed_points
from core.analysis.fixed_points import find_fixed_points
from core.optimizers import make_hand_designed
from tests.core.analysis.systems import three_point_gru
from tests.core.helpers import learned

DOUBLE = torch.float64


def curve(name, hyperparameters):
    optimizer = make_hand_designed(name, hyperparameters)
    state = find_fixed_points(optimizer, optimizer.initial_state(1, DOUBLE)).states[0]
    return optimizer, state, continue_fixed_points(optimizer, state, 0.0, -10.0, 10.0, scale=0.01)


def test_momentums_rate_is_constant():
    optimizer, state, branch = curve("momentum", {"learning_rate": 0.2, "momentum": 0.9})
    rates = rates_along(optimizer, branch)
    torch.testing.assert_close(rates, torch.full_like(rates, 0.2), rtol=1e-9, atol=0)
    found = adaptation_of(optimizer, [branch], state, 3.0, (0.01, 3.0))
    assert (found.at_zero, found.at_typical, found.exponent) == (
        pytest.approx(0.2),
        pytest.approx(0.2),
        pytest.approx(0, abs=1e-9),
    )
    assert found.sheets == (1, 1)


def test_rmsprops_state_lowers_its_rate():
    """At s = g² and gradient 0 the second moment decays once: −∂u/∂g = α / (√γ |g| + ε)."""
    alpha, gamma, epsilon = 0.03, 0.8, 1e-3
    optimizer, state, branch = curve("rmsprop", {"learning_rate": alpha, "decay": gamma, "epsilon": epsilon})
    expected = alpha / (gamma**0.5 * branch.gradients.abs() + epsilon)
    torch.testing.assert_close(rates_along(optimizer, branch), expected, rtol=1e-6, atol=0)
    found = adaptation_of(optimizer, [branch], state, 2.5, (1.0, 9.0))
    assert found.at_zero == pytest.approx(alpha / epsilon, rel=1e-6)
    assert found.at_typical == pytest.approx(alpha / (gamma**0.5 * 2.5 + epsilon), rel=1e-6)
    assert found.exponent == pytest.approx(1, abs=1e-3)
    # The local slope falls faster: at s = g², u = −αg/(r + ε) with r = |g| and dr/dg = (1 − γ) g / r.
    size = branch.gradients.abs()
    local = alpha * (gamma * size + epsilon) / (size + epsilon) ** 2
    torch.testing.assert_close(local_slopes_along(optimizer, branch), local, rtol=1e-6, atol=0)
    assert adaptation_of(optimizer, [branch], state, 2.5, (1.0, 9.0), local=True).at_typical == pytest.approx(
        alpha * (gamma * 2.5 + epsilon) / (2.5 + epsilon) ** 2, rel=1e-6
    )


def test_adams_state_lowers_its_rate():
    """Without bias correction (1 − β₁) α / (√β₂ |g| + ε); the clock held at k = 0 divides by 1 − β once."""
    alpha, b1, b2, epsilon = 0.03, 0.7, 0.9, 1e-3
    optimizer, _, branch = curve("adam", {"learning_rate": alpha, "beta1": b1, "beta2": b2, "epsilon": epsilon})
    root = (b2 * branch.gradients**2 / (1 - b2)).sqrt()
    torch.testing.assert_close(rates_along(optimizer, branch), alpha / (root + epsilon), rtol=1e-6, atol=1e-12)


def test_a_learned_optimizers_slopes_by_differences():
    optimizer = learned(units=5, output_scale=0.5)
    state = find_fixed_points(optimizer, optimizer.initial_state(1, DOUBLE)).states[0]
    branch = continue_fixed_points(optimizer, state, 0.0, -1.0, 1.0)
    h = 1e-6
    with torch.no_grad():
        for gradients, found in (
            (branch.gradients, local_slopes_along(optimizer, branch)),
            (torch.zeros_like(branch.gradients), rates_along(optimizer, branch)),
        ):
            right, left = (optimizer.step(branch.states, gradients + sign * h)[1] for sign in (1, -1))
            torch.testing.assert_close(found, -(right - left) / (2 * h), rtol=1e-6, atol=1e-8)


def test_a_fold_is_read_on_the_sheet_that_comes_first():
    optimizer = three_point_gru()
    start = torch.zeros(1, 3, dtype=DOUBLE)
    start[0, 0] = 2.0
    state = find_fixed_points(optimizer, start).states[0]
    branch = continue_fixed_points(optimizer, state, 0.0, -1.0, 1.0)
    assert len(branch.folds) == 2
    beyond = min(fold.gradient for fold in branch.folds)  # the curve turns back there before it gets to −1
    near, far = passage(optimizer, branch, 0.5 * beyond), passage(optimizer, branch, (beyond - 1) / 2)
    assert (near.sheet, far.sheet) == (1, 3)
    assert float(near.state[0]) > 0 > float(far.state[0])
    for found in (near, far):
        moved = optimizer.step(found.state[None], torch.tensor([found.gradient], dtype=DOUBLE))[0][0]
        torch.testing.assert_close(moved, found.state, rtol=0, atol=1e-9)


def test_nothing_is_extrapolated_beyond_the_curve():
    optimizer, state, branch = curve("rmsprop", {"learning_rate": 0.1})
    assert passage(optimizer, branch, 10.5) is None
    found = adaptation_of(optimizer, [branch], state, 10.5, (1.0, 10.5))
    assert found.at_typical is None and found.exponent is None and found.sheets == (None, None)


def test_an_exponent_is_the_slope_of_the_logarithms():
    g = torch.tensor([-4.0, -2.0, 1.0, 3.0], dtype=DOUBLE)
    assert rate_exponent(g, 5 * g.abs() ** -0.7) == pytest.approx(0.7)
