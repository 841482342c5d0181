"""The data of the Performance page: stored evaluations, searches and training curves. Files are read again only after a change."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.shared.catalog import TITLES, Subject, learned, some_learned
from app.shared.evaluations import evaluation_of, kept, modified
from app.shared.numbers import running_median
from core.baselines.search import SearchResult, read_draws, read_search_result
from core.errors import InputError, choose
from core.evaluation.held_out import Evaluation, Score
from core.evaluation.out_of_distribution import Generalization
from core.runs import zoo
from core.runs.run import Run


@dataclass(frozen=True)
class Curve:
    """An outer training curve.

    Attributes:
        outer_step: 1 … N, [N].
        meta_loss: of each, NaN or infinite where a problem diverged, [N].
        smooth: its running median, [N].
        skipped: outer steps that were skipped because their gradient was not finite.
    """

    outer_step: np.ndarray
    meta_loss: np.ndarray
    smooth: np.ndarray
    skipped: int


@dataclass(frozen=True)
class Results:
    """A learned optimizer and its stored results.

    Attributes:
        subject: the optimizer.
        run: its run.
        evaluation: held-out comparison on its task.
        repaired: the score of the repaired optimizer on the same problems; None if it was not evaluated on them.
        generalization: out-of-distribution results; None if there are none.
        curve: of its outer training.
        siblings: held-out comparisons of optimizers that differ from it only in the seed, by name.
    """

    subject: Subject
    run: Run
    evaluation: Evaluation
    repaired: Score | None
    generalization: Generalization | None
    curve: Curve
    siblings: Mapping[str, Evaluation]

    @property
    def scores(self) -> Evaluation:
        """The evaluation with the repaired optimizer, if there is one, beside the original."""
        if self.repaired is None:
            return self.evaluation
        learned, *others = self.evaluation.optimizers.items()
        return self.evaluation.model_copy(update={"optimizers": dict([learned, ("repaired", self.repaired), *others])})


@dataclass(frozen=True)
class Landscape:
    """A search for the hyperparameters of a hand-designed optimizer: its result and every draw, by column."""

    tuned: SearchResult
    draws: Mapping[str, np.ndarray]


@functools.lru_cache(maxsize=64)
def _curve(path: Path, stamp: tuple[int, ...]) -> Curve:
    steps = Run(path).outer_losses()
    meta_loss = np.array([step.meta_loss for step in steps], dtype=np.float64)
    return Curve(
        np.array([step.outer_step for step in steps], dtype=np.int32),
        meta_loss,
        running_median(meta_loss),
        sum(step.skipped for step in steps),
    )


def _siblings(subject: Subject, run: Run) -> dict[str, Evaluation]:
    siblings = {}
    for name, other in learned(run.config.task).items():
        if name == subject.name or other.run is None or not run.config.differs_in_seed_alone(other.run.config):
            continue
        evaluation = kept(other.run.path / "evaluation.json", Evaluation)
        if evaluation is not None:
            siblings[name] = evaluation
    return siblings


def _repaired(run: Run, evaluation: Evaluation) -> Score | None:
    """The repaired optimizer's score, if it is of the same snapshot and problems."""
    found = kept(run.path / zoo.REPAIRED_FILE, Evaluation)
    if found is None:
        return None
    same = ("outer_step", "problems", "seed", "steps")
    return found.optimizers["learned"] if all(getattr(found, n) == getattr(evaluation, n) for n in same) else None


def results_of(task: str, name: str) -> Results:
    """The results of a learned optimizer.

    Raises:
        InputError: it does not exist, it has not been evaluated, or one of its files is damaged.
    """
    subject = choose(f"learned optimizer for {task}", name, some_learned(task))
    run = subject.run
    assert run is not None
    evaluation = evaluation_of(run)
    return Results(
        subject=subject,
        run=run,
        evaluation=evaluation,
        repaired=_repaired(run, evaluation),
        generalization=kept(run.path / "out_of_distribution.json", Generalization),
        curve=outer_curve(task, name),
        siblings=_siblings(subject, run),
    )


def outer_curve(task: str, name: str) -> Curve:
    """The outer training curve of a learned optimizer."""
    run = learned(task)[name].run
    assert run is not None
    return _curve(run.path, modified(run.path / "outer_loss.csv"))


@functools.lru_cache(maxsize=64)
def _landscape(task: str, baseline: str, stamp: tuple[int, ...]) -> Landscape:
    return Landscape(read_search_result(zoo.TUNED_ROOT, task, baseline), read_draws(zoo.TUNED_ROOT, task, baseline))


def landscape(task: str, baseline: str) -> Landscape:
    """The search for a hand-designed optimizer's hyperparameters, with all draws.

    Raises:
        InputError: there was no such search, or one of its files is damaged.
    """
    folder = zoo.TUNED_ROOT / task
    if not (folder / f"{baseline}.json").exists():
        command = f"loptscope tune --task {task} --optimizer {baseline}"
        raise InputError(f"{TITLES[baseline]} has not been tuned for {task} yet ({command})")
    return _landscape(task, baseline, modified(folder / f"{baseline}.json", folder / f"{baseline}.csv"))
