"""One step of a recurrent cell, as pure functions of its weights.

Gates are stacked in PyTorch's order, so weights move to and from `torch.nn.GRUCell`, `LSTMCell` and `RNNCell` unchanged.
All functions take the weights ``theta`` (``weight_ih`` [gates·units, inputs], ``weight_hh`` [gates·units, units],
``bias_ih`` and ``bias_hh`` [gates·units]), the state [n, S] and the features [n, inputs], and return the next state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from core.elementwise import tanh
from core.late import torch

if TYPE_CHECKING:
    from torch import Tensor

Weights: TypeAlias = Mapping[str, "Tensor"]


def _linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x Wᵀ + b."""
    return torch.nn.functional.linear(x, weight, bias)


def gru(theta: Weights, h: Tensor, z: Tensor) -> Tensor:
    """GRU, reset gate applied *after* the recurrent product: PyTorch's (and cuDNN's) convention. State h [n, units]."""
    units = h.shape[1]
    from_input = _linear(z, theta["weight_ih"], theta["bias_ih"])
    from_state = _linear(h, theta["weight_hh"], theta["bias_hh"])
    gates = torch.sigmoid(from_input[:, : 2 * units] + from_state[:, : 2 * units])
    reset, update = gates.chunk(2, 1)
    candidate = tanh(torch.addcmul(from_input[:, 2 * units :], reset, from_state[:, 2 * units :]))
    return torch.lerp(candidate, h, update)


def gru_reset_before(theta: Weights, h: Tensor, z: Tensor) -> Tensor:
    """GRU, reset gate applied to h *before* the recurrent product (Cho et al. 2014; renn). State h [n, units]."""
    units = h.shape[1]
    ri, ui, ni = _linear(z, theta["weight_ih"], theta["bias_ih"]).chunk(3, 1)
    weight, bias = theta["weight_hh"], theta["bias_hh"]
    rh, uh = _linear(h, weight[: 2 * units], bias[: 2 * units]).chunk(2, 1)
    reset, update = torch.sigmoid(ri + rh), torch.sigmoid(ui + uh)
    candidate = tanh(ni + _linear(reset * h, weight[2 * units :], bias[2 * units :]))
    return candidate + update * (h - candidate)


def lstm(theta: Weights, state: Tensor, z: Tensor) -> Tensor:
    """LSTM (Hochreiter & Schmidhuber 1997; Gers et al. 2000), like `torch.nn.LSTMCell`. State (h, c) [n, 2·units]."""
    h, c = state.chunk(2, 1)
    gates = _linear(z, theta["weight_ih"], theta["bias_ih"]) + _linear(h, theta["weight_hh"], theta["bias_hh"])
    enter, forget, cell, out = gates.chunk(4, 1)
    c = torch.sigmoid(forget) * c + torch.sigmoid(enter) * tanh(cell)
    return torch.cat([torch.sigmoid(out) * tanh(c), c], 1)


def vanilla(theta: Weights, h: Tensor, z: Tensor) -> Tensor:
    """Elman network, tanh, like `torch.nn.RNNCell`. State h [n, units]."""
    return tanh(_linear(z, theta["weight_ih"], theta["bias_ih"]) + _linear(h, theta["weight_hh"], theta["bias_hh"]))


@dataclass(frozen=True)
class Cell:
    """A cell's step, the number of gates in its weights, and the number of vectors of ``units`` in its state."""

    step: Callable[[Weights, Tensor, Tensor], Tensor]
    gates: int
    vectors: int


CELLS: dict[str, Cell] = {"gru": Cell(gru, 3, 1), "lstm": Cell(lstm, 4, 2), "vanilla": Cell(vanilla, 1, 1)}
GRU_RESETS = {"after": gru, "before": gru_reset_before}
