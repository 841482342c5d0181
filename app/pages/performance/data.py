"""What the Performance page shows: the kept evaluations, searches and training curves of the zoo, read once a change."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel

from app.shared.catalog import TITLES, Subject, subjects
from core.baselines.search import SearchResult, read_draws, read_search_result
from core.errors import InputError
from core.evaluation.held_out import Evaluation
from core.evaluation.out_of_distribution import Generalization
from core.files.atomic import read_json
from core.runs import zoo
from core.runs.run import Run

Model = TypeVar("Model", bound=BaseModel)


WINDOW = 0.12  # the running median spans this share of the outer step, before and after


@dataclass(frozen=True)
class Curve:
    """An outer training curve.

    Attributes:
        outer_step: 1 … N, [N].
        meta_loss: of each, NaN or infinite where a problem diverged, [N].
        smooth: its running median, [N].
        skipped: outer steps left out because their gradient was not finite.
    """

    outer_step: np.ndarray
    meta_loss: np.ndarray
    smooth: np.ndarray
    skipped: int


@dataclass(frozen=True)
class Results:
    """A learned optimizer and everything that is known of how well it does.

    Attributes:
        subject: the optimizer.
        run: its run.
        evaluation: held-out comparison on its task.
        generalization: out-of-distribution results, if there are any.
        curve: of its outer training.
        siblings: held-out comparisons of optimizers that differ from it in nothing but the seed, by name.
    """

    subject: Subject
    run: Run
    evaluation: Evaluation
    generalization: Generalization | None
    curve: Curve
    siblings: Mapping[str, Evaluation]


@dataclass(frozen=True)
class Landscape:
    """A search for the hyperparameters of a hand-designed optimizer: its outcome and every draw, by column."""

    tuned: SearchResult
    draws: Mapping[str, np.ndarray]


def learned(task: str) -> dict[str, Subject]:
    """The learned optimizers of a task by name, the default first.

    Raises:
        InputError: unknown task.
    """
    return {name: subject for name, subject in subjects(task).items() if subject.run is not None}


def _stamp(*paths: Path) -> tuple[int, ...]:
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)


@functools.lru_cache(maxsize=64)
def _read(path: Path, schema: type[Any], stamp: tuple[int, ...]) -> Any:
    return read_json(path, schema)


def _kept(path: Path, schema: type[Model]) -> Model | None:
    if not path.exists():
        return None
    found: Model = _read(path, schema, _stamp(path))
    return found


def running_median(values: np.ndarray) -> np.ndarray:
    """[N] -> [N]: median over a window that grows with the position; what is not finite counts as infinite."""
    worst = np.where(np.isfinite(values), values, np.inf)
    reach = (WINDOW * np.arange(len(values))).astype(int)
    return np.array([np.median(worst[max(0, i - r) : i + r + 1]) for i, r in enumerate(reach)])


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


def evaluation_of(run: Run) -> Evaluation:
    """The kept held-out comparison of a run.

    Raises:
        InputError: there is none, or it is damaged.
    """
    found = _kept(run.path / "evaluation.json", Evaluation)
    if found is None:
        raise InputError(f"{run.name} has not been evaluated yet (loptscope evaluate --run {run.name} --save)")
    return found


def _siblings(subject: Subject, run: Run) -> dict[str, Evaluation]:
    alike = {"seed": run.config.seed}
    found = {}
    for name, other in learned(run.config.task).items():
        if name == subject.name or other.run is None or other.run.config.model_copy(update=alike) != run.config:
            continue
        kept = _kept(other.run.path / "evaluation.json", Evaluation)
        if kept is not None:
            found[name] = kept
    return found


def results_of(task: str, name: str) -> Results:
    """Everything known of a learned optimizer.

    Raises:
        InputError: it has not been evaluated, or a file of it is damaged.
    """
    subject = learned(task)[name]
    run = subject.run
    assert run is not None
    return Results(
        subject=subject,
        run=run,
        evaluation=evaluation_of(run),
        generalization=_kept(run.path / "out_of_distribution.json", Generalization),
        curve=outer_curve(task, name),
        siblings=_siblings(subject, run),
    )


def outer_curve(task: str, name: str) -> Curve:
    """The outer training curve of a learned optimizer."""
    run = learned(task)[name].run
    assert run is not None
    return _curve(run.path, _stamp(run.path / "outer_loss.csv"))


@functools.lru_cache(maxsize=64)
def _landscape(task: str, baseline: str, stamp: tuple[int, ...]) -> Landscape:
    return Landscape(read_search_result(zoo.TUNED_ROOT, task, baseline), read_draws(zoo.TUNED_ROOT, task, baseline))


def landscape(task: str, baseline: str) -> Landscape:
    """All draws of the search for a hand-designed optimizer's hyperparameters.

    Raises:
        InputError: there was no such search, or a file of it is damaged.
    """
    place = zoo.TUNED_ROOT / task
    if not (place / f"{baseline}.json").exists():
        command = f"loptscope tune --task {task} --optimizer {baseline}"
        raise InputError(f"{TITLES[baseline]} has not been tuned for {task} yet ({command})")
    return _landscape(task, baseline, _stamp(place / f"{baseline}.json", place / f"{baseline}.csv"))
