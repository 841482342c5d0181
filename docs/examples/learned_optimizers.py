"""Four kinds of learned optimizers from the literature, written as modules: what each reads, and how it says so.

loptscope serve --plugin docs/examples/learned_optimizers.py

The weights here are random (each says with which seed): put your own trained ones in with ``load_state_dict`` before registering. A
module that steps components one by one has ``forward(state, gradient, …)``, one that steps the tensors of a problem together
``forward(state, gradients, …)``; further arguments are what it reads.
"""

from typing import Any

import torch
from torch import Tensor, nn

import loptscope as ls

State = dict[str, list[Tensor]]


class TwoLayerLSTM(nn.Module):
    """A two-layer LSTM on each component, fed the logarithm and the sign of the gradient (Andrychowicz et al. 2016, arXiv 1606.04474)."""

    def __init__(self, units: int = 8, size: float = 0.01, floor: float = 10.0):
        super().__init__()
        torch.manual_seed(0)
        self.units, self.size, self.floor = units, size, floor
        self.lower, self.upper = nn.LSTMCell(2, units), nn.LSTMCell(units, units)
        self.readout = nn.Linear(units, 1)
        self.state_size = 4 * units

    def forward(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """One step of every component, [n, S] and [n]."""
        h1, c1, h2, c2 = state.chunk(4, 1)
        size = gradient.abs().clamp_min(1e-30)
        large = size >= torch.exp(torch.tensor(-self.floor, dtype=gradient.dtype))
        first = torch.where(large, size.log() / self.floor, -1.0)
        second = torch.where(
            large, gradient.sign(), gradient * torch.exp(torch.tensor(self.floor, dtype=gradient.dtype))
        )
        h1, c1 = self.lower(torch.stack([first, second], 1), (h1, c1))
        h2, c2 = self.upper(h1, (h2, c2))
        return torch.cat([h1, c1, h2, c2], 1), self.size * self.readout(h2)[:, 0]


class RNNprop(nn.Module):
    """An LSTM fed two normalised gradients, g/√v and m/√v as in RMSProp and Adam (Lv, Jiang & Li 2017, arXiv 1703.03633)."""

    def __init__(self, units: int = 8, size: float = 0.05, decay: float = 0.95, epsilon: float = 1e-8):
        super().__init__()
        torch.manual_seed(1)
        self.units, self.size, self.decay, self.epsilon = units, size, decay, epsilon
        self.cell, self.readout = nn.LSTMCell(2, units), nn.Linear(units, 1)
        self.state_names = (
            "m",
            "v",
            "count",
            *(f"h{i + 1}" for i in range(units)),
            *(f"c{i + 1}" for i in range(units)),
        )

    def initial_state(self, n: int, dtype: torch.dtype) -> Tensor:
        """All zero, [n, S]; the count is a clock, and is found to be one."""
        return torch.zeros(n, 3 + 2 * self.units, dtype=dtype)

    def forward(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """One step of every component, [n, S] and [n]."""
        m, v, count = state[:, 0], state[:, 1], state[:, 2] + 1
        h, c = state[:, 3:].chunk(2, 1)
        m = self.decay * m + (1 - self.decay) * gradient
        v = self.decay * v + (1 - self.decay) * gradient**2
        shares = 1 - self.decay**count
        root = (v / shares).clamp_min(1e-300 if v.dtype == torch.float64 else 1e-38).sqrt() + self.epsilon
        h, c = self.cell(torch.stack([gradient / root, m / shares / root], 1), (h, c))
        following = torch.cat([m[:, None], v[:, None], count[:, None], h, c], 1)
        return following, self.size * torch.tanh(self.readout(h)[:, 0])


class SmallMLP(nn.Module):
    """A small network on features of each parameter: gradient, parameter, momenta at three speeds, and the size of its tensor's gradient.

    After the per-parameter MLP of Metz et al. (2019, arXiv 1810.10180). It reads the parameters and statistics of whole tensors.
    """

    decays = (0.5, 0.9, 0.99)

    def __init__(self, hidden: int = 16, size: float = 0.02):
        super().__init__()
        torch.manual_seed(2)
        self.size = size
        self.layers = nn.Sequential(nn.Linear(len(self.decays) + 5, hidden), nn.ReLU(), nn.Linear(hidden, 2))

    def initial_state(self, parameters: list[Tensor]) -> State:
        """Three momenta and a second moment for every parameter."""
        return {f"momentum {decay}": [torch.zeros_like(p) for p in parameters] for decay in self.decays} | {
            "second moment": [torch.zeros_like(p) for p in parameters]
        }

    def forward(
        self, state: State, gradients: list[Tensor], parameters: list[Tensor], step: int
    ) -> tuple[State, list[Tensor]]:
        """One step of all tensors."""
        following: State = {name: [] for name in state}
        updates = []
        for i, (gradient, parameter) in enumerate(zip(gradients, parameters, strict=True)):
            moments = [d * state[f"momentum {d}"][i] + (1 - d) * gradient for d in self.decays]
            second = 0.99 * state["second moment"][i] + 0.01 * gradient**2
            scale = gradient.square().mean().sqrt() + 1e-12  # of the whole tensor
            each = [gradient / scale, parameter, *(m / scale for m in moments), (second.sqrt() / scale).tanh()]
            whole = [torch.full_like(gradient, float(torch.log10(scale) / 10)), torch.full_like(gradient, step / 1000)]
            direction, size = self.layers(torch.stack([*each, *whole], -1)).unbind(-1)
            updates.append(-self.size * direction * torch.exp(0.1 * size))
            for decay, moment in zip(self.decays, moments, strict=True):
                following[f"momentum {decay}"].append(moment)
            following["second moment"].append(second)
        return following, updates


class Hierarchy(nn.Module):
    """Cells of components, of tensors, and one of the whole problem, that tell each other their means (Wichrowska et al. 2017, arXiv 1703.04813)."""

    def __init__(self, units: int = 6, size: float = 0.02):
        super().__init__()
        torch.manual_seed(3)
        self.units, self.size = units, size
        self.component = nn.GRUCell(1 + units, units)
        self.tensor, self.problem = nn.GRUCell(2 * units, units), nn.GRUCell(units, units)
        self.readout = nn.Linear(units, 1)

    def initial_state(self, parameters: list[Tensor]) -> dict[str, Any]:
        """Zeros at all three levels."""
        like = parameters[0]
        return {
            "components": [like.new_zeros(p.numel(), self.units) for p in parameters],
            "tensors": like.new_zeros(len(parameters), self.units),
            "problem": like.new_zeros(1, self.units),
        }

    def forward(self, state: dict[str, Any], gradients: list[Tensor]) -> tuple[dict[str, Any], list[Tensor]]:
        """One step of all tensors."""
        components, updates = [], []
        for i, gradient in enumerate(gradients):
            flat = gradient.reshape(-1, 1)
            told = state["tensors"][i].expand(len(flat), -1)
            h = self.component(torch.cat([torch.asinh(100 * flat), told], 1), state["components"][i])
            components.append(h)
            updates.append(self.size * self.readout(h).view_as(gradient))
        means = torch.stack([h.mean(0) for h in components])
        above = state["problem"].expand(len(means), -1)
        tensors = self.tensor(torch.cat([means, above], 1), state["tensors"])
        problem = self.problem(tensors.mean(0, keepdim=True), state["problem"])
        return {"components": components, "tensors": tensors, "problem": problem}, updates


ls.register_optimizer(
    "two_layer_lstm", TwoLayerLSTM(), title="Two-layer LSTM", detail="log and sign of the gradient; random weights"
)
ls.register_optimizer("rnnprop", RNNprop(), title="RNNprop", detail="normalised gradients; random weights")
ls.register_optimizer(
    "small_mlp", SmallMLP(), title="Small MLP", detail="momenta, parameter, tensor statistics; random weights"
)
ls.register_optimizer(
    "hierarchy", Hierarchy(), title="Hierarchy", detail="cells of components, tensors and problem; random weights"
)
