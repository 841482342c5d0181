"""The closed loop on a task: how fast an optimizer converges at the curvatures of its problems, and where its loss goes flat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, Field

from core.analysis.closed_loop import (
    ClosedLoop,
    best_gradient_descent,
    best_heavy_ball,
    closed_loop,
    contraction_along,
    convergence_rates,
    loss_floor,
)
from core.analysis.curvature import SMALL, curvatures_of, hessians
from core.bundle import Arrays, Bundle
from core.errors import InputError
from core.late import torch
from core.mechanisms.context import STEPS, Context
from core.mechanisms.counters import CLOSED_LOOP, Counted, closed_loop_along, sentences_of
from core.seeds import Purpose, generator
from core.tasks.base import PlanarProblems, Problems
from core.unroll import unroll

if TYPE_CHECKING:
    from torch import Tensor

CURVATURES = 60
BEYOND = 3.0  # curvatures are drawn this far beyond those of the task, either way
PROBLEMS, LARGE_PROBLEMS = 64, 2
LEAST = 1e-6  # share of the largest curvature below which a direction counts as flat


class LoopAt(BaseModel):
    """Optimizer and problem as one linear system at a step of a run.

    Attributes:
        step: k.
        numbers: how many numbers problem and state have together, counters left out.
        rate: the spectral radius: by at most this factor a step does a small change of all of them grow in the long run.
        eigenvalues: (real, imaginary), largest first.
    """

    step: int
    numbers: int
    rate: float
    eigenvalues: list[tuple[float, float]]


class LoopReport(Counted):
    """What `analyze` says of the closed loop.

    Attributes:
        curvatures: λ.
        rates: ρ(λ): the factor by which the distance to the minimum shrinks with a step; null where it cannot be told.
        low, high: smallest and largest curvature of the task.
        stable_from, stable_to: ends of the curvatures at which it converges; null where that end lies beyond what was searched.
        worst_rate, mean_rate: over the task's curvatures.
        rest_gradient: g*, the gradient at which the loop rests: its bias.
        loss_floor: ½ g*² 1ᵀA⁻¹1, the median over problems of the task: where the loss goes flat; null where the loop does not converge, or the Hessian at the minimum is
            not known.
        heavy_ball, gradient_descent: the best worst rate that momentum and plain gradient descent can have over the task's curvatures.
        along_run: for an optimizer that sees whole tensors, the loop on one problem at steps of a run, in place of all the above.
        reason: why there is no closed loop; "" where there is one.
    """

    curvatures: list[float] = Field(default_factory=list)
    rates: list[float | None] = Field(default_factory=list)
    low: float | None = None
    high: float | None = None
    stable_from: float | None = None
    stable_to: float | None = None
    worst_rate: float | None = None
    mean_rate: float | None = None
    rest_gradient: float | None = None
    loss_floor: float | None = None
    heavy_ball: float | None = None
    gradient_descent: float | None = None
    along_run: list[LoopAt] = Field(default_factory=list)
    reason: str = ""
    sentences: list[str] = Field(default_factory=list)


def at_the_end(context: Context) -> tuple[Problems, Tensor]:
    """Problems of the task and where their curvature counts, [problems, n]: the minimum where it is known, else the end of a run."""
    source = generator(Purpose.EVALUATE, context.seed)
    problems = context.task.sample(LARGE_PROBLEMS if context.large else PROBLEMS, source, torch.float64)
    if isinstance(problems, PlanarProblems):
        points = [problems.part(i, i + 1) for i in range(problems.count)]
        minima = [
            one.plane().lift(one.x0.new_tensor([one.plane().minimum]))
            for one in points
            if isinstance(one, PlanarProblems)
        ]
        return problems, torch.cat(minima)
    run = unroll(context.double, problems, STEPS, record=("x",))
    assert run.x is not None
    return problems, run.x[-1]


def task_curvatures(context: Context) -> Tensor:
    """Curvatures of the task's problems that are not flat, ascending, [m].

    Raises:
        InputError: the Hessian is not finite, or nowhere curves upwards.
    """
    problems, x = at_the_end(context)
    if not bool(torch.isfinite(x).all()):
        raise InputError("its runs do not stay finite, so that there is no curvature at their end")
    values = curvatures_of(problems, x).flatten().double()
    values = values[torch.isfinite(values)].sort().values
    kept = values[values > LEAST * values[-1]] if len(values) and float(values[-1]) > 0 else values[:0]
    if not len(kept):
        raise InputError("the Hessian nowhere curves upwards at the end of its runs")
    return kept


def loop_of(context: Context, curvatures: Tensor) -> ClosedLoop:
    """The closed loop at some curvatures.

    Raises:
        InputError: there is no fixed point to look for its rest at, or the update jumps at gradient 0.
    """
    if not context.double.smooth:
        raise InputError("its update jumps at gradient 0, so that no linear system stands for it near the minimum")
    state = context.fixed_point if context.moving else context.with_counters(context.start)
    if state is None:
        raise InputError("no fixed point was found to look for the loop's rest at")
    return closed_loop(context.double, state, curvatures, context.observed.scale)


def floor_of(context: Context, gradient: float) -> float | None:
    """The median over problems of the loss at which it goes flat, above the minimum; None where the Hessian is not known."""
    if context.dimension > SMALL:
        return None
    problems, x = at_the_end(context)
    matrices = hessians(problems, x).double()
    if not bool((torch.linalg.eigvalsh(matrices) > 0).all()):
        return None
    return float(loss_floor(gradient, matrices).median())


def loop_report(context: Context, curvatures: list[float] | None = None) -> LoopReport:
    """The numbers.

    Args:
        context: the optimizer on its task.
        curvatures: λ to report; by default 60 over and around the task's.
    """
    try:
        own = task_curvatures(context)
        given = None if curvatures is None else torch.tensor(sorted(curvatures), dtype=torch.float64)
        loop = loop_of(context, _around(own) if given is None else given)
    except InputError as error:
        return LoopReport(reason=str(error), sentences=[f"There is no closed loop: {error}."])
    if not loop.rest.converged:
        reason = "the optimizer and a quadratic come to rest nowhere"
        return LoopReport(reason=reason, sentences=[f"There is no closed loop: {reason}."])
    some = own[:: max(1, len(own) // 100)]
    within = convergence_rates(context.double, loop.rest, some, context.observed.scale)
    low, high, worst = float(own[0]), float(own[-1]), float(within.max())
    report = LoopReport(
        curvatures=loop.curvatures.tolist(),
        rates=[_finite(rate) for rate in loop.rates.tolist()],
        low=low,
        high=high,
        stable_from=loop.stable_from,
        stable_to=loop.stable_to,
        worst_rate=_finite(worst),
        mean_rate=_finite(float(within.mean())),
        rest_gradient=loop.rest.gradient,
        loss_floor=floor_of(context, loop.rest.gradient) if worst < 1 else None,
        heavy_ball=best_heavy_ball(low, high),
        gradient_descent=best_gradient_descent(low, high),
        step=context.counts_to,
        along_counters=closed_loop_along(context, some),
    )
    told = [*_sentences(report), *sentences_of(context, report.along_counters, CLOSED_LOOP)]
    return report.model_copy(update={"sentences": told})


def loop_report_of_tensors(context: Context) -> LoopReport:
    """The numbers for an optimizer that sees whole tensors: on one problem, at steps of a run.

    Args:
        context: the optimizer on its task.
    """
    try:
        found = context.loops_met
    except InputError as error:
        return LoopReport(reason=str(error), sentences=[f"There is no closed loop: {error}."])
    along = [
        LoopAt(
            step=k,
            numbers=len(values),
            rate=float(values[0].abs()),
            eigenvalues=[(float(value.real), float(value.imag)) for value in values],
        )
        for k, values in zip(context.met_at, found, strict=True)
    ]
    rates = " and ".join(f"{one.rate:.6g} at step {one.step}" for one in along)
    told = (
        f"On one problem, the {along[0].numbers} numbers of parameters and state are one linear system for small changes; its spectral "
        f"radius is {rates} of a run (below 1, changes die out; above, they grow)."
    )
    return LoopReport(
        along_run=along,
        sentences=[
            told,
            "The rate over curvature, and where the loss goes flat, need a component that can be stepped alone.",
        ],
    )


def _sentences(r: LoopReport) -> list[str]:
    if r.worst_rate is None:
        return ["Its rate of convergence is not finite at some curvature of the task."]
    speed = (
        f"Near the minimum it converges by a factor of {r.worst_rate:.4g} a step at the worst of the task's curvatures "
        f"({r.low:.3g} to {r.high:.3g}), {r.mean_rate:.4g} on average; the best momentum has {r.heavy_ball:.4g}."
        if r.worst_rate < 1
        else f"Where it rests, at some of the task's curvatures ({r.low:.3g} to {r.high:.3g}) it does not converge: the factor a step is up to {r.worst_rate:.4g}."
    )
    stable = [] if r.stable_to is None else [_stable(r, r.stable_to)]
    bias = (
        ["It rests where the gradient is 0: it has no bias."]
        if not r.rest_gradient
        else [
            f"It rests at a gradient of {r.rest_gradient:.3g}, not at 0".replace("-", "−")
            + (f": its loss goes flat at {r.loss_floor:.3g}." if r.loss_floor is not None else ".")
        ]
    )
    return [speed, *stable, *bias]


def _stable(r: LoopReport, end: float) -> str:
    """Up to which curvature it converges, and where it does so again."""
    again = [x for x, rate in zip(r.curvatures, r.rates, strict=True) if x > end and rate is not None and rate < 1]
    return f"It converges up to a curvature of {end:.4g}" + (f", and again from {again[0]:.3g} on." if again else ".")


def _around(own: Tensor) -> Tensor:
    """Curvatures over and around those of the task, even on a log scale."""
    low, high = np.log10(float(own[0]) / BEYOND), np.log10(float(own[-1]) * BEYOND)
    return torch.logspace(low, high, CURVATURES, dtype=torch.float64)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def closed_loop_view(context: Context) -> Bundle:
    """Convergence rate over curvature, the task's density of curvatures, and the descent at each curvature.

    Args:
        context: the optimizer on its task.

    Returns:
        a bundle with the arrays below and the report; the arrays are missing if there is no closed loop.

    Arrays: ``curvatures`` and ``rates`` [L]; ``descent`` [L, K + 1], |x_k|/|x_0| along the autonomous path, so that the schedule counts;
    ``density`` [B] of the task's curvatures between ``edges`` [B + 1].
    """
    report = loop_report(context)
    about: dict[str, Any] = {"report": report.model_dump(mode="json"), "scale": 1.0}
    if report.reason:
        return Bundle({}, about)
    own, curvatures = task_curvatures(context), torch.tensor(report.curvatures, dtype=torch.float64)
    counts, edges = np.histogram(np.log10(own.numpy()), 24)
    rates = [np.nan if rate is None else rate for rate in report.rates]
    arrays: Arrays = {
        "curvatures": curvatures.float().numpy(),
        "rates": np.array(rates, dtype=np.float32),
        "descent": contraction_along(context.double, context.path, curvatures, context.observed.scale).float().numpy(),
        "density": (counts / counts.sum()).astype(np.float32),
        "edges": (10**edges).astype(np.float32),
    }
    return Bundle(arrays, about)
