"""The number behind each claim: how much of a mechanism an optimizer shows, on a scale that noise can be held against.

Each is 0 (momentum: 1) for plain gradient descent. Where it divides by a learning rate, it divides by at least the ``floor``, the
typical learning rate of untrained optimizers of the same architecture: a network whose rate is near 0, or negative, must not look
like one whose rate changes a lot.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from core.analysis.adaptation import adaptation_of
from core.analysis.fixed_points import MARGINAL
from core.analysis.general import decay_along, update_functions
from core.analysis.jacobians import derivatives
from core.analysis.update_function import effective_learning_rate, update_function
from core.errors import InputError
from core.late import torch
from core.mechanisms.context import NO_SLOPE, Context

if TYPE_CHECKING:
    from torch import Tensor

Name = Literal["momentum", "clipping", "schedule", "adaptation", "weight_decay"]
LARGEST = 0.1  # share of the gradients, the largest ones, over which clipping is measured
DECAYS = 400  # states at most that weight decay is measured on
TINY_SHARE = 0.1  # of the median gradient: where the slope at 0 of an update function is taken
DIED_AWAY = 0.02  # share of the largest value of a memory kernel at its end
CONSTANT = 0.05  # by which the last ratios of its values may differ, where it falls by a constant factor
NOT_DIED_AWAY = "its memory has not died away within the steps looked at, and does not fall by a constant factor"
PAIRS = 4000  # states and gradients at most that it is measured on


@dataclass(frozen=True)
class Measure:
    """One number, or why there is none.

    Attributes:
        value: None where it cannot be told.
        reason: a sentence without its full stop, where there is no value.
    """

    value: float | None
    reason: str = ""


def _measure(value: float, what: str) -> Measure:
    return Measure(value) if torch.isfinite(torch.tensor(value)) else Measure(None, f"{what} is not finite")


def momentum(context: Context, floor: float = 0.0) -> Measure:
    """Over how many steps a gradient acts: Σ K(j) / max |K(j)| of the memory kernel; 1/(1 − β) for momentum, 1 without memory.

    Negative where the gradients of the past push the other way altogether, as in a network that ascends. Where the memory changes while
    the optimizer counts steps (a scheduled β), it is that of a gradient of the middle of a run.
    """
    try:
        kernel = context.kernel
    except InputError as error:
        return Measure(None, str(error))
    linear = context.linearized if context.moving else None
    if linear is not None and len(linear.eigenvalues) and float(linear.eigenvalues.abs().max()) > 1 + MARGINAL:
        return Measure(None, "the fixed point is unstable, so that its memory kernel does not decay")
    if context.memory_counting is not None:
        return _measure(context.memory_counting, "the memory kernel")
    if kernel.memory is None:
        return Measure(None, no_answer(context))
    return _measure(kernel.memory, "the memory kernel")


def no_answer(context: Context) -> str:
    """Why there is no memory kernel where the update near the fixed point does not depend on the gradient."""
    where = "" if context.counts_to is None else f" at step {context.counts_to}, where its counter is held"
    return f"its update does not depend on the gradient near the fixed point{where}"


def clipping(context: Context, floor: float = 0.0) -> Measure:
    """How much smaller updates are than in proportion, for the largest tenth of the gradients: 1 − s(h, g)/α(h), the median.

    α(h) is the effective learning rate of the state that met g, s(h, g) = −(u(h, g) − u(h, −g))/2g the slope of the secant through it. 0
    where updates grow in proportion, 1 − c/|g| where they are clipped at c.
    """
    if context.jumps_with_state:
        return Measure(None, NO_SLOPE)
    sample = context.sample
    gradients, states = sample.gradients.flatten(), sample.states.flatten(0, 2)
    known = torch.isfinite(gradients) & (gradients != 0) & torch.isfinite(states).all(1)
    gradients, states = gradients[known].abs(), states[known]
    if not len(gradients):
        return Measure(None, "no finite gradient was observed")
    kept = gradients >= torch.quantile(gradients[:: max(1, len(gradients) // 100_000)], 1 - LARGEST)
    gradients, states = gradients[kept], states[kept]
    every = max(1, len(gradients) // PAIRS)
    gradients, states = gradients[::every], states[::every]
    with torch.no_grad():
        updates = [context.double.step(states, sign * gradients)[1] for sign in (1, -1)]
    secants = -(updates[0] - updates[1]) / (2 * gradients)
    rates = effective_learning_rate(context.double, states, context.observed.scale)
    shares = relative_difference(rates, secants, floor)
    finite = shares[torch.isfinite(shares)]
    if 2 * len(finite) <= len(shares):
        return Measure(None, "the update function has no slope at 0, or is not finite, in most of the states met")
    return _measure(float(finite.median()), "the update function")


def relative_difference(first: Tensor, second: Tensor, floor: float) -> Tensor:
    """(first − second) over the larger of their sizes and the floor, any shape; 0 where all are 0, NaN where one is not known."""
    size = torch.maximum(first.abs(), second.abs()).clamp_min(floor)
    return torch.where(size == 0, 0.0, (first - second) / size.clamp_min(torch.finfo(size.dtype).tiny))


def schedule(context: Context, floor: float = 0.0) -> Measure:
    """How much the effective learning rate changes while the gradient stays 0: (largest − smallest) / largest size, over the path."""
    rates = effective_learning_rate(context.double, context.path, context.observed.scale)
    if not bool(torch.isfinite(rates).all()):
        return Measure(None, "the effective learning rate is not finite along the autonomous path")
    size = max(float(rates.abs().max()), floor)
    return Measure(float(rates.max() - rates.min()) / size if size > 0 else 0.0)


def adaptation(context: Context, floor: float = 0.0) -> Measure:
    """How the state's effective learning rate changes from no gradient to the typical one for ever: (α(g) − α(0)) / the larger.

    −1 where it falls to nothing (RMSProp), 0 where it stays, towards 1 where it rises.
    """
    if not context.moving:
        return Measure(0.0)
    zero = context.fixed_point
    if zero is None:
        return Measure(None, "no fixed point was found")
    try:
        branches = context.branches
    except InputError as error:
        return Measure(None, str(error))
    observed = context.observed
    found = adaptation_of(
        context.double, branches, zero, observed.typical, (observed.scale, observed.scale), observed.scale
    )
    if found.at_zero is None:
        return Measure(None, "the effective learning rate at gradient 0 is not finite")
    if found.at_typical is None:
        return Measure(None, "the curve of fixed points does not reach the typical gradient")
    pair = torch.tensor([found.at_typical, found.at_zero], dtype=torch.float64)
    return Measure(float(relative_difference(pair[0], pair[1], floor)))


def weight_decay(context: Context, floor: float = 0.0) -> Measure:
    """By which share a parameter shrinks at every step, whatever the gradient: −∂u/∂x at g = 0, the median over the states met."""
    index = context.double.reads.get("parameter")
    if index is None:
        return Measure(0.0)
    states = context.sample.states.flatten(0, 2)
    states = states[torch.isfinite(states).all(1)]
    states = states[:: max(1, len(states) // DECAYS)]
    slopes = derivatives(context.double, states, states.new_zeros(len(states))).u_h[:, index]
    known = slopes[torch.isfinite(slopes)]
    return (
        _measure(-float(known.median()), "the answer to the parameter")
        if len(known) >= len(slopes) / 2
        else Measure(None, "the update has no slope over the parameter at most of the states met")
    )


def _median_along(values: list[float], what: str) -> Measure:
    known = [value for value in values if math.isfinite(value)]
    if 2 * len(known) <= len(values):
        return Measure(None, f"{what} has no slope at most of the places looked at")
    return Measure(float(np.median(known)))


def summed_kernel(kernel: Tensor) -> float:
    """Σ K(j) to infinity of a kernel [J + 1] that has died away, or falls by a constant factor in the end; NaN for others."""
    total, largest, last = float(kernel.sum()), float(kernel.abs().max()), float(kernel[-1])
    if not abs(last) > DIED_AWAY * largest:
        return total
    ratios = (kernel[-3:] / kernel[-4:-1]).tolist() if len(kernel) > 3 else []
    falls = bool(ratios) and max(ratios) < 1 and min(ratios) > 0 and max(ratios) - min(ratios) <= CONSTANT
    return total + last * ratios[-1] / (1 - ratios[-1]) if falls else math.nan


def momentum_of_tensors(context: Context) -> Measure:
    """Σ K(j) / max |K(j)| of the memory kernel along a run, the median over components and places."""
    found = []
    for kernel in context.kernels_met:
        largest = float(kernel.abs().max())
        found.append(summed_kernel(kernel) / largest if largest > 0 else math.nan)
    if all(bool(torch.isfinite(kernel).all()) for kernel in context.kernels_met) and not np.isfinite(found).any():
        return Measure(None, NOT_DIED_AWAY)
    return _median_along(found, "the update over an earlier gradient")


def clipping_of_tensors(context: Context) -> Measure:
    """As `clipping`, from the update functions of components, all else as met."""
    observed, found = context.observed, []
    ends = torch.tensor(
        [observed.typical, -observed.typical, TINY_SHARE * observed.scale, -TINY_SHARE * observed.scale]
    ).double()
    for k in context.met_at:
        updates = update_functions(context.met, k, context.places_met, ends)
        secant = -(updates[:, 0] - updates[:, 1]) / (2 * ends[0])
        rate = -(updates[:, 2] - updates[:, 3]) / (2 * ends[2])
        found += relative_difference(rate, secant, 0.0).tolist()
    return _median_along(found, "the update function")


def schedule_of_tensors(context: Context) -> Measure:
    """As `schedule`, from a run whose gradients are all 0 while parameters stay: the median over components."""
    rates = context.rates_at_rest
    sizes = rates.abs().amax(0)
    return _median_along(
        torch.where(sizes > 0, (rates.amax(0) - rates.amin(0)) / sizes, 0.0).tolist(), "the update over the gradient"
    )


def adaptation_of_tensors(context: Context) -> Measure:
    """As `adaptation`, after a run on a constant gradient of the typical size and one on gradients of 0: the median over components."""
    rest, typical = context.rates_at_rest[-1], context.rates_at_typical
    return _median_along(relative_difference(typical, rest, 0.0).tolist(), "the update over the gradient")


def weight_decay_of_tensors(context: Context) -> Measure:
    """−∂u/∂x of a component at its own gradient 0, all else as met, the median over components and places."""
    met = context.met
    return _median_along(
        [decay_along(met, k, i) for k in context.met_at for i in context.places_met], "the update over the parameter"
    )


MEASURES_OF_TENSORS: dict[Name, Callable[[Context], Measure]] = {
    "momentum": momentum_of_tensors,
    "clipping": clipping_of_tensors,
    "schedule": schedule_of_tensors,
    "adaptation": adaptation_of_tensors,
    "weight_decay": weight_decay_of_tensors,
}

MEASURES: dict[Name, Callable[[Context, float], Measure]] = {
    "momentum": momentum,
    "clipping": clipping,
    "schedule": schedule,
    "adaptation": adaptation,
    "weight_decay": weight_decay,
}


def measured(name: Name, context: Context, floor: float = 0.0) -> Measure:
    """The number of a mechanism, or why it cannot be told.

    Args:
        name: the mechanism.
        context: the optimizer on its task.
        floor: as above.
    """
    try:
        if context.sees_tensors:
            return MEASURES_OF_TENSORS[name](context)
        return MEASURES[name](context, floor)
    except InputError as error:
        return Measure(None, str(error))


def typical_rate(context: Context) -> float:
    """|−∂u/∂g| at g = 0 of the state it starts from and of that it comes to: the size of its learning rate."""
    states = [context.start, *([context.fixed_point] if context.fixed_point is not None else [])]
    rates = effective_learning_rate(context.double, torch.stack(states), context.observed.scale).abs()
    return float(rates[torch.isfinite(rates)].mean()) if bool(torch.isfinite(rates).any()) else 0.0


def secant_slope(context: Context, state: Tensor, size: float) -> float:
    """−(u(h, g) − u(h, −g))/2g at one state [S] and one size of gradient."""
    ends = update_function(context.double, state, torch.tensor([size, -size], dtype=torch.float64))
    return float(-(ends[0] - ends[1]) / (2 * size))
