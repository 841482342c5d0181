"""The numbers of every mechanism for one optimizer, as JSON: what is shown, what is not, and what cannot be told.

Each mechanism is a `Claim` with its own numbers and with sentences that hold them. A number that is not known is null.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.analysis.autonomous import schedule_of
from core.analysis.update_function import effective_learning_rate
from core.errors import InputError
from core.late import torch
from core.mechanisms import agreement as agreements
from core.mechanisms import counters
from core.mechanisms.ablation import Ablations, ablate
from core.mechanisms.adaptation import InUseReport, Slopes, in_use_report, slopes_of
from core.mechanisms.agreement import AgreementReport, agreement_report
from core.mechanisms.claims import EFFECTS, Claim, claims_of
from core.mechanisms.closed_loop import LoopReport, loop_report, loop_report_of_tensors
from core.mechanisms.context import Context
from core.mechanisms.coupling import Coupling, coupling_report, precision
from core.mechanisms.measures import Name
from core.mechanisms.null import Null
from core.mechanisms.saturation import Saturation, largest_gradient_scanned, saturation, states_of
from core.mechanisms.wording import interval, number, verdict_sentence

LISTED = 12  # modes that are listed
KERNEL = 51  # steps of the memory kernel that are listed


class Mode(BaseModel):
    """One mode at the fixed point.

    Attributes:
        eigenvalue: λ, real and imaginary part.
        learning_rate: α, real and imaginary part.
        timescale: −1/ln|λ| in steps; null where |λ| = 1.
        contribution: ‖α λʲ‖ over ‖K‖: its share of the memory kernel.
    """

    eigenvalue: tuple[float, float]
    learning_rate: tuple[float, float]
    timescale: float | None
    contribution: float | None


class Kernel(BaseModel):
    """The memory kernel K(j) = −∂u[k+j]/∂g[k] at the fixed point.

    Attributes:
        total: Σ K to infinity; null where a mode does not decay.
        horizon: mean age of the gradients in an update, in steps.
        alpha, beta, r2: the best single exponential α βʲ and the share of Σ K² that it explains.
        exponentials: how many modes explain 99 % of it.
        values: K(0), K(1), …
    """

    total: float | None
    horizon: float | None
    alpha: float | None
    beta: float | None
    r2: float | None
    exponentials: int | None
    values: list[float]


class Momentum(Claim, counters.Counted):
    """Momentum: the memory kernel, and the modes that make it.

    Attributes:
        kernel: null where it cannot be told.
        fixed_points: how many were found (null where nothing can be looked for), and ``slow_points``, ``failed`` starts.
        stability: of the fixed point analysed; null without one.
        speed: q = ½‖F(h, 0) − h‖² there.
        eigenvalues: |λ| of all modes, largest first.
        modes: the slowest.
        direct_learning_rate: the memoryless part of the update, −∂u/∂g minus the modes' learning rates.
        near_defective: whether modes nearly coincide.
    """

    kernel: Kernel | None = None
    fixed_points: int | None = None
    slow_points: int | None = None
    failed: int | None = None
    stability: str | None = None
    speed: float | None = None
    eigenvalues: list[float] = Field(default_factory=list)
    modes: list[Mode] = Field(default_factory=list)
    direct_learning_rate: float | None = None
    near_defective: bool = False
    sentences: list[str] = Field(default_factory=list)


class Clipping(Claim, counters.Counted):
    """Gradient clipping in use, and the update function at h₀ and h*.

    Attributes:
        largest_gradient_scanned: size of the largest gradient scanned.
        secant: whether slopes at 0 are secants, because the update jumps there.
    """

    largest_gradient_scanned: float | None = None
    secant: bool = False
    start: Saturation | None = None
    fixed_point: Saturation | None = None
    sentences: list[str] = Field(default_factory=list)


class ScheduleReport(Claim):
    """The effective learning rate along the autonomous trajectory.

    Attributes:
        rates: effective learning rates at every autonomous step.
        change: (largest − smallest) / largest.
        clock: whether a step counter causes it.
    """

    start: float | None = None
    peak: float | None = None
    peak_step: int | None = None
    end: float | None = None
    change: float | None = None
    clock: bool | None = None
    rates: list[float | None] = Field(default_factory=list)
    sentences: list[str] = Field(default_factory=list)


class Adaptation(Claim, Slopes, counters.Counted):
    """The effective learning rate of the states h*(g) over a constant gradient, and in use.

    Attributes:
        typical: the size of gradient that 98 % of those observed stay below.
        sheets: of the curve, at the typical gradient of either sign: 1 before the first fold.
        local: the slope at the gradient itself, where saturation counts too.
        in_use: over the states met on held-out problems.
        agreement: whether the learning rate depends on the signs of recent gradients, and not on their sizes alone.
        folds: gradients at which the curve turns back.
        unstable: number of unstable points of the curve, out of ``points``.
        ended: why the curve ended at both ends.
    """

    typical: float
    sheets: tuple[int | None, int | None] = (None, None)
    local: Slopes | None = None
    in_use: InUseReport | None = None
    agreement: AgreementReport = Field(default_factory=AgreementReport)
    folds: list[float] = Field(default_factory=list)
    points: int = 0
    unstable: int = 0
    ended: list[str] = Field(default_factory=list)
    sentences: list[str] = Field(default_factory=list)


class WeightDecay(Claim):
    """Weight decay: by which share a parameter shrinks at every step, whatever the gradient.

    Attributes:
        reads_parameter: whether the update depends on the parameter's value at all.
    """

    reads_parameter: bool
    sentences: list[str] = Field(default_factory=list)


class Report(BaseModel):
    """The mechanisms and the closed loop of one optimizer, as `analyze` prints them.

    Attributes:
        optimizer: its name.
        task: name of the task it was measured on.
        momentum: memory kernel, fixed point, eigenvalues and modes at g = 0 (arXiv 2011.02159, section 4.1).
        clipping: saturation of the update function (section 4.2).
        schedule: the learning rate along the autonomous trajectory (section 4.3).
        adaptation: the learning rate along the curve of fixed points (section 4.4).
        weight_decay: −∂u/∂x at gradient 0.
        coupling: between components.
        closed_loop: convergence rate over curvature, and where the loss goes flat.
        interventions: ablations of each mechanism; None if they were not run.
    """

    model_config = ConfigDict(extra="forbid")

    optimizer: str
    task: str
    momentum: Momentum
    clipping: Clipping
    schedule: ScheduleReport
    adaptation: Adaptation
    weight_decay: WeightDecay
    coupling: Coupling
    closed_loop: LoopReport
    interventions: Ablations | None = None


def _finite(value: float | torch.Tensor) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def momentum_report(context: Context, claim: Claim) -> Momentum:
    """Memory kernel, fixed point, modes."""
    fixed_points = context.fixed_points
    counts: dict[str, Any] = {
        **claim.model_dump(),
        "step": context.counts_to,
        "fixed_points": int(fixed_points.converged.sum()),
        "slow_points": int((~fixed_points.converged).sum()),
        "failed": sum(status == "failed" for status in fixed_points.status),
    }
    sentences = [verdict_sentence(claim, EFFECTS["momentum"].unit), *precision(context)]
    try:
        kernel, linear = context.kernel, context.linearized if context.moving else None
    except InputError as error:
        return Momentum(sentences=[*sentences, f"There is no memory kernel: {error}."], **counts)
    kept = Kernel(
        total=kernel.total,
        horizon=kernel.horizon,
        alpha=kernel.alpha,
        beta=kernel.beta,
        r2=kernel.r2,
        exponentials=kernel.exponentials,
        values=[float(value) for value in kernel.values[:KERNEL]],
    )
    if linear is None:
        sentences.append("It has no state: it has no memory of past gradients.")
        return Momentum(kernel=kept, direct_learning_rate=_finite(kernel.values[0]), sentences=sentences, **counts)
    modes = [
        Mode(
            eigenvalue=(float(value.real), float(value.imag)),
            learning_rate=(float(rate.real), float(rate.imag)),
            timescale=_finite(tau),
            contribution=_finite(share),
        )
        for value, rate, tau, share in zip(
            linear.eigenvalues[:LISTED], linear.rates, linear.timescales, kernel.contributions, strict=False
        )
    ]
    along = counters.momentum_along(context)
    sentences += counters.sentences_of(context, along, counters.MOMENTUM)
    if context.memory_counting is not None:
        sentences.append(
            f"While it counts on, its memory changes: a gradient of step {context.step} acts for {number(context.memory_counting)} steps."
        )
    if kernel.beta is not None:
        sentences.append(
            f"Its memory kernel is α βʲ with α = {number(kernel.alpha)} and β = {number(kernel.beta)} to R² = {kernel.r2:.3f}; "
            f"a gradient acts for {number(kernel.horizon)} steps on average."
        )
    if linear.near_defective:
        sentences.append("Some modes nearly coincide: their learning rates are not individually meaningful.")
    return Momentum(
        kernel=kept,
        stability=fixed_points.stability[0],
        speed=float(fixed_points.speeds[0]),
        eigenvalues=[float(size) for size in linear.eigenvalues.abs()],
        modes=modes,
        direct_learning_rate=_finite(linear.direct),
        near_defective=linear.near_defective,
        along_counters=along,
        sentences=sentences,
        **counts,
    )


def clipping_report(context: Context, claim: Claim) -> Clipping:
    """Where the update function saturates, in use and by itself."""
    high = largest_gradient_scanned(context)
    start, *others = (saturation(context, state) for state in states_of(context).values())
    fixed_point = others[0] if others else None
    at, where = fixed_point or start, "h*" if fixed_point else "its only state"
    sentences = [verdict_sentence(claim)]
    if not context.double.smooth:
        sentences.append("Its update jumps at gradient 0, so that a gradient at which the slope halves does not apply.")
    elif at.nearest is None:
        sentences.append(
            f"At {where} the slope of the update function never halves for gradients up to {number(high)}."
        )
    else:
        share = 100 * (at.share_beyond or 0.0)
        sentences.append(
            f"At {where} the slope halves at |g| = {number(at.nearest)}; {share:.3g} % of the observed gradients are larger."
        )
    if at.largest_update is not None:
        sentences.append(f"No update is larger than {number(at.largest_update)}.")
    along = counters.clipping_along(context)
    return Clipping(
        largest_gradient_scanned=high,
        secant=not context.double.smooth,
        start=start,
        fixed_point=fixed_point,
        step=context.counts_to,
        along_counters=along,
        sentences=[*sentences, *counters.sentences_of(context, along, counters.CLIPPING)],
        **claim.model_dump(),
    )


def schedule_report(context: Context, claim: Claim) -> ScheduleReport:
    """The autonomous learning rate."""
    rates = effective_learning_rate(context.double, context.path, context.observed.scale)
    found = schedule_of(rates)
    counts = bool(context.counting)
    carried = "a step counter" if counts else "the state's own drift"
    sentences = [verdict_sentence(claim)]
    if found.change and math.isfinite(found.change):
        sentences.append(
            f"At gradient 0 its learning rate goes from {number(found.start)} over {number(found.peak)} at step {found.peak_step} to "
            f"{number(found.end)}, carried by {carried}."
        )
    elif math.isfinite(found.start):
        sentences.append(f"At gradient 0 its learning rate stays at {number(found.end)}.")
    if found.nonfinite:
        sentences.append(f"At {found.nonfinite} steps it is not finite.")
    return ScheduleReport(
        start=_finite(found.start),
        peak=_finite(found.peak),
        peak_step=found.peak_step,
        end=_finite(found.end),
        change=_finite(found.change),
        clock=counts,
        rates=[_finite(rate) for rate in rates],
        sentences=sentences,
        **claim.model_dump(),
    )


def adaptation_report(context: Context, claim: Claim, agreement: AgreementReport) -> Adaptation:
    """The effective learning rate along the curve of fixed points, in use, and after gradients that agree."""
    common: dict[str, Any] = {
        **claim.model_dump(),
        "typical": context.observed.typical,
        "step": context.counts_to,
        "agreement": agreement,
    }
    sentences = [verdict_sentence(claim)]
    if not context.moving:
        only = context.with_counters(context.start)
        rate = _finite(effective_learning_rate(context.double, only, context.observed.scale))
        same = Slopes(rate_at_zero=rate, rate_at_typical=rate, exponent=0.0)
        sentences.append("It has no state, so nothing can adapt.")
        return Adaptation(sentences=sentences, in_use=in_use_report(context), **same.model_dump(), **common)
    used = in_use_report(context)
    if used is not None:
        slope = (
            "is not defined" if used.slope is None else f"is {number(used.slope, 2)} ({interval(used.low, used.high)})"
        )
        sentences.append(
            f"In use, its learning rate over the recent size of a component's gradients has rank correlation "
            f"{number(round(used.rank_correlation, 2))} at equal step; the log-log slope {slope}."
        )
    sentences.append(agreements.said(agreement))
    try:
        (own, sheets), (local, _) = slopes_of(context), slopes_of(context, local=True)
        branches = context.branches
    except InputError as error:
        return Adaptation(sentences=[*sentences, f"There is no curve of fixed points: {error}."], in_use=used, **common)
    sentences.append(
        f"With a constant gradient of the typical size {number(context.observed.typical)} for ever its learning rate goes from "
        f"{number(own.rate_at_zero)} to {number(own.rate_at_typical)}; the local slope there is {number(local.rate_at_typical)}."
    )
    along = counters.adaptation_along(context)
    sentences += counters.sentences_of(context, along, counters.ADAPTATION)
    folds = [float(fold.gradient) for branch in branches for fold in branch.folds]
    unstable = int(sum((branch.unstable > 0).sum() for branch in branches))
    points = sum(len(branch.gradients) for branch in branches)
    if folds:
        sentences.append(f"The curve folds {len(folds)} times, and {unstable} of {points} points on it are unstable.")
    return Adaptation(
        sheets=sheets,
        local=local,
        in_use=used,
        folds=folds,
        points=points,
        unstable=unstable,
        ended=[end for branch in branches for end in branch.ended],
        along_counters=along,
        sentences=sentences,
        **own.model_dump(),
        **common,
    )


def weight_decay_report(context: Context, claim: Claim) -> WeightDecay:
    """What the update makes of the parameter's own value."""
    reads = context.sees_tensors or "parameter" in context.optimizer.reads
    sentences = [verdict_sentence(claim, EFFECTS["weight_decay"].unit)]
    if not reads:
        sentences.append("Its update does not read the parameter.")
    return WeightDecay(reads_parameter=reads, sentences=sentences, **claim.model_dump())


def _report_of_tensors(
    name: str,
    context: Context,
    claims: dict[Name, Claim],
    interventions: Ablations | None,
    agreement: AgreementReport,
) -> Report:
    """What can be told of an optimizer that sees whole tensors: by going back to places of a run, all else as met."""
    told = {
        key: {**one.model_dump(), "sentences": [verdict_sentence(one, EFFECTS[key].unit)]}
        for key, one in claims.items()
    }
    told["adaptation"]["sentences"].append(agreements.said(agreement))
    typical = context.observed.typical
    return Report(
        optimizer=name,
        task=context.task.name,
        momentum=Momentum(**told["momentum"]),
        clipping=Clipping(**told["clipping"]),
        schedule=ScheduleReport(**told["schedule"]),
        adaptation=Adaptation(
            typical=typical,
            rate_at_zero=None,
            rate_at_typical=None,
            exponent=None,
            agreement=agreement,
            **told["adaptation"],
        ),
        weight_decay=weight_decay_report(context, claims["weight_decay"]),
        coupling=coupling_report(context),
        closed_loop=loop_report_of_tensors(context),
        interventions=interventions,
    )


def report_of(
    name: str,
    context: Context,
    interventions: Ablations | None = None,
    *,
    null: Null | None = None,
    trained: bool = False,
    curvatures: list[float] | None = None,
) -> Report:
    """All mechanisms of an optimizer.

    Args:
        name: of the optimizer; stored in the report.
        context: the optimizer on its task.
        interventions: what `ablate` found, to note with it and to decide by; run now, where a claim depends on it, if None.
        null: of untrained optimizers of its architecture.
        trained: whether it was trained, so that a claim needs a null.
        curvatures: λ of the closed loop; by default those over and around the task's.

    Raises:
        InputError: weights or states are not finite, so nothing can be measured.
    """
    run: Callable[[], Ablations] = (lambda: ablate(context)) if interventions is None else (lambda: interventions)
    if context.sees_tensors:
        return _report_of_tensors(
            name,
            context,
            claims_of(context, null, trained, run),
            interventions,
            agreement_report(context, null, trained=trained),
        )
    if not bool(torch.isfinite(context.start).all()) or not bool(torch.isfinite(context.probe).all()):
        raise InputError(f"{name} cannot be analysed: its weights, or its first update, are not finite")
    claims = claims_of(context, null, trained, run)
    return Report(
        optimizer=name,
        task=context.task.name,
        momentum=momentum_report(context, claims["momentum"]),
        clipping=clipping_report(context, claims["clipping"]),
        schedule=schedule_report(context, claims["schedule"]),
        adaptation=adaptation_report(context, claims["adaptation"], agreement_report(context, null, trained=trained)),
        weight_decay=weight_decay_report(context, claims["weight_decay"]),
        coupling=coupling_report(context),
        closed_loop=loop_report(context, curvatures),
        interventions=interventions,
    )
