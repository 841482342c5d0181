"""A formula read off the instruments, without any training.

| instrument | number |
|---|---|
| memory kernel at the fixed point, K(0) and the best exponential αβʲ | learning rate, β, direct share |
| half-slope of the update function | threshold of clipping |
| largest update | limit |
| effective learning rate along the autonomous path | schedule |
| effective learning rate along the curve of fixed points, and the age of gradients it answers | adaptation |
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import least_squares, minimize_scalar
from torch import Tensor

from core.analysis.adaptation import rates_along
from core.analysis.autonomous import STEPS
from core.analysis.update_function import effective_learning_rate
from core.errors import InputError
from core.mechanisms.adaptation import in_use_report
from core.mechanisms.context import Context
from core.mechanisms.saturation import saturation
from core.optimizers.formula import PARAMETERS, Structure
from core.optimizers.schedules import relaxing, warming_up

# |g|/c at which the slope of c tanh(g/c) and of c asinh(g/c) has halved, and |g| for a clamp
HALF_SLOPES = {"tanh": math.acosh(math.sqrt(2)), "symlog": math.sqrt(3), "clamp": 1.0}
BETAS = 400  # decays tried before the best one is refined
SMALLEST = 1e-6  # relative, of a learning rate that can be fitted on a log scale


@dataclass(frozen=True)
class Reading:
    """What the instruments say.

    Attributes:
        values: every number of the structure; defaults where an instrument says nothing.
        unread: mechanism -> why its numbers could not be read; only those that could not.
    """

    values: dict[str, float]
    unread: dict[str, str]


def read_off(context: Context, structure: Structure) -> Reading:
    """Read a formula's numbers off an optimizer, without training.

    Args:
        context: the optimizer on its task.
        structure: the formula's parts, with a relaxing schedule and adaptation by a power, or without.
    """
    values = {name: PARAMETERS[name].default for name in structure.parameters}
    unread: dict[str, str] = {}
    readers: dict[str, Callable[[], dict[str, float]]] = {
        "momentum": lambda: _momentum(context),
        "clipping": lambda: _clipping(context, structure),
        "adaptation": lambda: _adaptation(context),
    }
    found: dict[str, float] = {}
    for name, read in readers.items():
        try:
            found |= read()
        except (InputError, ValueError) as error:
            unread[name] = str(error)
    rate = found.get("rate", values["rate"])
    if structure.momenta == 0:
        found["rate"] = rate
    found |= {"rate_last": rate, "memory_last": found.get("memory", 0.9), "direct_last": found.get("direct", 0.0)}
    if structure.schedule == "relaxing":
        try:
            found |= _schedule(context, rate)
        except (InputError, ValueError) as error:
            unread["schedule"] = str(error)
    values |= {name: value for name, value in found.items() if name in values and math.isfinite(value)}
    return Reading(values, {name: why for name, why in unread.items() if name in structure.mechanisms})


def _momentum(context: Context) -> dict[str, float]:
    """K(0) = R (δ + (1 − δ)(1 − β)) and K(j) = R (1 − δ)(1 − β) βʲ."""
    values = context.kernel.values.numpy()
    if not np.isfinite(values).all() or not values.any():
        raise InputError("its memory kernel is 0, or grows without end")
    ages = np.arange(1, len(values))

    def fitted(beta: float) -> tuple[float, float]:
        """α of the best αβʲ for j ≥ 1, and Σ of the squared errors."""
        powers = beta**ages
        alpha = float(values[1:] @ powers / (powers @ powers))
        return alpha, float(((values[1:] - alpha * powers) ** 2).sum())

    tried = np.linspace(0.01, 0.9995, BETAS)
    near = int(np.argmin([fitted(beta)[1] for beta in tried]))
    ends = (tried[max(near - 1, 0)], tried[min(near + 1, BETAS - 1)])
    beta = float(minimize_scalar(lambda b: fitted(b)[1], bounds=ends, method="bounded", options={"xatol": 1e-10}).x)
    alpha = fitted(beta)[0]
    direct = float(values[0]) - alpha
    rate = alpha / (1 - beta) + direct
    if not rate > 0:
        raise InputError("its updates go along the gradient, not against it, on average")
    return {"rate": rate, "memory": beta, "direct": direct / rate}


def _clipping(context: Context, structure: Structure) -> dict[str, float]:
    """The threshold from the half-slope at h₀, the limit from the largest update there."""
    found = saturation(context, context.start)
    read = {}
    if found.largest_update:
        read["limit"] = found.largest_update
    if structure.clipping in HALF_SLOPES:
        if found.nearest is None:
            raise InputError("the slope of its update function never halves")
        read["threshold"] = found.nearest / HALF_SLOPES[structure.clipping]
    return read


def _schedule(context: Context, rate: float) -> dict[str, float]:
    """A relaxing schedule with a warm-up, fitted to the learning rate along the autonomous path over that at its end."""
    rates = effective_learning_rate(context.double, context.path, context.observed.scale)
    rates = rates[:STEPS]
    last = float(rates[-1])
    relative = (rates / last).numpy()
    if not (last > 0 and np.isfinite(relative).all()):
        raise InputError("its learning rate along the autonomous path is not positive at the end")
    aim = np.log(np.maximum(relative, SMALLEST))
    step = torch.arange(len(aim), dtype=torch.float64)

    def curve(raw: np.ndarray) -> np.ndarray:
        end, begin, tau, low, warm = np.exp(np.clip(raw, -12, 12)).tolist()
        return torch.log(relaxing(step, begin, end, tau) * warming_up(step, low, warm)).numpy()

    start = np.log([1.0, max(float(relative.max()), 1e-3), 60.0, max(float(relative[0] / relative.max()), 1e-3), 5.0])
    bounds = (np.log([1e-4, 1e-4, 2.0, 0.01, 0.5]), np.log([1e4, 1e4, 1e4, 100.0, 500.0]))
    fit = least_squares(lambda raw: curve(raw) - aim, np.clip(start, bounds[0] + 1e-6, bounds[1] - 1e-6), bounds=bounds)
    end, begin, tau, low, warm = (float(value) for value in np.exp(fit.x))
    return {
        "rate": rate * begin,
        "rate_last": rate * end,
        "relaxation": tau,
        "warmup_from": low,
        "warmup": warm,
    }


def _adaptation(context: Context) -> dict[str, float]:
    """(1 + g²/σ²)^−p, fitted to the learning rate of the fixed point that belongs to a constant gradient g; γ from runs."""
    if not context.branches or context.fixed_point is None:
        raise InputError("there is no curve of fixed points")
    at_zero = float(effective_learning_rate(context.double, context.fixed_point, context.observed.scale))
    sizes, rates = [], []
    for branch in context.branches:
        sizes.append(branch.gradients.abs())
        rates.append(rates_along(context.double, branch, context.observed.scale) / at_zero)
    size, rate = torch.cat(sizes), torch.cat(rates)
    kept: Tensor = torch.isfinite(rate) & (rate > SMALLEST) & (size <= context.observed.typical)
    if int(kept.sum()) < 4:
        raise InputError("its learning rate along the curve of fixed points is not positive")
    squared, aim = (size[kept] ** 2).numpy(), torch.log(rate[kept]).numpy()
    scale = context.observed.scale

    def miss(raw: np.ndarray) -> np.ndarray:
        return np.asarray(-raw[0] * np.log1p(squared / (scale * np.exp(raw[1])) ** 2) - aim)

    fit = least_squares(miss, np.array([0.05, 0.0]), bounds=([-1.0, -6.0], [1.0, 6.0]))
    used = in_use_report(context)
    gamma = PARAMETERS["averaging"].default if used is None else min(max(used.decay, 0.01), 0.999)
    # The rate at gradient 0 is that of the average one step later, γ g².
    sigma = scale * math.exp(float(fit.x[1])) * math.sqrt(gamma)
    return {"exponent": float(fit.x[0]), "scale": sigma, "averaging": gamma}
