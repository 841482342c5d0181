"""Two moons: a small neural network that separates two interleaved half circles.

Data: `sklearn.datasets.make_moons`, 1024 points, noise 0.1, the same for every problem. Model: a fully connected tanh
network 2-64-64-64-1. Loss: mean logistic loss + 5e-3 · ‖x‖₂, x being all weights and biases. A problem is a random
weight initialisation: Glorot-normal weights, N(0, 1e-2) biases, as in the published code (arXiv 2011.02159).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

from pydantic import Field, field_validator

from core.elementwise import tanh
from core.late import torch
from core.tasks.base import ClassifierProblems, Task
from core.tasks.variant import Variant

if TYPE_CHECKING:
    from torch import Tensor


@functools.lru_cache(maxsize=8)
def moons(points: int, noise: float) -> tuple[Tensor, Tensor]:
    """The data: points [points, 2] and labels [points] in {0, 1}, float64, always from the same draw."""
    from sklearn.datasets import make_moons  # slow to import

    data, labels = make_moons(points, noise=noise, random_state=0)
    return torch.from_numpy(data), torch.from_numpy(labels).double()


@final
class TwoMoonsProblems(ClassifierProblems):
    """Networks of one shape on one data set, from many initialisations.

    Args:
        x0: all weights and biases of each network, [problems, parameters]; layer by layer, the weight matrix
            [inputs, outputs] row by row, then the bias.
        sizes: units of every layer, input and output included.
        points: [data, 2].
        labels: [data], 0 or 1.
        penalty: the factor of ‖x‖₂.
    """

    def __init__(self, x0: Tensor, sizes: tuple[int, ...], points: Tensor, labels: Tensor, penalty: float):
        self.x0 = x0
        self.sizes = sizes
        self.points = points
        self.labels = labels
        self.penalty = penalty

    def _layers(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        layers, offset = [], 0
        for inputs, outputs in itertools.pairwise(self.sizes):
            weight = x[:, offset : offset + inputs * outputs].view(-1, inputs, outputs)
            offset += inputs * outputs
            layers.append((weight, x[:, None, offset : offset + outputs]))
            offset += outputs
        return layers

    def _forward(self, layers: list[tuple[Tensor, Tensor]], points: Tensor) -> list[Tensor]:
        """Activations of every layer, [problems, data, units]; the last one holds the logits."""
        activations = [points.expand(layers[0][0].shape[0], -1, -1)]
        for index, (weight, bias) in enumerate(layers):
            z = torch.baddbmm(bias, activations[-1], weight)
            activations.append(z if index == len(layers) - 1 else tanh(z))
        return activations

    def _norm(self, x: Tensor) -> Tensor:
        return torch.linalg.vector_norm(x, dim=1)

    def _logistic(self, logits: Tensor) -> Tensor:
        return (torch.nn.functional.softplus(logits) - self.labels * logits).mean(1)

    def logits(self, x: Tensor, points: Tensor) -> Tensor:
        return self._forward(self._layers(x), points)[-1][:, :, 0]

    def loss(self, x: Tensor) -> Tensor:
        return self._logistic(self.logits(x, self.points)) + self.penalty * self._norm(x)

    def loss_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        layers = self._layers(x)
        activations = self._forward(layers, self.points)
        logits = activations[-1][:, :, 0]
        norm = self._norm(x)
        pieces: list[Tensor] = []
        delta = ((torch.sigmoid(logits) - self.labels) / self.labels.numel())[:, :, None]
        for index in reversed(range(len(layers))):
            pieces += [delta.sum(1), (activations[index].mT @ delta).flatten(1)]
            if index:
                delta = (delta @ layers[index][0].mT) * (1 - activations[index] * activations[index])
        smallest = torch.finfo(x.dtype).tiny
        gradient = torch.cat(pieces[::-1], dim=1) + (self.penalty / norm.clamp_min(smallest))[:, None] * x
        return self._logistic(logits) + self.penalty * norm, gradient

    def hessian_vector_product(self, x: Tensor, v: Tensor) -> Tensor:
        """By Pearlmutter's R-operator (1994): the derivative of every line of `loss_and_gradient` along v."""
        layers, along = self._layers(x), self._layers(v)
        last = len(layers) - 1
        activations = self._forward(layers, self.points)
        slopes = [None, *(torch.addcmul(a.new_ones(()), a, a, value=-1) for a in activations[1:-1])]
        moved: list[Tensor | None] = [None]
        for index, ((weight, _), (dw, db)) in enumerate(zip(layers, along, strict=True)):
            rate = torch.baddbmm(db, activations[index], dw)
            before = moved[index]
            if before is not None:
                rate.baddbmm_(before, weight)
            slope = slopes[index + 1] if index < last else None
            moved.append(rate if slope is None else rate.mul_(slope))
        probability = torch.sigmoid(activations[-1])
        count = self.labels.numel()
        delta = (probability - self.labels[:, None]) / count
        final = moved[-1]
        assert final is not None
        change = final * (probability * (1 - probability)) / count
        pieces: list[Tensor] = []
        for index in reversed(range(len(layers))):
            a, ra = activations[index], moved[index]
            of_weight = a.mT @ change
            if ra is not None:
                of_weight.baddbmm_(ra.mT, delta)
            pieces += [change.sum(1), of_weight.flatten(1)]
            if index:
                slope = slopes[index]
                assert slope is not None and ra is not None
                (weight, _), (dw, _) = layers[index], along[index]
                back = delta @ weight.mT
                change = torch.baddbmm(delta @ dw.mT, change, weight.mT).mul_(slope)
                # ra already holds slope · rate, so the slope's own change −2 a · ra multiplies `back` directly
                change.addcmul_(back * a, ra, value=-2)
                delta = back.mul_(slope)
        norm = self._norm(x).clamp_min(torch.finfo(x.dtype).tiny)[:, None]
        unit = x / norm
        radial = (v - unit * (unit * v).sum(1, keepdim=True)) / norm
        return torch.cat(pieces[::-1], dim=1).add_(radial, alpha=self.penalty)

    def starting_at(self, x0: Tensor) -> TwoMoonsProblems:
        return TwoMoonsProblems(x0, self.sizes, self.points, self.labels, self.penalty)

    def part(self, start: int, stop: int) -> TwoMoonsProblems:
        return self.starting_at(self.x0[start:stop])

    def repeated(self, times: int) -> TwoMoonsProblems:
        return self.starting_at(self.x0.repeat(times, 1))

    def tensor_shapes(self) -> list[tuple[int, ...]]:
        """A matrix [inputs, outputs] and a vector for every layer."""
        pairs = itertools.pairwise(self.sizes)
        return [shape for inputs, outputs in pairs for shape in ((inputs, outputs), (outputs,))]

    def component_names(self) -> list[str]:
        names = []
        for layer, (inputs, outputs) in enumerate(itertools.pairwise(self.sizes), start=1):
            names += [f"W{layer}[{i},{j}]" for i in range(inputs) for j in range(outputs)]
            names += [f"b{layer}[{j}]" for j in range(outputs)]
        return names

    def watched_components(self) -> list[int]:
        """Two weights, spread over the matrix, and one bias of every layer."""
        chosen, offset = [], 0
        for inputs, outputs in itertools.pairwise(self.sizes):
            weights = inputs * outputs
            chosen += [offset + weights // 3, offset + (2 * weights) // 3, offset + weights + outputs // 2]
            offset += weights + outputs
        return sorted(set(chosen))


@final
class TwoMoons(Task):
    """A neural network on the two-moons data, from a random initialisation.

    Attributes:
        hidden: units of the hidden layers.
        points: size of the data set.
        noise: standard deviation of the noise on the data.
        penalty: factor of the ‖x‖₂ penalty.
    """

    name: ClassVar[str] = "two_moons"
    title: ClassVar[str] = "Two moons"
    minimum: ClassVar[float | None] = 0.0
    target: ClassVar[float] = 0.1  # the penalty keeps the loss from falling much further
    suited: ClassVar[Mapping[str, Any]] = {
        "architecture": {"units": 24, "features": "symlog", "feature_scale": 100.0, "output_scale": 0.1},
        "problems": 2,
        "unroll": 120,
    }
    lighter: ClassVar[Mapping[str, Any]] = {"points": 256}
    other_problems: ClassVar[Sequence[Variant]] = (
        Variant("2 hidden layers of 16", "size", {"hidden": (16, 16)}),
        Variant("2 hidden layers of 128", "size", {"hidden": (128, 128)}),
        Variant("5 hidden layers of 32", "size", {"hidden": (32,) * 5}),
        Variant("noise 0.3 on the data", "noise", {"noise": 0.3}),
    )

    hidden: tuple[int, ...] = (64, 64, 64)
    points: int = Field(default=1024, ge=2, le=100_000)
    noise: float = Field(default=0.1, ge=0, le=10)
    penalty: float = Field(default=5e-3, ge=0, le=10)

    @field_validator("hidden")
    @classmethod
    def _sizes(cls, hidden: tuple[int, ...]) -> tuple[int, ...]:
        if not 1 <= len(hidden) <= 8 or any(not 1 <= units <= 1024 for units in hidden):
            raise ValueError("hidden must hold one to eight layers of 1 to 1024 units")
        return hidden

    def sample(self, count: int, generator: torch.Generator, dtype: torch.dtype | None = None) -> TwoMoonsProblems:
        kind = dtype or torch.float32

        def normal(size: int) -> Tensor:
            return torch.randn(count, size, generator=generator, dtype=torch.float64)

        sizes = (2, *self.hidden, 1)
        pieces = []
        for inputs, outputs in itertools.pairwise(sizes):
            scale = (2 / (inputs + outputs)) ** 0.5
            pieces += [scale * normal(inputs * outputs)]
            pieces += [1e-2 * normal(outputs)]
        data, labels = moons(self.points, self.noise)
        return TwoMoonsProblems(torch.cat(pieces, 1).to(kind), sizes, data.to(kind), labels.to(kind), self.penalty)
