"""Curves of fixed points against closed forms, against points found one gradient at a time, and through folds."""

import math
from dataclasses import dataclass
from typing import final

import numpy as np
import pytest
import torch
from torch import Tensor

from core.analysis.continuation import Branch, _largest, continue_fixed_points
from core.analysis.fixed_points import find_fixed_points, is_fixed_point, speed
from core.errors import InputError
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import SGD, Adam, Momentum, Nesterov, RMSProp
from tests.core.analysis.systems import contracting, one_unit, random_states, three_point_gru
from tests.core.helpers import learned

DOUBLE = torch.float64
CLOSED = {  # h*(g) with the clock held at 5, and the spectral radius
    "sgd": (SGD(0.1), lambda g: [], 0.0),
    "momentum": (Momentum(0.1, 0.9), lambda g: [g / (1 - 0.9)], 0.9),
    "nesterov": (Nesterov(0.1, 0.5), lambda g: [g / 0.5], 0.5),
    "rmsprop": (RMSProp(0.1, 0.99), lambda g: [g**2], 0.99),
    "adam": (Adam(0.1, 0.9, 0.95), lambda g: [g, g**2, torch.full_like(g, 5.0)], 0.95),
}
FOLD = 2 / math.sqrt(2) - math.atanh(1 / math.sqrt(2))  # h = tanh(2 h + g) is tangent where 2 (1 − h²) = 1


@final
@dataclass(frozen=True)
class Circle(Optimizer):
    """h' = h + (h² + g² − 1) / 4: its fixed points are a circle."""

    @property
    def name(self) -> str:
        return "circle"

    @property
    def state_names(self) -> tuple[str, ...]:
        return ("h",)

    @property
    def smooth(self) -> bool:
        return True

    def initial_state(self, n: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(n, 1, dtype=dtype)

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return state + (state**2 + gradient[:, None] ** 2 - 1) / 4, -state[:, 0]


def point(optimizer: Optimizer, gradient: float = 0.0, start: float = 0.1) -> Tensor:
    points = find_fixed_points(optimizer, torch.full((1, optimizer.state_size), start, dtype=DOUBLE), gradient)
    assert points.converged.tolist() == [True]
    return points.states[0]


def on_the_curve(optimizer: Optimizer, branch: Branch) -> None:
    assert is_fixed_point(optimizer, branch.states, speed(optimizer, branch.states, branch.gradients)).all()
    counts = {len(column) for column in (branch.gradients, branch.states, branch.radii, branch.unstable)}
    assert len(counts) == 1


@pytest.mark.parametrize(("low", "high"), [(-1e3, 1e4), (-2.0, 1e-3), (1e-6, 1e3)])
@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_over_decades_and_signs(name: str, low: float, high: float) -> None:
    optimizer, expected, radius = CLOSED[name]
    at = 0.0 if low < 0 else 0.01
    start = torch.tensor(
        [[*map(float, expected(torch.tensor(at, dtype=DOUBLE))), 5.0][: optimizer.state_size]], dtype=DOUBLE
    )
    start = find_fixed_points(optimizer, start, at, free=0).states[0]
    branch = continue_fixed_points(optimizer, start, at, low, high)
    assert branch.ended == ("range", "range")
    assert branch.gradients[[0, -1]].tolist() == [low, high]
    assert (branch.gradients.diff() > 0).all()
    assert float(branch.gradients[branch.start]) == pytest.approx(at, abs=1e-15)
    assert branch.folds == ()
    assert 25 < len(branch.gradients) < 400
    on_the_curve(optimizer, branch)
    for i, column in enumerate(expected(branch.gradients)):
        np.testing.assert_allclose(branch.states[:, i], column, rtol=1e-6, atol=1e-15)
    np.testing.assert_allclose(branch.radii, radius, rtol=1e-9)
    assert not branch.unstable.any()


@pytest.mark.parametrize("optimizer", [one_unit(2.0), three_point_gru(1)], ids=["vanilla", "gru"])
def test_both_folds_of_an_s_curve(optimizer: Optimizer) -> None:
    root, per_weight = 0.9575040240772688, 1.0 if optimizer.name.startswith("RNN") else 0.5
    for start in (-root, 0.0, root):
        branch = continue_fixed_points(optimizer, point(optimizer, start=start), 0.0, -2.0, 2.0)
        on_the_curve(optimizer, branch)
        assert branch.ended == ("range", "range")
        assert sorted(fold.gradient for fold in branch.folds) == pytest.approx([-FOLD, FOLD], rel=1e-8)
        for fold in branch.folds:
            np.testing.assert_allclose(fold.state, [-math.copysign(math.sqrt(0.5), fold.gradient)], rtol=1e-6)
        h = branch.states[:, 0]
        assert abs(float(h[branch.start]) - start) < 1e-9
        assert float(h.min()) < -0.95 and float(h.max()) > 0.95
        slope = (1 - per_weight) + per_weight * 2 * (1 - h**2)
        np.testing.assert_allclose(branch.radii, slope, rtol=1e-6)
        assert branch.unstable.tolist() == (slope > 1 + 1e-6).long().tolist()
        assert {0, 1} == set(branch.unstable.tolist())


@pytest.mark.parametrize("cell", ["gru", "lstm", "vanilla"])
def test_a_branch_holds_the_points_found_one_gradient_at_a_time(cell: str) -> None:
    optimizer = contracting(cell, units=5)
    branch = continue_fixed_points(optimizer, point(optimizer), 0.0, -3.0, 3.0)
    on_the_curve(optimizer, branch)
    assert branch.ended == ("range", "range")
    picked = torch.linspace(0, len(branch.gradients) - 1, 6).long()
    starts = random_states(optimizer, 6, 0.2)
    points = find_fixed_points(optimizer, starts, branch.gradients[picked])
    assert set(points.status) == {"converged"}
    torch.testing.assert_close(points.states[points.point], branch.states[picked], rtol=0, atol=1e-8)
    torch.testing.assert_close(points.eigenvalues[points.point].abs()[:, 0], branch.radii[picked], rtol=1e-6, atol=0)


def test_points_of_a_strong_random_gru_lie_on_the_branch() -> None:
    """Newton at the gradients of the branch, from its slightly shifted states, comes back to them: also on unstable parts."""
    optimizer = learned(seed=4, units=6)
    wild = optimizer.with_theta({**optimizer.theta, "weight_hh": 4 * optimizer.theta["weight_hh"]})
    start = find_fixed_points(wild, random_states(wild, 20, 0.3), free=0)
    assert start.converged.any()
    branch = continue_fixed_points(wild, start.states[0], 0.0, -4.0, 4.0)
    on_the_curve(wild, branch)
    points = find_fixed_points(wild, branch.states + 1e-5, branch.gradients, free=0, near=0.0)
    assert set(points.status) == {"converged"}
    apart = (points.states[points.point] - branch.states).norm(dim=1)
    assert float(apart.median()) < 1e-10
    assert (points.eigenvalues.abs() > 1 + 1e-6).sum(1)[points.point][apart < 1e-9].tolist() == branch.unstable[
        apart < 1e-9
    ].tolist()


def test_a_closed_curve_ends_where_it_began() -> None:
    branch = continue_fixed_points(Circle(), torch.tensor([-1.0], dtype=DOUBLE), 0.0, -3.0, 3.0)
    assert branch.ended == ("closed", "closed")
    np.testing.assert_allclose(branch.states[:, 0] ** 2 + branch.gradients**2, 1, rtol=1e-9)
    assert sorted(fold.gradient for fold in branch.folds) == pytest.approx([-1, 1], rel=1e-9)
    np.testing.assert_allclose([float(fold.state) for fold in branch.folds], 0, atol=1e-6)


def test_a_jump_at_0_ends_an_arm() -> None:
    base = contracting(features="log_sign")
    for at in (0.5, -0.5):
        branch = continue_fixed_points(base, point(base, at), at, -2.0, 2.0)
        on_the_curve(base, branch)
        assert branch.ended == (("jump", "range") if at > 0 else ("range", "jump"))
        assert (branch.gradients * at > 0).all()
        assert float(branch.gradients.abs().min()) < 1e-6
    with pytest.raises(InputError, match="jumps at gradient 0"):
        continue_fixed_points(base, point(base), 0.0, -1.0, 1.0)


def test_it_stops_after_as_many_points_as_allowed() -> None:
    branch = continue_fixed_points(Momentum(0.1, 0.9), torch.zeros(1, dtype=DOUBLE), 0.0, -1.0, 1.0, points=4)
    assert branch.ended == ("points", "points")
    assert len(branch.gradients) == 9
    assert branch.start == 4


def test_starting_at_an_end_of_the_range() -> None:
    branch = continue_fixed_points(Momentum(0.1, 0.9), torch.tensor([20.0], dtype=DOUBLE), 2.0, -1.0, 2.0)
    assert branch.ended == ("range", "range")
    assert branch.gradients[[0, -1]].tolist() == [-1.0, 2.0]
    assert branch.start == len(branch.gradients) - 1


def test_256_units() -> None:
    optimizer = contracting(units=256, scale=0.5)
    branch = continue_fixed_points(optimizer, point(optimizer), 0.0, -1e-2, 1e-2, points=6)
    on_the_curve(optimizer, branch)
    at = branch.states[-1:], branch.gradients[-1:]
    exact = find_fixed_points(optimizer, *at, free=0).eigenvalues.abs()
    np.testing.assert_allclose(branch.radii[-1], exact[0, 0], rtol=1e-7)


@pytest.mark.parametrize("radius", [0.5, 0.999, 1.05, 3.0])
def test_spectra_of_large_jacobians(radius: float) -> None:
    matrix = torch.randn(160, 160, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)
    matrix *= radius / float(torch.linalg.eigvals(matrix).abs().max())
    spectrum, unstable = _largest(matrix - torch.eye(160, dtype=DOUBLE))
    np.testing.assert_allclose(spectrum, radius, rtol=1e-7)
    assert unstable == int((torch.linalg.eigvals(matrix).abs() > 1 + 1e-6).sum())


def test_what_cannot_be_followed_is_refused() -> None:
    momentum, zero = Momentum(0.1, 0.9), torch.zeros(1, dtype=DOUBLE)
    with pytest.raises(InputError, match="starts from a fixed point"):
        continue_fixed_points(momentum, zero + 1, 0.0, -1.0, 1.0)
    optimizer = learned(units=2)
    broken = optimizer.with_theta({**optimizer.theta, "weight_hh": torch.nan * optimizer.theta["weight_hh"]})
    with pytest.raises(InputError, match="starts from a fixed point"):
        continue_fixed_points(broken, torch.zeros(2, dtype=DOUBLE), 0.0, -1.0, 1.0)
    for low, high in ((1.0, 2.0), (0.0, 0.0), (-math.inf, 1.0), (math.nan, 1.0)):
        with pytest.raises(InputError, match="low and high must include"):
            continue_fixed_points(momentum, zero, 0.0, low, high)
