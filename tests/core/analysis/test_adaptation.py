import pytest
import torch

from core.analysis.adaptation import rate_at, rate_exponent, rates_along
from core.analysis.continuation import continue_fixed_points
from core.analysis.fixed_points import find_fixed_points
from core.optimizers import make_hand_designed
from tests.core.helpers import learned


def curve(name, hyperparameters):
    optimizer = make_hand_designed(name, hyperparameters)
    fixed_point = find_fixed_points(optimizer, optimizer.initial_state(1, torch.float64)).states[0]
    return optimizer, continue_fixed_points(optimizer, fixed_point, 0.0, -10.0, 10.0, scale=0.01)


def test_momentums_rate_is_constant():
    optimizer, branch = curve("momentum", {"learning_rate": 0.2, "momentum": 0.9})
    rates = rates_along(optimizer, branch)
    torch.testing.assert_close(rates, torch.full_like(rates, 0.2), rtol=1e-9, atol=0)
    assert rate_exponent(branch.gradients, rates, 0.01, 10) == pytest.approx(0, abs=1e-9)


def test_rmsprops_rate_is_its_closed_form():
    """At s = g²: u = −αg/(r + ε), r = |g| there, dr/dg = (1 − γ) g / r, so −∂u/∂g = α (γ|g| + ε) / (|g| + ε)²."""
    alpha, gamma, epsilon = 0.03, 0.8, 1e-3
    optimizer, branch = curve("rmsprop", {"learning_rate": alpha, "decay": gamma, "epsilon": epsilon})
    size = branch.gradients.abs()
    expected = alpha * (gamma * size + epsilon) / (size + epsilon) ** 2
    torch.testing.assert_close(rates_along(optimizer, branch), expected, rtol=1e-6, atol=0)
    assert rate_exponent(branch.gradients, expected, 1.0, 10.0) == pytest.approx(1, abs=0.01)


def test_adams_rate_is_its_closed_form():
    """The clock held at k = 0: c₁ = 1 − β₁, c₂ = 1 − β₂; m = g, s = g² at rest, and slopes of both moments count."""
    alpha, b1, b2, epsilon = 0.03, 0.7, 0.9, 1e-3
    optimizer, branch = curve("adam", {"learning_rate": alpha, "beta1": b1, "beta2": b2, "epsilon": epsilon})
    g, c1, c2 = branch.gradients, 1 - b1, 1 - b2
    root = g.abs() / c2**0.5 + epsilon
    slope_of_root = (1 - b2) * g.sign() / c2**0.5
    expected = alpha / c1 * ((1 - b1) / root - g * slope_of_root / root**2)
    torch.testing.assert_close(rates_along(optimizer, branch), expected, rtol=1e-6, atol=1e-12)


def test_a_learned_optimizers_rate_by_differences():
    optimizer = learned(units=5, output_scale=0.5)
    fixed_point = find_fixed_points(optimizer, optimizer.initial_state(1, torch.float64)).states[0]
    branch = continue_fixed_points(optimizer, fixed_point, 0.0, -1.0, 1.0)
    h = 1e-6
    with torch.no_grad():
        right, left = (optimizer.step(branch.states, branch.gradients + sign * h)[1] for sign in (1, -1))
    torch.testing.assert_close(rates_along(optimizer, branch), -(right - left) / (2 * h), rtol=1e-6, atol=1e-8)


def test_reading_a_curve():
    g = torch.tensor([-2.0, 0.0, 2.0], dtype=torch.float64)
    rates = torch.tensor([1.0, 4.0, 2.0], dtype=torch.float64)
    assert rate_at(g, rates, 1.0) == 3.0 and rate_at(g, rates, -1.0) == 2.5
    assert rate_exponent(g, rates, 0.1, 3.0) is None
