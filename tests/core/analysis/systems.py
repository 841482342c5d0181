"""Small systems whose dynamics are known, for the tests of the instruments."""

from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from core.optimizers.base import Optimizer
from core.optimizers.recurrent import RecurrentOptimizer
from tests.core.helpers import learned


@final
@dataclass(frozen=True)
class Linear(Optimizer):
    """h' = A h + b g + c, u = −(w · h' + d g)."""

    matrix: Tensor
    drive: Tensor
    offset: Tensor
    readout: Tensor
    direct: float = 0.0

    @property
    def name(self) -> str:
        return "linear"

    @property
    def state_names(self) -> tuple[str, ...]:
        return tuple(f"h{i}" for i in range(len(self.drive)))

    @property
    def smooth(self) -> bool:
        return True

    def initial_state(self, n: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(n, len(self.drive), dtype=dtype)

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        following = state @ self.matrix.T + gradient[:, None] * self.drive + self.offset
        return following, -(following @ self.readout + self.direct * gradient)


def linear(matrix: list[list[float]], offset: float = 0.0, direct: float = 0.0) -> Linear:
    """A linear system that every entry is driven by and read from."""
    ones = torch.ones(len(matrix), dtype=torch.float64)
    return Linear(torch.tensor(matrix, dtype=torch.float64), ones, offset * ones, ones, direct)


def one_unit(weight: float, bias: float = 0.0) -> RecurrentOptimizer:
    """h' = tanh(weight · h + g + bias), u = h'."""
    optimizer = learned(cell="vanilla", units=1, output_scale=1.0)
    values = {"weight_hh": weight, "weight_ih": 1.0, "bias_ih": bias, "readout_weight": 1.0}
    theta = {name: torch.full_like(tensor, values.get(name, 0.0)) for name, tensor in optimizer.theta.items()}
    return optimizer.with_theta(theta)


def three_point_gru(units: int = 3) -> RecurrentOptimizer:
    """A GRU of units of their own: at g = 0 the first has two attracting states ±a and a repelling one at 0, the others only 0.

    With gates at ½ and candidate tanh(w h / 2): h = tanh(w h / 2), which has three roots for w > 2.
    """
    optimizer = learned(cell="gru", units=units, output_scale=1.0)
    theta = {name: torch.zeros_like(tensor) for name, tensor in optimizer.theta.items()}
    weights = torch.ones(units, dtype=torch.float64)
    weights[0] = 4.0
    theta["weight_hh"][2 * units :] = torch.diag(weights)
    theta["weight_ih"][2 * units :] = 1.0
    theta["readout_weight"] += 1.0
    return optimizer.with_theta(theta)


def contracting(cell: str = "gru", scale: float = 0.3, **architecture: Any) -> RecurrentOptimizer:
    """A learned optimizer whose recurrent weights are small enough for a single, attracting fixed point."""
    optimizer = learned(cell=cell, **{"units": 8} | architecture)
    return optimizer.with_theta({**optimizer.theta, "weight_hh": scale * optimizer.theta["weight_hh"]})


def random_states(optimizer: Optimizer, count: int, scale: float = 1.0, seed: int = 1) -> Tensor:
    """[count, S], float64."""
    source = torch.Generator().manual_seed(seed)
    return scale * torch.randn(count, optimizer.state_size, generator=source, dtype=torch.float64)
