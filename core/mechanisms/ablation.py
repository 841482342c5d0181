"""Ablations: an optimizer and its interventions on the same held-out problems."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from core.analysis.interventions import Frozen, Memoryless, Pinned, Repaired, Undecayed, Unsaturated
from core.analysis.linearization import LinearOptimizer
from core.analysis.update_function import effective_learning_rate
from core.errors import InputError
from core.evaluation.held_out import MetaLoss, kept_steps, loss_curves, score
from core.late import torch
from core.mechanisms.context import STEPS, Context
from core.mechanisms.measures import Name, no_answer
from core.meta_loss import meta_loss
from core.optimizers.base import Optimizer
from core.seeds import Purpose, generator
from core.tasks.bound import loss_bound

if TYPE_CHECKING:
    from torch import Tensor

ABLATIONS_FILE = "interventions.json"  # in a run's folder, of its last snapshot
FROZEN_AT = (0, STEPS)  # steps at which the drift is frozen: the first, and the last
POINTS = 101
PROBLEMS, LARGE_PROBLEMS = 128, 16  # held-out problems of small tasks, and of large ones: the same for every optimizer
RESAMPLES = 2000
INTERVAL = (2.5, 97.5)  # percentiles
SLIGHT = 1e-3  # a ratio within this of 1 is no change: rounding differs between two ways of computing the same

TITLES = {
    "whole": "unmodified",
    "linearised": "linearised at h*",
    "memoryless": "without memory",
    "unsaturated": "update un-saturated",
    "frozen_start": "drift frozen at the start",
    "frozen_end": "drift frozen at the end",
    "pinned": "adaptation pinned",
    "undecayed": "weight decay off",
    "repaired": "bias repaired",
}
SWITCHED_OFF: dict[Name, tuple[str, ...]] = {  # the ablations that switch a mechanism off
    "momentum": ("memoryless",),
    "clipping": ("unsaturated",),
    "schedule": ("frozen_start", "frozen_end"),
    "adaptation": ("pinned",),
    "weight_decay": ("undecayed",),
}


class Ratio(BaseModel):
    """A meta-loss over that of the whole optimizer, problem by problem: the one statistic of ablations.

    Attributes:
        median: over the problems that the whole optimizer does not diverge on; None where half of the ratios are infinite.
        low, high: its 95 % interval, bootstrapped over problems; None where that end is infinite.
        problems: how many problems it is over.
    """

    model_config = ConfigDict(extra="forbid")

    median: float | None
    low: float | None
    high: float | None
    problems: int

    @property
    def changes(self) -> bool:
        """Whether the interval lies beyond 1, by more than rounding."""
        above = self.low is None or self.low > 1 + SLIGHT
        below = self.high is not None and self.high < 1 - SLIGHT
        return above or below


class Ablation(BaseModel):
    """One variant on the held-out problems.

    Attributes:
        name: a key of `TITLES`; "whole" is the unmodified optimizer.
        meta_loss: mean and standard error; None if any problem diverges.
        median: of the meta-losses, None if half of the problems diverge.
        ratio: to the whole optimizer's meta-loss; None in files of earlier versions.
        difference: from the whole optimizer's meta-loss, mean and standard error: in files of earlier versions.
        diverged: problems on which any loss was not finite.
        curve: median over problems of f(x_k)/f(x_0) at ``steps``; None where half of the problems diverged.
        steps: inner steps of the curve.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    meta_loss: MetaLoss
    median: float | None
    ratio: Ratio | None = None
    difference: MetaLoss | None = None
    diverged: int
    curve: list[float | None]
    steps: list[int]


class Ablations(BaseModel):
    """All ablations of an optimizer.

    Attributes:
        task: name of the task.
        problems: number of held-out problems.
        seed: of the problems.
        without: ablations that were not possible, with the reasons.
        ablations: the scores; the unmodified optimizer comes first.
    """

    model_config = ConfigDict(extra="forbid")

    task: str
    problems: int
    seed: int
    without: dict[str, str]
    ablations: list[Ablation] = Field(validation_alias=AliasChoices("ablations", "earnings"))

    def of(self, name: str) -> Ablation | None:
        """The variant of that name, if it was run."""
        return next((ablation for ablation in self.ablations if ablation.name == name), None)


def _distance(ratio: Ratio) -> float:
    """How far a ratio is from 1, by its nearer end: 0 where the interval holds 1."""
    low = float("inf") if ratio.low is None else ratio.low
    high = float("inf") if ratio.high is None else ratio.high
    if low > 1:
        return low
    return 1 / high if high < 1 else 0.0


def decisive(ablations: Ablations, name: Name) -> tuple[Ablation, Ratio] | None:
    """Of the ablations that switch a mechanism off, the one whose ratio is nearest to 1, and that ratio; None if none was run."""
    variants = [ablations.of(variant) for variant in SWITCHED_OFF[name]]
    run = [(variant, variant.ratio) for variant in variants if variant is not None and variant.ratio is not None]
    return min(run, key=lambda pair: _distance(pair[1]), default=None)


def consequence(ablations: Ablations, name: Name) -> Ratio | None:
    """What switching a mechanism off does: the ratio of the decisive ablation; None if none was run."""
    found = decisive(ablations, name)
    return None if found is None else found[1]


def problems_for(context: Context) -> int:
    """On how many held-out problems ablations of a task are run, unless another number is asked for."""
    if context.sees_tensors:
        from core.mechanisms.tensor_variants import LARGE_PROBLEMS as LARGE_WHOLE
        from core.mechanisms.tensor_variants import PROBLEMS as WHOLE

        return LARGE_WHOLE if context.large else WHOLE
    return LARGE_PROBLEMS if context.large else PROBLEMS


def typical_rates(context: Context) -> Tensor:
    """Median effective learning rate over the observed components at every step, [K]."""
    states = context.observed.states[:-1]
    return effective_learning_rate(context.double, states, context.observed.scale).nanmedian(1).values


def variants(context: Context, dtype: torch.dtype) -> tuple[dict[str, Optimizer], dict[str, str]]:
    """The optimizer and its ablations by name, to be run in a precision, and why some are missing."""
    exact, width = context.double, context.observed.scale
    optimizer = exact if dtype is torch.float64 else context.optimizer
    made: dict[str, Optimizer] = {"whole": optimizer}
    without: dict[str, str] = {}
    try:
        made["linearised"] = LinearOptimizer(exact, context.linearized)
    except InputError as error:
        without["linearised"] = str(error)
    try:
        made["memoryless"] = Memoryless(optimizer, context.path.to(dtype), memory_gain(context))
    except InputError as error:
        without["memoryless"] = str(error)
    made["unsaturated"] = Unsaturated(optimizer, width)
    for name, step in zip(("frozen_start", "frozen_end"), FROZEN_AT, strict=True):
        if bool(torch.isfinite(context.path[step]).all()):
            made[name] = Frozen(optimizer, context.path[step].to(dtype))
        else:
            without[name] = f"its state is not finite after {step} steps at gradient 0"
    made["pinned"] = Pinned(optimizer, typical_rates(context), width)
    if "parameter" in optimizer.reads:
        made["undecayed"] = Undecayed(optimizer)
    if context.loop_rest is None:
        without["repaired"] = "no fixed point was found to look for its bias at"
    elif not context.loop_rest.converged:
        without["repaired"] = "the closed loop was not found to rest anywhere"
    else:
        made["repaired"] = Repaired(optimizer, context.loop_rest.gradient)
    return made, without


def memory_gain(context: Context) -> float:
    """Σ K / K(0): how much stronger a gradient acts in the long run than at once.

    Raises:
        InputError: the memory kernel cannot be told.
    """
    kernel = context.kernel
    if kernel.memory is None:
        raise InputError(no_answer(context))
    now, later = float(kernel.values[0]), float(kernel.values.sum())
    return later / now if now != 0 else float(np.sign(later) or 1.0) * np.inf


def ablate(
    context: Context,
    problems: int | None = None,
    seed: int = 0,
    steps: int = STEPS,
    only: Collection[str] | None = None,
) -> Ablations:
    """Run an optimizer with each mechanism switched off in turn, on the same held-out problems.

    Args:
        context: the optimizer on its task.
        problems: number of problems, at least 2; by default as many as every optimizer of a task is compared on (`problems_for`).
        seed: of the problems.
        steps: K, the unroll length in inner steps.
        only: names of the ablations that are run; by default all.

    Returns:
        for each variant the meta-loss (mean over inner steps of f(x_k)/f(x_0)) and its paired difference.

    Raises:
        InputError: fewer than two problems.
    """
    from core.mechanisms.tensor_variants import variants_of_tensors

    count = problems_for(context) if problems is None else problems
    if count < 2:
        raise InputError(f"problems must be at least 2, for an interval (got {count})")
    dtype = torch.float32 if context.large else torch.float64
    batch = context.task.sample(count, generator(Purpose.EVALUATE, seed), dtype)
    made, without = variants_of_tensors(context, only) if context.sees_tensors else variants(context, dtype)
    if only is not None:
        made = {name: optimizer for name, optimizer in made.items() if name == "whole" or name in only}
    bound = loss_bound(context.task)
    kept = kept_steps(steps, POINTS) or list(range(steps + 1))
    ablations: list[Ablation] = []
    whole = torch.empty(0)
    for name, optimizer in made.items():
        losses = loss_curves(optimizer, batch, steps)
        own = meta_losses(losses, bound)
        whole = own if name == "whole" else whole
        scored = score(losses, None, target=0.5, curve_steps=kept, bound=bound)
        ablations.append(
            Ablation(
                name=name,
                meta_loss=scored.meta_loss,
                median=_finite(float(own.nanmedian())),
                ratio=ratio_of(own, whole, seed),
                diverged=scored.diverged,
                curve=scored.curve_median or [],
                steps=kept,
            )
        )
    return Ablations(task=context.task.name, problems=count, seed=seed, without=without, ablations=ablations)


def meta_losses(losses: Tensor, bound: float = 0.0) -> Tensor:
    """Meta-loss of each problem, [K + 1, problems] -> [problems]; infinite where it diverged, NaN where it starts at the bound."""
    own = meta_loss(losses, bound)
    return torch.where(torch.isfinite(losses).all(0), own, torch.inf).double()


def ratio_of(own: Tensor, whole: Tensor, seed: int = 0) -> Ratio:
    """The median ratio of paired meta-losses [problems] and its bootstrapped interval."""
    kept = torch.isfinite(whole)
    if not bool(kept.any()):
        return Ratio(median=None, low=None, high=None, problems=0)
    ratios = (own[kept] / whole[kept]).numpy()
    draws = np.random.default_rng(seed).integers(len(ratios), size=(RESAMPLES, len(ratios)))
    medians = np.sort(_median(ratios[draws]))
    low, high = (medians[int(share / 100 * (RESAMPLES - 1))] for share in INTERVAL)
    return Ratio(
        median=_finite(float(_median(ratios[None])[0])), low=_finite(low), high=_finite(high), problems=len(ratios)
    )


def _median(values: np.ndarray) -> np.ndarray:
    """Over the last axis; the lower one of the two in the middle, so that infinite values do not mix with finite ones."""
    middle = (values.shape[-1] - 1) // 2
    return np.partition(values, middle, axis=-1)[..., middle]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
