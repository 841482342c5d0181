"""Ablations: an optimizer and its interventions on the same held-out problems."""

import torch
from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from torch import Tensor

from core.analysis.autonomous import autonomous_trajectory
from core.analysis.interventions import Frozen, Pinned, Unsaturated
from core.analysis.linearization import LinearOptimizer
from core.analysis.update_function import effective_learning_rate
from core.errors import InputError
from core.evaluation.held_out import MetaLoss, kept_steps, loss_curves, score
from core.mechanisms.context import STEPS, Context
from core.optimizers.base import Optimizer
from core.seeds import Purpose, generator

ABLATIONS_FILE = "interventions.json"  # in a run's folder, of its last snapshot
FROZEN_AT = (0, STEPS)  # steps at which the drift is frozen: the first, and the last
POINTS = 101

TITLES = {
    "whole": "unmodified",
    "linearised": "linearised at h*",
    "unsaturated": "update un-saturated",
    "frozen_start": "drift frozen at the start",
    "frozen_end": "drift frozen at the end",
    "pinned": "adaptation pinned",
}


class Ablation(BaseModel):
    """One variant on the held-out problems.

    Attributes:
        name: a key of `TITLES`; "whole" is the unmodified optimizer.
        meta_loss: mean and standard error; None if any problem diverges.
        median: of the meta-losses, None if half of the problems diverge.
        difference: paired difference of the meta-loss from the unmodified optimizer's: mean and standard error.
        diverged: problems on which any loss was not finite.
        curve: median over problems of f(x_k)/f(x_0) at ``steps``; None where half of the problems diverged.
        steps: inner steps of the curve.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    meta_loss: MetaLoss
    median: float | None
    difference: MetaLoss
    diverged: int
    curve: list[float | None]
    steps: list[int]


class Ablations(BaseModel):
    """All ablations of an optimizer.

    Attributes:
        task: name of the task.
        problems: number of held-out problems.
        seed: of the problems.
        without: interventions that were not possible, with the reasons.
        ablations: the scores; the unmodified optimizer comes first.
    """

    model_config = ConfigDict(extra="forbid")

    task: str
    problems: int
    seed: int
    without: dict[str, str]
    ablations: list[Ablation] = Field(validation_alias=AliasChoices("ablations", "earnings"))


def typical_rates(context: Context) -> Tensor:
    """Median effective learning rate over the observed components at every step, [K]."""
    states = context.observed.states[:-1]
    return effective_learning_rate(context.double, states, context.observed.scale).nanmedian(1).values


def variants(context: Context, dtype: torch.dtype = torch.float64) -> tuple[dict[str, Optimizer], dict[str, str]]:
    """The optimizer and its interventions by name in a precision, and the reasons for missing ones."""
    exact, width = context.double, context.observed.scale
    optimizer = exact if dtype is torch.float64 else context.optimizer
    made: dict[str, Optimizer] = {"whole": optimizer}
    without: dict[str, str] = {}
    try:
        made["linearised"] = LinearOptimizer(exact, context.linearized)
    except InputError as error:
        without["linearised"] = str(error)
    made["unsaturated"] = Unsaturated(optimizer, width)
    drift = autonomous_trajectory(exact, max(FROZEN_AT))
    for name, step in zip(("frozen_start", "frozen_end"), FROZEN_AT, strict=True):
        if bool(torch.isfinite(drift[step]).all()):
            made[name] = Frozen(optimizer, drift[step].to(dtype))
        else:
            without[name] = f"its state is not finite after {step} steps at gradient 0"
    made["pinned"] = Pinned(optimizer, typical_rates(context), width)
    return made, without


def ablate(context: Context, problems: int = 128, seed: int = 0, steps: int = STEPS) -> Ablations:
    """Run an optimizer with each mechanism switched off in turn, on the same held-out problems.

    Args:
        context: the optimizer on its task.
        problems: number of problems, at least 2.
        seed: of the problems.
        steps: K, the unroll length in inner steps.

    Returns:
        for each variant the meta-loss (mean over inner steps of f(x_k)/f(x_0)) and its paired difference.

    Raises:
        InputError: fewer than two problems.
    """
    if problems < 2:
        raise InputError(f"problems must be at least 2, for a standard error (got {problems})")
    dtype = torch.float32 if context.large else torch.float64
    batch = context.task.sample(problems, generator(Purpose.EVALUATE, seed), dtype)
    made, without = variants(context, dtype)
    curves = {name: loss_curves(optimizer, batch, steps) for name, optimizer in made.items()}
    whole = _meta_losses(curves["whole"])
    kept = kept_steps(steps, POINTS) or list(range(steps + 1))
    found = []
    for name, losses in curves.items():
        scored = score(losses, None, target=0.5, curve_steps=kept)
        own = _meta_losses(losses)
        found.append(
            Ablation(
                name=name,
                meta_loss=scored.meta_loss,
                median=_finite(own.median()),
                difference=_mean_and_sem(own - whole),
                diverged=scored.diverged,
                curve=scored.curve_median or [],
                steps=kept,
            )
        )
    return Ablations(task=context.task.name, problems=problems, seed=seed, without=without, ablations=found)


def _meta_losses(losses: Tensor) -> Tensor:
    """The meta-loss of each problem; infinite if it diverged."""
    own = (losses / losses[0]).mean(0)
    return torch.where(torch.isfinite(losses).all(0), own, torch.inf)


def _finite(value: Tensor) -> float | None:
    return float(value) if bool(torch.isfinite(value)) else None


def _mean_and_sem(values: Tensor) -> MetaLoss:
    if not bool(torch.isfinite(values).all()):
        return MetaLoss(mean=None, sem=None)
    return MetaLoss(mean=_finite(values.mean()), sem=_finite(values.std() / len(values) ** 0.5))
