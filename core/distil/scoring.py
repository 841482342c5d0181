"""Trained formulas on held-out problems, and the share of a learned optimizer's advantage that they keep."""

import math
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.distil.compiled import losses_of
from core.distil.result import FormulaReport, Number, Rung, Shift
from core.distil.shares import Bootstrap, share
from core.distil.trainings import Kept
from core.errors import InputError
from core.evaluation.held_out import STEPS, MetaLoss, loss_curves
from core.evaluation.out_of_distribution import plans
from core.meta_loss import meta_loss
from core.optimizers.base import Optimizer
from core.optimizers.formula import Formula
from core.outer.kernels.small import known
from core.runs import zoo
from core.runs.run import Run
from core.seeds import Purpose, generator
from core.tasks import Problems, Task, is_large, make_task


def held_out(task: Task, count: int, seed: int) -> tuple[Problems, Problems]:
    """The held-out problems in float32, and the same ones as formulas are run on them."""
    plain = task.sample(count, generator(Purpose.EVALUATE, seed))
    exact = task.sample(count, generator(Purpose.EVALUATE, seed), torch.float64)
    return plain, exact if known(exact, np.dtype(np.float64)) is not None else plain


def mean_of(losses: Tensor | np.ndarray) -> MetaLoss:
    """Mean meta-loss and standard error over the last dimension, from [problems] or from [seeds, problems]."""
    values = torch.as_tensor(losses).double()
    values = values.mean(0) if values.dim() == 2 else values
    if not bool(torch.isfinite(values).all()):
        return MetaLoss(mean=None, sem=None)
    return MetaLoss(mean=float(values.mean()), sem=float(values.std() / len(values) ** 0.5))


def scores_of(
    kept: dict[tuple[str, ...], list[Kept]], problems: Problems, workers: int
) -> dict[tuple[str, ...], np.ndarray]:
    """Meta-losses of trained formulas by their mechanisms, each [seeds, problems]."""

    def score(one: Kept) -> Tensor:
        return meta_loss(losses_of(Formula(one.structure.structure(), one.values), problems, STEPS))

    with ThreadPoolExecutor(workers) as pool:
        scores = pool.map(score, [one for ones in kept.values() for one in ones])
        return {key: torch.stack([next(scores) for _ in ones]).numpy() for key, ones in kept.items()}


@dataclass(frozen=True)
class Comparison:
    """The held-out problems, and what shares of an advantage are measured between.

    Attributes:
        problems: as formulas are run on them.
        learned: meta-losses of the learned optimizer, [problems].
        best_name: the best tuned hand-designed optimizer.
        best: its meta-losses, [problems].
    """

    problems: Problems
    learned: np.ndarray
    best_name: str
    best: np.ndarray

    @classmethod
    def of(cls, run: Run, count: int, seed: int, workers: int) -> "Comparison":
        """Run the learned optimizer and the tuned ones on the held-out problems.

        Args:
            run: the learned optimizer's.
            count: number of problems.
            seed: of the problems.
            workers: threads.

        Raises:
            InputError: no hand-designed optimizer is tuned for the run's task, or the learned one does not beat any of them.
        """
        task = make_task(run.config.task)
        plain, exact = held_out(task, count, seed)
        learned = meta_loss(loss_curves(run.optimizer(), plain, STEPS).double()).numpy()
        name, best = best_tuned(task.name, plain, workers)
        if not np.isfinite(learned).all() or learned.mean() >= best.mean():
            raise InputError(
                f"{run.name} has no advantage to explain: its mean meta-loss on held-out problems is {learned.mean():.4g}, that of tuned "
                f"{name} {best.mean():.4g}"
            )
        return cls(exact, learned, name, best)

    def rung(
        self,
        mechanisms: tuple[str, ...],
        kept: list[Kept],
        losses: np.ndarray,
        r2: float | None = None,
        budget: int | None = None,
    ) -> Rung:
        """One rung of the ladder.

        Args:
            mechanisms: that its formula has.
            kept: its trainings, one for each outer seed.
            losses: their held-out meta-losses, [seeds, problems].
            r2: of the same formula's imitation.
            budget: outer steps of the trainings, where they differ from those of other rungs.
        """
        trained = [one.training_loss for one in kept]
        finite = [value for value in trained if value is not None]
        seeds, problems = losses.shape
        chosen = losses[[chosen_of(kept)]]
        return Rung(
            mechanisms=list(mechanisms),
            numbers=len(kept[0].values),
            budget=budget,
            meta_loss=mean_of(losses),
            by_seed=[mean_of(row).mean for row in losses],
            numbers_by_seed=[one.values for one in kept],
            share=share(losses, self.best, self.learned, Bootstrap(problems, seeds)),
            chosen=share(chosen, self.best, self.learned, Bootstrap(problems, 1)),
            training_loss=sum(finite) / len(finite) if len(finite) == len(trained) else None,
            r2=r2,
            diverged=sum(one.diverged for one in kept),
            skipped=sum(one.skipped for one in kept),
            seconds=round(sum(one.seconds for one in kept), 1),
            formula=formula_report(list(mechanisms), kept),
        )


def best_tuned(task: str, problems: Problems, workers: int, steps: int = STEPS) -> tuple[str, np.ndarray]:
    """The tuned hand-designed optimizer with the lowest mean meta-loss on the problems, and its meta-losses."""
    tuned: dict[str, Optimizer] = zoo.baselines(task)
    with ThreadPoolExecutor(workers) as pool:
        curves = pool.map(lambda one: loss_curves(one, problems, steps), tuned.values())
        scores = {name: meta_loss(losses.double()).numpy() for name, losses in zip(tuned, curves, strict=True)}
    finite = {name: float(values.mean()) for name, values in scores.items() if np.isfinite(values).all()}
    if not finite:
        raise InputError(
            f"no hand-designed optimizer is tuned for {task}: run loptscope tune --task {task} --optimizer all first"
        )
    best = min(finite, key=lambda name: finite[name])
    return best, scores[best]


def chosen_of(kept: list[Kept]) -> int:
    """Which of the trainings of all seeds has the lowest training loss."""
    trained = [math.inf if one.training_loss is None else one.training_loss for one in kept]
    return trained.index(min(trained))


def lowest(rungs: Iterable[Rung]) -> Rung:
    """The rung with the lowest training loss."""
    return min(rungs, key=lambda rung: math.inf if rung.training_loss is None else rung.training_loss)


def formula_report(mechanisms: list[str], kept: list[Kept]) -> FormulaReport:
    """The formula of the seed with the lowest training loss, and the range of its numbers over seeds."""
    best = kept[chosen_of(kept)]
    numbers = {
        name: Number(
            value=value,
            low=min(one.values[name] for one in kept),
            high=max(one.values[name] for one in kept),
        )
        for name, value in best.values.items()
    }
    return FormulaReport(mechanisms=mechanisms, structure=best.structure, parameters=numbers, seed=best.seed)


def shifts_of(run: Run, formula: Formula, problems: int, seed: int, workers: int = 1) -> list[Shift]:
    """The conditions out of distribution whose problems are small: learned optimizer, formula, and the tuned one that is best there.

    Args:
        run: the learned optimizer's.
        formula: the formula.
        problems: number of problems under each condition.
        seed: of those.
        workers: threads.
    """
    rows = []
    for plan in plans(run.config.task):
        if is_large(plan.task):
            continue
        plain, exact = held_out(plan.task, problems, seed)
        try:
            name, best = best_tuned(run.config.task, plain, workers, plan.steps)
            tuned = mean_of(best)
        except InputError:  # each of them diverges
            name, tuned = "", MetaLoss(mean=None, sem=None)
        learned = mean_of(meta_loss(loss_curves(run.optimizer(), plain, plan.steps).double()))
        ours = mean_of(meta_loss(losses_of(formula, exact, plan.steps).double()))
        rows.append(
            Shift(name=plan.name, group=plan.group, learned=learned, formula=ours, best_tuned=tuned, best_name=name)
        )
    return rows
