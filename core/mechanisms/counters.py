"""Optimizers that count steps: their numbers with the counter held at the first step of a run, in its middle, and at the last.

A state that counts never comes to rest, so fixed points, modes, saturation, the S-curve and the closed loop belong to a step at which the
counter is held: `Context.step`, by default the middle of a run. The same numbers at the first and the last step show how much that matters.

Bias-corrected Adam is the calibration. At m = s = 0 before step k, with t = k + 1 and c = √((1 − β₂)/(1 − β₂ᵗ)), its update is
−α (1 − β₁)/(1 − β₁ᵗ) g/(c|g| + ε), whose slope halves at |g| = (√2 − 1) ε/c.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from core.analysis.adaptation import passage
from core.analysis.closed_loop import convergence_rates, rest_of_loop
from core.analysis.fixed_points import find_fixed_points
from core.analysis.update_function import effective_learning_rate
from core.errors import InputError
from core.mechanisms.context import STEPS, Context
from core.mechanisms.saturation import saturation
from core.mechanisms.wording import listed, number

if TYPE_CHECKING:
    from torch import Tensor

SAME = 0.01  # relative difference up to which numbers of different steps count as one
Numbers = dict[str, float | None]


class AtStep(BaseModel):
    """Numbers of one mechanism with the step counter held at one step.

    Attributes:
        step: k, from 0.
        numbers: by name; null where they are not known.
    """

    step: int
    numbers: Numbers


class Counted(BaseModel):
    """What a mechanism says of step counters.

    Attributes:
        step: the inner step at which they are held where the state rests; null where nothing counts.
        along_counters: some of its numbers with the counter held at the first step, there and at the last one; [] where nothing counts.
    """

    step: int | None = None
    along_counters: list[AtStep] = Field(default_factory=list)


def _along(context: Context, measure: Callable[[Context], Numbers]) -> list[AtStep]:
    """What is measured at the first step, the one held and the last one; [] where nothing counts."""
    found = {k: measure(held) for k, held in context.along_counters.items()}
    return [AtStep(step=k, numbers={key: _finite(value) for key, value in own.items()}) for k, own in found.items()]


def momentum_along(context: Context) -> list[AtStep]:
    """``eigenvalue``, the largest |λ| at h*, and ``memory``, Σ K(j) / max |K(j)| of the memory kernel there."""

    def measure(held: Context) -> Numbers:
        try:
            kernel, values = held.kernel, held.linearized.eigenvalues
        except InputError:
            return {"eigenvalue": None, "memory": None}
        return {"eigenvalue": float(values[0].abs()) if len(values) else None, "memory": kernel.memory}

    return _along(context, measure)


def clipping_along(context: Context) -> list[AtStep]:
    """``slope`` at gradient 0, the nearer ``half_slope`` and the ``largest_update`` of the update function at h*."""

    def measure(held: Context) -> Numbers:
        if held.fixed_point is None:
            return {"slope": None, "half_slope": None, "largest_update": None}
        found = saturation(held, held.fixed_point)
        return {"slope": found.slope, "half_slope": found.nearest, "largest_update": found.largest_update}

    return _along(context, measure)


def adaptation_along(context: Context) -> list[AtStep]:
    """``rate_at_zero`` and ``rate_at_typical``: effective learning rates of h*(g) at gradient 0, and at the typical one (mean of both signs)."""
    width, typical = context.observed.scale, context.observed.typical
    try:
        reached = [(sign * typical, _passage(context, sign * typical)) for sign in (-1, 1)]
    except InputError:
        reached = []

    def measure(held: Context) -> Numbers:
        rates = []
        for gradient, state in reached:
            if state is not None:
                found = find_fixed_points(held.double, held.with_counters(state)[None], gradient, free=0)
                if len(found.states) and bool(found.converged[0]):
                    rates.append(float(effective_learning_rate(held.double, found.states[:1], width)[0]))
        zero = held.fixed_point
        return {
            "rate_at_zero": None if zero is None else float(effective_learning_rate(held.double, zero[None], width)[0]),
            "rate_at_typical": sum(rates) / 2 if len(rates) == 2 else None,
        }

    return _along(context, measure)


def _passage(context: Context, gradient: float) -> Tensor | None:
    """h* where the curve of fixed points first passes a gradient, [S]; None where it does not."""
    for branch in context.branches:
        if len(context.branches) == 1 or float(branch.gradients[branch.start]) * gradient >= 0:
            found = passage(context.double, branch, gradient)
            if found is not None:
                return found.state
    return None


def closed_loop_along(context: Context, curvatures: Tensor) -> list[AtStep]:
    """``worst_rate`` and ``mean_rate`` of convergence over some curvatures [L]."""

    def measure(held: Context) -> Numbers:
        state = held.fixed_point if held.moving else held.with_counters(held.start)
        rest = None if state is None else rest_of_loop(held.double, state)
        if rest is None or not rest.converged:
            return {"worst_rate": None, "mean_rate": None}
        rates = convergence_rates(held.double, rest, curvatures, held.observed.scale)
        return {"worst_rate": float(rates.max()), "mean_rate": float(rates.mean())}

    return _along(context, measure)


MOMENTUM = {"eigenvalue": "largest |λ|", "memory": "memory in steps"}
CLIPPING = {"slope": "slope at gradient 0", "half_slope": "|g| at which it halves", "largest_update": "largest update"}
ADAPTATION = {"rate_at_zero": "learning rate at gradient 0", "rate_at_typical": "at the typical gradient"}
NONE = {"half_slope": "never", "largest_update": "none"}
CLOSED_LOOP = {"worst_rate": "worst factor a step", "mean_rate": "mean factor a step"}


def sentences_of(context: Context, along: list[AtStep], names: dict[str, str]) -> list[str]:
    """At which step the counter is held, and which numbers differ at the first and the last step; [] where nothing counts.

    Args:
        context: the optimizer on its task.
        along: of one mechanism.
        names: what its numbers are called.
    """
    if context.counts_to is None:
        return []
    held = f"It counts steps; here its counter is held at step {context.counts_to} of {STEPS}"
    changing = [key for key in names if _changes([at.numbers[key] for at in along])]
    if not changing:
        return [f"{held}; held at step 0 or {STEPS - 1}, these numbers are the same."]
    steps = listed([str(at.step) for at in along])
    parts = [f"{names[key]} {listed([_said(at.numbers, key) for at in along])}" for key in changing]
    return [f"{held}. Held at steps {steps}: {'; '.join(parts)}."]


def _said(numbers: Numbers, key: str) -> str:
    """A number in words; of an update function whose slope is known, a half-slope or a largest update that is null is none."""
    absent = NONE.get(key) if numbers[key] is None and numbers.get("slope") is not None else None
    return absent or number(numbers[key])


def _changes(values: list[float | None]) -> bool:
    known = [value for value in values if value is not None]
    if not known:
        return False
    return len(known) < len(values) or max(known) - min(known) > SAME * max(abs(value) for value in known)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
