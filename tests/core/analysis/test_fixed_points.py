"""Where the dynamics come to rest."""

from dataclasses import dataclass
from typing import final

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor

from core.analysis.fixed_points import CONVERGED, rest_point
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import SGD, Adam, Momentum, RMSProp
from core.optimizers.recurrent import RecurrentOptimizer
from tests.core.helpers import learned


@final
@dataclass(frozen=True)
class Affine(Optimizer):
    """h ← (1 + slope) h + offset + g, for every entry."""

    slope: float
    offset: float
    size: int = 2

    @property
    def name(self) -> str:
        return "affine"

    @property
    def state_names(self) -> tuple[str, ...]:
        return tuple(f"h{i}" for i in range(self.size))

    @property
    def smooth(self) -> bool:
        return True

    def initial_state(self, n: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(n, self.size, dtype=dtype)

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return (1 + self.slope) * state + self.offset + gradient[:, None], gradient


def contracting(cell: str = "gru") -> RecurrentOptimizer:
    """A learned optimizer whose recurrent weights are small enough for a single, attracting fixed point."""
    optimizer = learned(cell=cell, units=8)
    return optimizer.with_theta({**optimizer.theta, "weight_hh": 0.3 * optimizer.theta["weight_hh"]})


def start(optimizer: Optimizer, scale: float = 1.0) -> Tensor:
    source = torch.Generator().manual_seed(1)
    return scale * torch.randn(optimizer.state_size, generator=source, dtype=torch.float64)


def test_momentum_rests_at_zero() -> None:
    found = rest_point(Momentum(0.1, 0.9), torch.tensor([5.0], dtype=torch.float64))
    assert found.converged
    assert abs(float(found.state[0])) < 1e-9


@pytest.mark.parametrize("gradient", [-2.0, 0.0, 0.5])
@pytest.mark.parametrize("free", [0, 300])
def test_closed_forms_at_a_constant_gradient(gradient: float, free: int) -> None:
    momentum = rest_point(Momentum(0.1, 0.95), torch.tensor([3.0], dtype=torch.float64), gradient, free=free)
    np.testing.assert_allclose(momentum.state, [gradient / 0.05], atol=1e-9)
    rmsprop = rest_point(RMSProp(0.1, 0.99), torch.tensor([3.0], dtype=torch.float64), gradient, free=free)
    np.testing.assert_allclose(rmsprop.state, [gradient**2], atol=1e-8)
    assert momentum.converged
    assert rmsprop.converged


def test_a_clock_is_left_out() -> None:
    found = rest_point(Adam(0.1, 0.9, 0.99), torch.tensor([1.0, 2.0, 7.0], dtype=torch.float64), 0.5)
    assert found.converged
    np.testing.assert_allclose(found.state[:2], [0.5, 0.25], atol=1e-9)
    decayed = rest_point(Momentum(0.1, 0.9, 0.5), torch.tensor([1.0, 7.0], dtype=torch.float64))
    assert decayed.converged
    np.testing.assert_allclose(decayed.state[0], 0, atol=1e-9)


@pytest.mark.parametrize("cell", ["gru", "lstm", "vanilla"])
@pytest.mark.parametrize("gradient", [0.0, 0.7])
def test_a_contracting_cell_rests_where_scipy_finds_its_root(cell: str, gradient: float) -> None:
    optimizer = contracting(cell)
    g = torch.tensor([gradient], dtype=torch.float64)

    def residual(h: np.ndarray) -> np.ndarray:
        state = torch.from_numpy(h)[None]
        return (optimizer.step(state, g)[0] - state)[0].numpy()

    expected = scipy.optimize.root(residual, np.zeros(optimizer.state_size), tol=1e-11)
    assert expected.success
    for free in (0, 20, 300):
        found = rest_point(optimizer, start(optimizer, 0.1), gradient, free=free)
        assert found.converged
        np.testing.assert_allclose(found.state, expected.x, atol=1e-8)
        np.testing.assert_allclose(found.speed, 0.5 * (residual(found.state.numpy()) ** 2).sum(), atol=1e-30)


def test_newton_finds_an_unstable_fixed_point() -> None:
    found = rest_point(Affine(0.5, 1.0), torch.tensor([4.0, -3.0], dtype=torch.float64), free=0)
    assert found.converged
    np.testing.assert_allclose(found.state, [-2, -2], atol=1e-9)


def test_without_a_fixed_point_the_speed_says_so() -> None:
    found = rest_point(Affine(0.0, 1.0), torch.zeros(2, dtype=torch.float64), free=10)
    assert not found.converged
    np.testing.assert_allclose(found.speed, 1.0)  # ½ (1² + 1²)
    assert found.speed > CONVERGED
    assert torch.isfinite(found.state).all()


def test_a_line_of_fixed_points() -> None:
    at = torch.tensor([4.0, -3.0], dtype=torch.float64)
    found = rest_point(Affine(0.0, 0.0), at)
    assert found.converged
    assert found.speed == 0
    assert found.state.equal(at)


@pytest.mark.parametrize("free", [0, 300])
def test_without_a_state_everything_rests(free: int) -> None:
    found = rest_point(SGD(0.1), torch.zeros(0, dtype=torch.float64), free=free)
    assert found.converged
    assert found.speed == 0
    only_clock = rest_point(SGD(0.1, learning_rate_decay=0.1), torch.zeros(1, dtype=torch.float64), free=free)
    assert only_clock.converged


def test_the_start_is_left_alone() -> None:
    optimizer = contracting()
    at = start(optimizer)
    kept = at.clone()
    rest_point(optimizer, at)
    assert at.equal(kept)


def test_a_state_that_overflows_is_reported() -> None:
    found = rest_point(Affine(9.0, 1.0), torch.ones(2, dtype=torch.float64), free=400)
    assert not found.converged
