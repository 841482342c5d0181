"""Compares learned optimizers with tuned hand-designed ones on held-out problems."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from core.errors import InputError
from core.interruption import Check, go_on
from core.late import torch
from core.meta_loss import relative_losses
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import HandDesigned
from core.seeds import Purpose, generator
from core.tasks import TASKS, Problems, Task
from core.tasks.bound import loss_bound
from core.unroll import unroll

if TYPE_CHECKING:
    from torch import Tensor

ROWS_AT_ONCE = 200_000  # components in one batch: bounds the memory of an unroll
STEPS = 200  # K, the unroll length of held-out comparisons and of tuning
DIGITS = 5  # significant digits of a stored curve


class MetaLoss(BaseModel):
    """Mean over problems of the meta-loss and its standard error; None if any problem diverged."""

    mean: float | None
    sem: float | None


class FinalLoss(BaseModel):
    """f(x_K) over problems; the mean is None if any problem diverged, the median if half of them did."""

    mean: float | None
    median: float | None


class StepsToTarget(BaseModel):
    """First inner step at which f(x_k)/f(x_0) is at most the target.

    Attributes:
        median: over problems; None if at least half of them never reach it.
        reached: number of problems that reach it, even if their loss rises again later.
    """

    median: float | None
    reached: int


class Score(BaseModel):
    """The score of one optimizer.

    Attributes:
        meta_loss: mean over inner steps of f(x_k)/f(x_0), start included.
        final_loss: f(x_K).
        diverged: problems on which any loss was not finite.
        left_out: problems that start at the minimum, so that nothing is relative to their first loss.
        hyperparameters: of a hand-designed optimizer.
        curve_mean: mean over problems of f(x_k)/f(x_0), [K + 1]; None where a problem diverged.
        curve_sem: its standard error, [K + 1].
        steps_to_target: inner steps to the target.
        curve_median: median over problems of f(x_k)/f(x_0), [K + 1].
        curve_steps: inner steps of the curves' points; None for all steps.
    """

    meta_loss: MetaLoss
    final_loss: FinalLoss
    diverged: int
    left_out: int = 0
    hyperparameters: dict[str, float] | None = None
    curve_mean: list[float | None]
    curve_sem: list[float | None]
    steps_to_target: StepsToTarget | None = None
    curve_median: list[float | None] | None = None
    curve_steps: list[int] | None = None


class Evaluation(BaseModel):
    """A held-out comparison, stored in ``evaluation.json``.

    Attributes:
        task: name of the task.
        task_parameters: its parameters that differ from the defaults.
        problems: number of held-out problems.
        seed: of those problems.
        steps: K, the unroll length.
        target: the f(x_k)/f(x_0) to reach.
        outer_step: of the learned optimizer's snapshot.
        bound: what losses are measured above, where that is not 0.
        optimizers: scores by name, the learned one under "learned".
    """

    model_config = ConfigDict(extra="forbid")

    task: str
    task_parameters: dict[str, object] = {}
    problems: int
    seed: int
    steps: int
    target: float | None = None
    outer_step: int | None = None
    bound: float | None = None
    optimizers: dict[str, Score]


def target_of(task: str) -> float:
    """The default target f(x_k)/f(x_0) of a task."""
    return TASKS[task].target if task in TASKS else Task.target


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _curve(values: Tensor) -> list[float | None]:
    return [_finite(float(f"{value:.{DIGITS}g}")) for value in values.tolist()]


def _mean_and_sem(values: Tensor) -> tuple[Tensor, Tensor]:
    """Over the last dimension."""
    return values.mean(-1), values.std(-1) / values.shape[-1] ** 0.5


def _median(values: Tensor) -> Tensor:
    """Over the last dimension; non-finite values count as infinite."""
    ordered = values.where(torch.isfinite(values), math.inf).sort(-1).values
    count = values.shape[-1]
    return (ordered[..., (count - 1) // 2] + ordered[..., count // 2]) / 2


def steps_to_target(relative: Tensor, target: float) -> StepsToTarget:
    """The first inner step at which f(x_k)/f(x_0), [K + 1, problems], reaches a target."""
    there = relative <= target  # False for NaN
    first = torch.where(there.any(0), there.int().argmax(0).double(), math.inf)
    return StepsToTarget(median=_finite(_median(first).item()), reached=int(there.any(0).sum()))


def kept_steps(steps: int, points: int) -> list[int] | None:
    """At most ``points`` inner steps, evenly spread over 0 … steps; None if all steps fit."""
    if steps < points:
        return None
    return [round(steps * i / (points - 1)) for i in range(points)]


def score(
    losses: Tensor,
    hyperparameters: Mapping[str, float] | None = None,
    *,
    target: float = Task.target,
    curve_steps: Sequence[int] | None = None,
    bound: float = 0.0,
) -> Score:
    """Summarise f(x_k) of many problems.

    Args:
        losses: [K + 1, problems], at least two problems.
        hyperparameters: stored with the score.
        target: the f(x_k)/f(x_0) to reach.
        curve_steps: inner steps at which curves are stored; by default all.
        bound: of the task's loss; losses are compared above it. Problems that start at it are left out of what is relative.
    """
    losses = losses.double()
    relative = relative_losses(losses, bound)
    startable = ~(losses[0] <= bound)
    relative = relative[:, startable] if bool(startable.any()) else relative
    mean, sem = _mean_and_sem(relative.mean(0))
    drawn = relative if curve_steps is None else relative[list(curve_steps)]
    curve_mean, curve_sem = _mean_and_sem(drawn)
    final = losses[-1]
    return Score(
        meta_loss=MetaLoss(mean=_finite(mean.item()), sem=_finite(sem.item())),
        final_loss=FinalLoss(mean=_finite(final.mean().item()), median=_finite(_median(final).item())),
        diverged=int((~torch.isfinite(losses)).any(0).sum()),
        left_out=int((~startable).sum()),
        hyperparameters=dict(hyperparameters) if hyperparameters is not None else None,
        curve_mean=_curve(curve_mean),
        curve_sem=_curve(curve_sem),
        steps_to_target=steps_to_target(relative, target),
        curve_median=_curve(_median(drawn)),
        curve_steps=list(curve_steps) if curve_steps is not None else None,
    )


def loss_curves(
    optimizer: Optimizer,
    problems: Problems,
    steps: int,
    device: torch.device | None = None,
    check: Check = go_on,
) -> Tensor:
    """f(x_k) on every problem, [K + 1, problems], in batches that bound the memory.

    Args:
        optimizer: any optimizer.
        problems: the batch.
        steps: K.
        device: where to compute; by default the CPU, as for optimizers that compute there only.
        check: called at every inner step; what it raises ends the computation.
    """
    if device is not None:
        from core.optimizers.placing import optimizer_on
        from core.tasks.placing import problems_on

        placed = optimizer_on(optimizer, device)
        if placed is not None:
            optimizer, problems = placed, problems_on(problems, device)
    at_once = max(1, ROWS_AT_ONCE // problems.dimension)
    parts = [problems.part(i, i + at_once) for i in range(0, problems.count, at_once)]
    return torch.cat([unroll(optimizer, part, steps, record=(), check=check).losses for part in parts], dim=1).cpu()


def evaluate(
    task: Task,
    optimizers: Mapping[str, Optimizer],
    *,
    problems: int = 128,
    seed: int = 0,
    steps: int = STEPS,
    device: torch.device | None = None,
) -> dict[str, Tensor]:
    """Loss curves of several optimizers on the same held-out problems.

    Args:
        task: the task of the problems.
        optimizers: by name.
        problems: number of problems, at least 2.
        seed: of the problems.
        steps: K, the unroll length in inner steps.
        device: as for `loss_curves`.

    Returns:
        f(x_k) by the optimizer's name, [K + 1, problems] each.

    Raises:
        InputError: fewer than two problems (a standard error needs two).
    """
    if problems < 2:
        raise InputError(f"problems must be at least 2, for a standard error (got {problems})")
    held_out = task.sample(problems, generator(Purpose.EVALUATE, seed))
    return {name: loss_curves(optimizer, held_out, steps, device) for name, optimizer in optimizers.items()}


def _noted(optimizer: Optimizer) -> dict[str, float] | None:
    if not isinstance(optimizer, HandDesigned):
        return None
    return {name: float(value) for name, value in optimizer.hyperparameters().items()}


def compare(
    task: Task,
    optimizers: Mapping[str, Optimizer],
    *,
    problems: int = 128,
    seed: int = 0,
    steps: int = STEPS,
    target: float | None = None,
    points: int = 201,
    outer_step: int | None = None,
    device: torch.device | None = None,
) -> Evaluation:
    """Score several optimizers on the same held-out problems.

    Args:
        task: the task of the problems.
        optimizers: by name; the learned one as "learned".
        problems: number of problems, at least 2.
        seed: of the problems.
        steps: K, the unroll length in inner steps.
        target: the f(x_k)/f(x_0) to reach, between 0 and 1; by default the task's.
        points: maximum number of points of a stored curve.
        outer_step: of the learned optimizer's snapshot; stored with the result.
        device: as for `loss_curves`.

    Returns:
        the scores by name: meta-loss (mean over inner steps of f(x_k)/f(x_0), k = 0 … K), final loss, steps to the target,
        divergences and curves.

    Raises:
        InputError: fewer than two problems, or a target that is not between 0 and 1.
    """
    aim = target_of(task.name) if target is None else target
    if not 0 < aim < 1:
        raise InputError(f"target must be above 0 and below 1, relative to the first loss (got {aim})")
    curves = evaluate(task, optimizers, problems=problems, seed=seed, steps=steps, device=device)
    kept, bound = kept_steps(steps, points), loss_bound(task)
    return Evaluation(
        task=task.name,
        task_parameters=task.model_dump(mode="json", exclude_defaults=True),
        problems=problems,
        seed=seed,
        steps=steps,
        target=aim,
        outer_step=outer_step,
        bound=bound or None,
        optimizers={
            name: score(losses, _noted(optimizers[name]), target=aim, curve_steps=kept, bound=bound)
            for name, losses in curves.items()
        },
    )
