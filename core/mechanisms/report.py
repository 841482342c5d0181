"""The numbers of all four mechanisms for one optimizer, as JSON that says what is there and what is not.

Each mechanism has ``present``, its numbers, and ``sentences``: sentences with these numbers. A number that is not finite is null.
"""

import math
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict

from core.analysis.adaptation import rate_exponent
from core.analysis.autonomous import autonomous_trajectory, schedule_of
from core.analysis.update_function import effective_learning_rate
from core.errors import InputError
from core.mechanisms.ablation import Ablations
from core.mechanisms.adaptation import fall, rates_of
from core.mechanisms.clipping import Saturation, largest_gradient_scanned, saturation, states_of
from core.mechanisms.context import Context

SLOW = 0.8  # |λ| from which on a mode counts as momentum
SCHEDULED = 0.1  # relative change of the autonomous rate from which on there is a schedule
ADAPTED = 0.9  # the rate at the typical gradient over that at 0, below which there is adaptation
LISTED = 12  # modes that are listed


class Mode(BaseModel):
    """One mode at the fixed point.

    Attributes:
        eigenvalue: λ, real and imaginary part.
        learning_rate: α, real and imaginary part.
        timescale: −1/ln|λ| in steps; null where |λ| = 1.
    """

    eigenvalue: tuple[float, float]
    learning_rate: tuple[float, float]
    timescale: float | None


class Momentum(BaseModel):
    """Momentum: linear dynamics around the fixed point at g = 0.

    Attributes:
        fixed_points: how many were found, and ``slow_points``, ``failed`` starts.
        stability: of the fixed point analysed; null without one.
        speed: q there.
        eigenvalues: |λ| of all modes, largest first.
        modes: the slowest.
        direct_learning_rate: of gradient descent beside the modes.
        near_defective: whether modes nearly coincide.
    """

    present: bool
    fixed_points: int
    slow_points: int
    failed: int
    stability: str | None = None
    speed: float | None = None
    eigenvalues: list[float] = []
    modes: list[Mode] = []
    direct_learning_rate: float | None = None
    near_defective: bool = False
    sentences: list[str] = []


class Clipping(BaseModel):
    """Gradient clipping, at h₀ and at h*.

    Attributes:
        largest_gradient_scanned: size of the largest gradient looked at.
        secant: whether slopes at 0 are secants, since the update jumps there.
    """

    present: bool
    largest_gradient_scanned: float
    secant: bool
    start: Saturation
    fixed_point: Saturation | None
    sentences: list[str] = []


class ScheduleReport(BaseModel):
    """The effective learning rate along the autonomous trajectory.

    Attributes:
        rates: at every autonomous step.
        change: (largest − smallest) / largest.
        clock: whether a step counter carries it.
    """

    present: bool
    start: float | None
    peak: float | None
    peak_step: int
    end: float | None
    change: float | None
    clock: bool
    rates: list[float | None]
    sentences: list[str] = []


class Adaptation(BaseModel):
    """The effective learning rate along the curve of fixed points over a constant gradient.

    Attributes:
        rate_at_zero, rate_at_typical: effective learning rates, the latter the mean of both arms.
        typical: the size of gradient that 98 % of those met stay below.
        exponent: −d ln(rate)/d ln|g| between the median and the largest gradient met.
        folds: gradients at which the curve turns back.
        unstable: points of the curve that are unstable, of ``points``.
        ended: why the curve ended at both ends.
    """

    present: bool
    typical: float
    rate_at_zero: float | None = None
    rate_at_typical: float | None = None
    exponent: float | None = None
    folds: list[float] = []
    points: int = 0
    unstable: int = 0
    ended: list[str] = []
    sentences: list[str] = []


class Report(BaseModel):
    """Everything `analyze` prints."""

    model_config = ConfigDict(extra="forbid")

    optimizer: str
    task: str
    momentum: Momentum
    clipping: Clipping
    schedule: ScheduleReport
    adaptation: Adaptation
    interventions: Ablations | None = None


def _finite(value: float | torch.Tensor) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def _n(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def momentum_report(context: Context) -> Momentum:
    """Fixed point, eigenvalues, modes."""
    fixed_points = context.fixed_points
    counts: dict[str, Any] = {
        "fixed_points": int(fixed_points.converged.sum()),
        "slow_points": int((~fixed_points.converged).sum()),
        "failed": sum(status == "failed" for status in fixed_points.status),
    }
    slope = _finite(effective_learning_rate(context.double, context.start, context.observed.scale))
    if not context.moving:
        sentences = ["It has no state: every gradient is forgotten at once, so there is no momentum."]
        return Momentum(present=False, direct_learning_rate=slope, sentences=sentences, **counts)
    if context.fixed_point is None:
        sentences = ["No start came to rest, or to a slow point: nothing to linearise."]
        return Momentum(present=False, sentences=sentences, **counts)
    try:
        found = context.linearized
    except InputError as error:
        return Momentum(present=False, sentences=[str(error)], **counts)
    sizes = found.eigenvalues.abs()
    modes = [
        Mode(
            eigenvalue=(float(value.real), float(value.imag)),
            learning_rate=(float(rate.real), float(rate.imag)),
            timescale=_finite(tau),
        )
        for value, rate, tau in zip(found.eigenvalues[:LISTED], found.rates, found.timescales, strict=False)
    ]
    slow = int((sizes >= SLOW).sum())
    sentences = [
        f"The slowest of {len(sizes)} modes has |λ| = {_n(float(sizes[0]))}, a timescale of {_n(modes[0].timescale)} steps."
    ]
    sentences.append(
        f"{slow} of them have |λ| of {SLOW} or more." if slow else f"None reaches {SLOW}: there is no slow memory."
    )
    if found.near_defective:
        sentences.append("Some modes nearly coincide: their learning rates mean little one by one.")
    return Momentum(
        present=slow > 0,
        stability=fixed_points.stability[0],
        speed=float(fixed_points.speeds[0]),
        eigenvalues=[float(size) for size in sizes],
        modes=modes,
        direct_learning_rate=_finite(found.direct),
        near_defective=found.near_defective,
        sentences=sentences,
        **counts,
    )


def clipping_report(context: Context) -> Clipping:
    """Where the update function saturates."""
    high = largest_gradient_scanned(context)
    start, *others = (saturation(context, state) for state in states_of(context).values())
    fixed_point = others[0] if others else None
    at = fixed_point or start
    where = "h*" if fixed_point else "its only state"
    half = at.nearest
    if half is None:
        sentences = [
            f"At {where} the slope of the update function never halves for gradients up to {_n(high)}: it does not clip."
        ]
    else:
        share = 100 * (at.share_beyond or 0.0)
        sentences = [
            f"At {where} the slope halves at |g| = {_n(half)}; {share:.3g} % of the gradients met on its task are larger."
        ]
        sentences.append(
            "Updates still grow with the gradient beyond."
            if at.largest_update is None
            else f"No update is larger than {_n(at.largest_update)}."
        )
    return Clipping(
        present=half is not None,
        largest_gradient_scanned=high,
        secant=not context.double.smooth,
        start=start,
        fixed_point=fixed_point,
        sentences=sentences,
    )


def schedule_report(context: Context) -> ScheduleReport:
    """The autonomous learning rate."""
    rates = effective_learning_rate(context.double, autonomous_trajectory(context.double), context.observed.scale)
    found = schedule_of(rates)
    present = found.change > SCHEDULED
    carried = "a step counter" if context.double.clock is not None else "the state's own drift"
    sentences = (
        [
            f"At gradient 0 its learning rate goes from {_n(found.start)} over {_n(found.peak)} at step {found.peak_step} to {_n(found.end)}, carried by {carried}."
        ]
        if present
        else [
            f"At gradient 0 its learning rate changes by {100 * found.change:.3g} % only, around {_n(found.end)}: there is no schedule."
        ]
    )
    if found.nonfinite:
        sentences.append(f"At {found.nonfinite} steps it is not finite.")
    return ScheduleReport(
        present=present,
        start=_finite(found.start),
        peak=_finite(found.peak),
        peak_step=found.peak_step,
        end=_finite(found.end),
        change=_finite(found.change),
        clock=context.double.clock is not None,
        rates=[_finite(rate) for rate in rates],
        sentences=sentences,
    )


def adaptation_report(context: Context) -> Adaptation:
    """The effective learning rate along the S-curve."""
    typical = context.observed.typical
    if not context.moving:
        return Adaptation(present=False, typical=typical, sentences=["It has no state, so nothing can adapt."])
    try:
        branches = context.branches
    except InputError as error:
        return Adaptation(present=False, typical=typical, sentences=[str(error)])
    if not branches:
        return Adaptation(present=False, typical=typical, sentences=["No fixed point was found to follow."])
    g, rates = rates_of(context)
    near, far = (_finite(rate) for rate in fall(g, rates, typical))
    exponent = rate_exponent(g, rates, context.observed.scale, context.observed.largest)
    present = near is not None and far is not None and near > 0 and far < ADAPTED * near
    sentences = [
        f"Along the curve of fixed points its learning rate {'falls' if present else 'goes'} from {_n(near)} at gradient 0 "
        f"to {_n(far)} at |g| = {_n(typical)}" + ("." if present else ": there is no adaptation.")
    ]
    folds = [float(fold.gradient) for branch in branches for fold in branch.folds]
    unstable = int(sum((branch.unstable > 0).sum() for branch in branches))
    if folds:
        sentences.append(f"The curve folds {len(folds)} times, and {unstable} of {len(g)} points on it are unstable.")
    return Adaptation(
        present=present,
        typical=typical,
        rate_at_zero=near,
        rate_at_typical=far,
        exponent=exponent,
        folds=folds,
        points=len(g),
        unstable=unstable,
        ended=[end for branch in branches for end in branch.ended],
        sentences=sentences,
    )


def report_of(name: str, context: Context, interventions: Ablations | None = None) -> Report:
    """All four mechanisms.

    Args:
        name: of the optimizer, to note.
        context: the optimizer on its task.
        interventions: what `ablations` found, to note with it.

    Raises:
        InputError: weights or states are not finite, so that nothing can be measured.
    """
    if not bool(torch.isfinite(context.start).all()) or not bool(torch.isfinite(context.probe).all()):
        raise InputError(f"{name} cannot be analysed: its weights, or its first update, are not finite")
    return Report(
        optimizer=name,
        task=context.task.name,
        momentum=momentum_report(context),
        clipping=clipping_report(context),
        schedule=schedule_report(context),
        adaptation=adaptation_report(context),
        interventions=interventions,
    )
