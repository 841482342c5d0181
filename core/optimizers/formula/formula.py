"""A formula of known mechanisms as an optimizer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, final

from core.late import torch
from core.optimizers.base import Optimizer
from core.optimizers.formula.structure import KNOTS, SCHEDULED, TINY, Structure, check_parameters
from core.optimizers.hand_designed.base import logarithm, root
from core.optimizers.schedules import Scalar, WarmupCosine, halving, inverse_time, relaxing, warming_up

if TYPE_CHECKING:
    from torch import Tensor

Values = Mapping[str, Scalar]


class Coefficients(NamedTuple):
    """What a formula's schedule says at some steps; each is a number or a tensor like the steps.

    Attributes:
        first: factor of the momentum.
        second: factor of the second momentum.
        direct: factor of the clipped gradient.
        memory: β of the momentum.
        second_memory: β of the second momentum.
        correction: factor of the average of squared gradients.
        threshold: c of clipping.
    """

    first: Scalar
    second: Scalar
    direct: Scalar
    memory: Scalar
    second_memory: Scalar
    correction: Scalar
    threshold: Scalar


def between_knots(values: Values, name: str, step: Tensor) -> Tensor:
    """A number of a free schedule at steps k, any shape: straight lines over log(1 + k) between its knots, constant after the last."""
    places = torch.tensor([math.log1p(knot) for knot in KNOTS], dtype=step.dtype)
    given = torch.stack([torch.as_tensor(values[f"{name}_{knot}"], dtype=step.dtype) for knot in KNOTS])
    place = torch.log1p(step).contiguous()
    right = torch.searchsorted(places, place, right=True).clamp(1, len(KNOTS) - 1)
    along = ((place - places[right - 1]) / (places[right] - places[right - 1])).clamp(0, 1)
    return given[right - 1] + along * (given[right] - given[right - 1])


def coefficients(structure: Structure, values: Values, step: Tensor) -> Coefficients:
    """The coefficients of a formula at inner steps k = 0, 1, …

    Args:
        structure: its parts.
        values: its numbers, each a number or a tensor [] that may need a gradient.
        step: k, any shape.
    """
    if structure.schedule == "knots":
        free = [name for name in SCHEDULED if f"{name}_{KNOTS[0]}" in values]
        values = {**values, **{name: between_knots(values, name, step) for name in free}}
    rate, memory = values["rate"], values.get("memory", 0.0)
    direct, share = values.get("direct", 1.0), values.get("second_share", 0.0)
    if structure.schedule == "relaxing":
        relaxation = values["relaxation"]
        rate = relaxing(step, rate, values["rate_last"], relaxation)
        rate = rate * warming_up(step, values["warmup_from"], values["warmup"])
        if structure.momenta:
            memory = relaxing(step, memory, values["memory_last"], relaxation)
            direct = relaxing(step, direct, values["direct_last"], relaxation)
    elif structure.schedule == "inverse_time":
        rate = rate * inverse_time(step, values["decay"])
    elif structure.schedule == "half_life":
        rate = rate * halving(step, values["half_life"])
    elif structure.schedule == "warmup_cosine":
        rate = rate * WarmupCosine(values["cosine_warmup"], values["horizon"])(step)
    correction: Scalar = 1.0
    if structure.bias_correction:
        if structure.momenta:
            rate = rate / -torch.expm1((step + 1) * logarithm(memory))
        if structure.adaptation != "none":
            correction = 1 / -torch.expm1((step + 1) * logarithm(values["averaging"]))
    return Coefficients(
        rate * (1 - direct - share),
        rate * share,
        rate * direct,
        memory,
        values.get("second_memory", 0.0),
        correction,
        values.get("threshold", 1.0),
    )


def clipped(structure: Structure, c: Scalar, gradient: Tensor) -> Tensor:
    """φ(g) with threshold c, any shape."""
    if structure.clipping == "none":
        return gradient
    if structure.clipping == "sign":
        return torch.sign(gradient)
    if structure.clipping == "clamp":
        bound = torch.as_tensor(c, dtype=gradient.dtype)
        return torch.maximum(torch.minimum(gradient, bound), -bound)
    return c * (torch.tanh(gradient / c) if structure.clipping == "tanh" else torch.asinh(gradient / c))


def adapted(structure: Structure, values: Values, s: Tensor) -> Tensor:
    """a(s), the factor of the update that adapts to recent squared gradients, any shape."""
    if structure.adaptation == "root":
        return 1 / (root(s) + values["epsilon"])
    return torch.exp(-values["exponent"] * torch.log1p(s / values["scale"] ** 2))


@final
class Formula(Optimizer):
    """An optimizer of a few named numbers, built from known mechanisms only (`Structure` has the equation).

    SGD, momentum, Nesterov, RMSProp, Adam, clipped SGD and SGD with a schedule are formulas (`core.optimizers.formula.members`).

    Args:
        structure: its parts.
        values: its numbers by name, those of ``structure.parameters``.

    Raises:
        InputError: a number is missing, unknown, or out of range.
    """

    def __init__(self, structure: Structure, values: Mapping[str, float]):
        check_parameters(structure, values)
        self.structure = structure
        self.values = {name: float(values[name]) for name in structure.parameters}

    @property
    def name(self) -> str:
        return "formula"

    @property
    def smooth(self) -> bool:
        return self.structure.clipping != "sign"

    @property
    def state_names(self) -> tuple[str, ...]:
        momenta = ("v",) if self.structure.momenta == 1 else tuple(f"v{i + 1}" for i in range(self.structure.momenta))
        average = ("s",) if self.structure.adaptation != "none" else ()
        agreement_ = ("q", "q_abs") if self.structure.agreement else ()
        return (*momenta, *average, *agreement_, *(("step",) if self.structure.counts else ()))

    def initial_state(self, n: int, dtype: torch.dtype | None = None) -> Tensor:
        return torch.zeros(self.state_size, n, dtype=dtype or torch.float32).mT

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        structure, values = self.structure, self.values
        clock = state[:, -1] if structure.counts else gradient.new_zeros(())
        at = coefficients(structure, values, clock)
        y = clipped(structure, at.threshold, gradient)
        following: list[Tensor] = []
        memory, averages = at.memory, []
        if structure.adaptation != "none":
            average = state[:, structure.momenta]
            averages = [values["averaging"] * average + (1 - values["averaging"]) * gradient**2]
            recent = averages[0] * at.correction
        if structure.adaptive_memory:
            faster = (1 + recent / values["scale"] ** 2) ** values["forgetting"]
            memory = memory / (memory + (1 - memory) * faster)
        update = at.direct * y if structure.momenta else at.first * y + at.direct * y
        for i in range(structure.momenta):
            beta, weight = (memory, at.first) if i == 0 else (at.second_memory, at.second)
            v = beta * state[:, i] + (1 - beta) * y
            update = update + weight * v
            following.append(v)
        if structure.limit:
            update = values["limit"] * torch.tanh(update / values["limit"])
        if structure.adaptation != "none":
            update = update * adapted(structure, values, recent)
        following += averages
        if structure.agreement:
            kept = values["agreement_decay"]
            product = state[:, 0] * y
            signed, size = state[:, len(following)], state[:, len(following) + 1]
            signed, size = kept * signed + (1 - kept) * product, kept * size + (1 - kept) * product.abs()
            update = update * torch.exp(values["boost"] * signed / (size + TINY))
            following += [signed, size]
        if structure.counts:
            following.append(clock + 1)
        return (torch.stack(following).mT if following else state), -update

    def to(self, dtype: torch.dtype) -> Formula:
        """Itself: its numbers are as precise as the state it is given."""
        return self

    def effective_rates(self, steps: int) -> Tensor:
        """−∂u/∂g at gradient 0 in states without recent gradients, at inner steps 0 … steps, float64 [steps + 1]."""
        at = coefficients(self.structure, self.values, torch.arange(steps + 1, dtype=torch.float64))
        slope = at.direct + at.first * (1 - at.memory) + at.second * (1 - at.second_memory)
        slope = torch.as_tensor(slope, dtype=torch.float64).expand(steps + 1)
        return slope / self.values["epsilon"] if self.structure.adaptation == "root" else slope


def relative_error(values: Mapping[str, float], others: Mapping[str, float]) -> float:
    """The largest relative difference between two formulas' numbers."""
    return max(abs(values[name] - others[name]) / max(abs(others[name]), math.ulp(1.0)) for name in others)
