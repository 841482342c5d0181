"""Learned optimizers: a recurrent cell with shared weights on every component, and a linear readout.

    h[k+1] = cell(θ, h[k], features(g[k]))        u = output_scale · (w · h[k+1] + c)

(Maheswaranathan et al., arXiv 2011.02159, section 2.) θ = cell weights, readout (w, c) and the initial state h0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, final

from pydantic import BaseModel, ConfigDict

from core.errors import InputError
from core.late import torch
from core.optimizers.base import Optimizer
from core.optimizers.cells import CELLS, GRU_RESETS
from core.optimizers.features import FEATURES
from core.optimizers.precision import double
from core.settings import OPTIMIZER, setting

if TYPE_CHECKING:
    from torch import Tensor


class Architecture(BaseModel):
    """The architecture of a learned optimizer: everything except its weights.

    Attributes:
        cell: the recurrent cell.
        units: its width.
        reset: for a GRU, whether the reset gate acts after (PyTorch) or before (renn) the recurrent product.
        features: the input features of a gradient.
        feature_scale: factor on the gradient, if the feature map has one.
        output_scale: factor on the readout.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cell: Literal["gru", "lstm", "vanilla"] = setting(
        "gru",
        "Cell",
        "The recurrent network; every parameter has a copy.",
        OPTIMIZER,
        choices={"gru": "GRU", "lstm": "LSTM", "vanilla": "Vanilla RNN"},
    )
    units: int = setting(64, "Units", "Width of the cell.", OPTIMIZER, ge=1, le=1024)
    reset: Literal["after", "before"] = setting(
        "after", "Reset gate", "For a GRU: after the recurrent product as in PyTorch, or before as in renn.", OPTIMIZER
    )
    features: Literal["raw", "scaled", "log_sign", "symlog", "two_scales"] = setting(
        "raw",
        "Features",
        "The input features of a gradient g, with a scale s: g, sg, (log(1 + s|g|), sign g), asinh(sg), or asinh(sg) and asinh(100sg).",
        OPTIMIZER,
    )
    feature_scale: float = setting(
        1.0, "Feature scale", "Factor on the gradient; raw features have none.", OPTIMIZER, gt=0, allow_inf_nan=False
    )
    output_scale: float = setting(1.0, "Output scale", "Factor on the update.", OPTIMIZER, gt=0, allow_inf_nan=False)

    @property
    def label(self) -> str:
        """A label such as "GRU-64"."""
        return f"{'RNN' if self.cell == 'vanilla' else self.cell.upper()}-{self.units}"

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every tensor of θ, by name."""
        cell, inputs = CELLS[self.cell], FEATURES[self.features].inputs
        rows = cell.gates * self.units
        return {
            "weight_ih": (rows, inputs),
            "weight_hh": (rows, self.units),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
            "readout_weight": (self.units,),
            "readout_bias": (),
            "initial_state": (cell.vectors * self.units,),
        }

    def initial_theta(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Random meta-parameters, float32: orthogonal recurrent blocks, Glorot inputs, a small readout."""
        shapes, units = self.shapes(), self.units
        theta = {name: torch.zeros(shape) for name, shape in shapes.items()}

        def normal(shape: tuple[int, ...], scale: float) -> Tensor:
            return scale * torch.randn(shape, generator=generator)

        blocks = [torch.linalg.qr(normal((units, units), 1.0))[0] for _ in range(CELLS[self.cell].gates)]
        theta["weight_hh"] = torch.cat(blocks)
        inputs = shapes["weight_ih"][1]
        theta["weight_ih"] = normal(shapes["weight_ih"], (2 / (inputs + units)) ** 0.5)
        theta["readout_weight"] = normal(shapes["readout_weight"], units**-0.5)
        theta["initial_state"] = normal(shapes["initial_state"], 0.1)
        return theta


@final
class RecurrentOptimizer(Optimizer):
    """A learned optimizer: h' = cell(θ, h, features(g)), u = output_scale · (w · h' + c) (arXiv 2011.02159, section 2).

    Args:
        architecture: cell, units, features and scales.
        theta: the meta-parameters θ by name, with the shapes of `Architecture.shapes`, such as readout_weight [units].

    Raises:
        InputError: a tensor of θ is missing, unknown or of the wrong shape.
    """

    def __init__(self, architecture: Architecture, theta: Mapping[str, Tensor]):
        shapes = architecture.shapes()
        if set(theta) != set(shapes):
            wrong = ", ".join(sorted(set(theta) ^ set(shapes)))
            raise InputError(f"a {architecture.label} has the tensors {', '.join(shapes)}; missing or unknown: {wrong}")
        for name, shape in shapes.items():
            if tuple(theta[name].shape) != shape:
                given = list(theta[name].shape)
                raise InputError(f"{name} of a {architecture.label} has shape {list(shape)}, not {given}")
        self.architecture = architecture
        self.theta = dict(theta)
        self._features = FEATURES[architecture.features]
        gru = GRU_RESETS[architecture.reset]
        self._cell = gru if architecture.cell == "gru" else CELLS[architecture.cell].step

    @property
    def name(self) -> str:
        return self.architecture.label

    @property
    def smooth(self) -> bool:
        return self._features.smooth

    @property
    def state_names(self) -> tuple[str, ...]:
        letters = "hc"[: CELLS[self.architecture.cell].vectors]
        return tuple(f"{letter}{i + 1}" for letter in letters for i in range(self.architecture.units))

    def initial_state(self, n: int, dtype: torch.dtype | None = None) -> Tensor:
        return self.theta["initial_state"].to(dtype or torch.float32).expand(n, -1)

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        z = self._features.map(gradient, self.architecture.feature_scale)
        state = self._cell(self.theta, state, z)
        readout = state[:, : self.architecture.units] @ self.theta["readout_weight"] + self.theta["readout_bias"]
        return state, self.architecture.output_scale * readout

    def to(self, dtype: torch.dtype) -> RecurrentOptimizer:
        """The same optimizer with θ in another precision."""
        return self.with_theta({name: tensor.to(dtype) for name, tensor in self.theta.items()})

    def with_theta(self, theta: Mapping[str, Tensor]) -> RecurrentOptimizer:
        """The same architecture with other meta-parameters."""
        return RecurrentOptimizer(self.architecture, theta)


@double.register
def _(optimizer: RecurrentOptimizer) -> Optimizer:
    return optimizer.to(torch.float64)
