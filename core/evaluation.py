"""Learned against tuned hand-designed optimizers on held-out problems."""

import math
from collections.abc import Mapping

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from core.errors import InputError
from core.optimizers.base import Optimizer
from core.outer.meta_loss import meta_loss
from core.seeds import Purpose, generator
from core.tasks.base import Problems, Task
from core.unroll import unroll

ROWS_AT_ONCE = 200_000  # components in one batch: bounds the memory of an unroll


class MetaLoss(BaseModel):
    """Mean over problems of the meta-loss and its standard error; None if any problem diverged."""

    mean: float | None
    sem: float | None


class FinalLoss(BaseModel):
    """f(x_K) over problems; the mean is None if any problem diverged, the median if half of them did."""

    mean: float | None
    median: float | None


class StepsToTarget(BaseModel):
    """Inner steps until f(x_k)/f(x_0) is at most the target.

    Attributes:
        median: over problems; None if at least half of them never get there.
        reached: problems that do.
    """

    median: float | None
    reached: int


class Score(BaseModel):
    """How one optimizer did.

    Attributes:
        meta_loss: mean over inner steps of f(x_k)/f(x_0), start included.
        final_loss: f(x_K).
        diverged: problems on which any loss was not finite.
        hyperparameters: of a hand-designed optimizer.
        curve_mean: mean over problems of f(x_k)/f(x_0), [K + 1]; None where a problem diverged.
        curve_sem: its standard error, [K + 1].
        steps_to_target: how fast it is.
        curve_median: median over problems of f(x_k)/f(x_0), [K + 1].
        curve_steps: inner steps of the curves' points; None for every one.
    """

    meta_loss: MetaLoss
    final_loss: FinalLoss
    diverged: int
    hyperparameters: dict[str, float] | None = None
    curve_mean: list[float | None]
    curve_sem: list[float | None]
    steps_to_target: StepsToTarget | None = None
    curve_median: list[float | None] | None = None
    curve_steps: list[int] | None = None


class Evaluation(BaseModel):
    """A held-out comparison, as kept in ``evaluation.json``.

    Attributes:
        task: name of the task.
        task_parameters: its parameters, where they differ from the defaults.
        problems: how many held-out problems.
        seed: of those problems.
        steps: K, the unroll length.
        target: the f(x_k)/f(x_0) to reach.
        outer_step: of the learned optimizer's snapshot.
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
    optimizers: dict[str, Score]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _mean_and_sem(values: Tensor) -> tuple[Tensor, Tensor]:
    """Over the last dimension."""
    return values.mean(-1), values.std(-1) / values.shape[-1] ** 0.5


def score(losses: Tensor, hyperparameters: Mapping[str, float] | None = None) -> Score:
    """Summarise f(x_k) of many problems, [K + 1, problems] with two problems or more."""
    losses = losses.double()
    mean, sem = _mean_and_sem(meta_loss(losses))
    curve_mean, curve_sem = _mean_and_sem(losses / losses[0])
    final = losses[-1]
    return Score(
        meta_loss=MetaLoss(mean=_finite(mean.item()), sem=_finite(sem.item())),
        final_loss=FinalLoss(
            mean=_finite(final.mean().item()), median=_finite(final.nan_to_num(math.inf).quantile(0.5).item())
        ),
        diverged=int((~torch.isfinite(losses)).any(0).sum()),
        hyperparameters=dict(hyperparameters) if hyperparameters is not None else None,
        curve_mean=[_finite(value) for value in curve_mean.tolist()],
        curve_sem=[_finite(value) for value in curve_sem.tolist()],
    )


def loss_curves(optimizer: Optimizer, problems: Problems, steps: int) -> Tensor:
    """f(x_k) on every problem, [K + 1, problems], in batches that bound the memory."""
    at_once = max(1, ROWS_AT_ONCE // problems.dimension)
    parts = [problems.part(i, i + at_once) for i in range(0, problems.count, at_once)]
    return torch.cat([unroll(optimizer, part, steps, record=()).losses for part in parts], dim=1)


def evaluate(
    task: Task, optimizers: Mapping[str, Optimizer], *, problems: int = 128, seed: int = 0, steps: int = 200
) -> dict[str, Tensor]:
    """Loss curves of several optimizers on the same held-out problems, each [K + 1, problems].

    Raises:
        InputError: fewer than two problems (a standard error needs two).
    """
    if problems < 2:
        raise InputError(f"problems must be at least 2, for a standard error (got {problems})")
    held_out = task.sample(problems, generator(Purpose.EVALUATE, seed))
    return {name: loss_curves(optimizer, held_out, steps) for name, optimizer in optimizers.items()}
