"""The numbers of all four mechanisms of one optimizer, as JSON.

Each mechanism has ``present``, its numbers, and ``sentences`` that state these numbers in words. A number that is not finite is null.
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

SLOW = 0.8  # smallest |λ| of a mode that counts as momentum
SCHEDULED = 0.1  # relative change of the autonomous rate above which there is a schedule
ADAPTED = 0.9  # the rate at the typical gradient over that at 0, below which there is adaptation
LISTED = 12  # modes in the list


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
        fixed_points, slow_points: numbers of points found.
        failed: number of starts that reached neither.
        stability: of the fixed point analysed; null without one.
        speed: q = ½‖F(h, 0) − h‖² there.
        eigenvalues: |λ| of all modes, largest first.
        modes: the slowest.
        direct_learning_rate: the memoryless part of the update, −∂u/∂g minus the modes' learning rates.
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
        largest_gradient_scanned: size of the largest gradient scanned.
        secant: whether slopes at 0 are secants, because the update jumps there.
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
        rates: effective learning rates at every autonomous step.
        change: (largest − smallest) / largest.
        clock: whether a step counter causes it.
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
        rate_at_zero, rate_at_typical: effective learning rates at g = 0 and at the typical gradient (mean of both arms).
        typical: the size that 98 % of the observed gradients stay below.
        exponent: −d ln(rate)/d ln|g| between the median and the largest observed gradient.
        folds: gradients at which the curve turns back.
        unstable: number of unstable points of the curve, out of ``points``.
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
    """The four mechanisms of one optimizer, as `analyze` prints them.

    Attributes:
        optimizer: its name.
        task: name of the task it was measured on.
        momentum: fixed point, eigenvalues and modes at g = 0 (arXiv 2011.02159, section 4.1).
        clipping: saturation of the update function (section 4.2).
        schedule: the learning rate along the autonomous trajectory (section 4.3).
        adaptation: the learning rate along the curve of fixed points (section 4.4).
        interventions: ablations of each mechanism; None if they were not run.
    """

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
        sentences = ["It has no state and no memory of past gradients, so there is no momentum."]
        return Momentum(present=False, direct_learning_rate=slope, sentences=sentences, **counts)
    if context.fixed_point is None:
        sentences = ["No fixed point or slow point was found, so there is nothing to linearise."]
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
        sentences.append("Some modes nearly coincide: their learning rates are not individually meaningful.")
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
            f"At {where} the slope halves at |g| = {_n(half)}; {share:.3g} % of the gradients observed on its task are larger."
        ]
        sentences.append(
            "Larger gradients still give larger updates."
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
            f"At gradient 0 its learning rate goes from {_n(found.start)} over {_n(found.peak)} at step {found.peak_step} to {_n(found.end)}, because of {carried}."
        ]
        if present
        else [
            f"At gradient 0 its learning rate changes by only {100 * found.change:.3g} %, around {_n(found.end)}: there is no schedule."
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
        return Adaptation(present=False, typical=typical, sentences=["No fixed point was found to start from."])
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
    """Measure all four mechanisms (arXiv 2011.02159, section 4).

    Args:
        name: of the optimizer; stored in the report.
        context: the optimizer on its task.
        interventions: results of `ablate`; stored in the report.

    Raises:
        InputError: weights or states are not finite, so nothing can be measured.
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
