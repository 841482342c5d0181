"""Trainings of formulas by structure and outer seed, kept on disk as they finish."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel

from core.distil.imitation import Lesson, lesson_of
from core.distil.reading import Reading, read_off
from core.distil.result import Parts
from core.distil.starts import extended, sizes_of, starts_for
from core.distil.training import Budget, Trained, budget_for, train
from core.errors import TrainingError
from core.files.atomic import read_json, write_json
from core.mechanisms.context import Context
from core.optimizers.formula import FOUR, Formula, Structure
from core.runs.run import Run
from core.tasks import Task, lighter_parameters, make_task

Known = Mapping[tuple[Structure, int], dict[str, float]]


class Kept(BaseModel):
    """One finished training, as it is stored for resuming."""

    structure: Parts
    seed: int
    values: dict[str, float]
    training_loss: float | None
    diverged: int
    skipped: int
    seconds: float


class Progress(BaseModel):
    """The trainings of an unfinished distillation."""

    outer_step: int
    budget: int
    done: list[Kept] = []


@dataclass(frozen=True)
class Setting:
    """What all trainings of one distillation share."""

    run: Run
    task: Task
    trained_on: Task
    context: Context
    lesson: Lesson
    budget: Budget
    seeds: list[int]
    report: Callable[[int, int], None]
    workers: int

    @classmethod
    def of(
        cls, run: Run, budget: Budget | None, seeds: int, workers: int, report: Callable[[int, int], None]
    ) -> "Setting":
        """For a run's last snapshot; without a budget, with what suits the task."""
        task = make_task(run.config.task)
        optimizer = run.optimizer()
        return cls(
            run=run,
            task=task,
            trained_on=make_task(task.name, dict(lighter_parameters(task.name))),
            context=Context(optimizer, task),
            lesson=lesson_of(optimizer, task),
            budget=budget or budget_for(task),
            seeds=list(range(seeds)),
            report=report,
            workers=workers,
        )

    def reading(self, structure: Structure) -> Reading:
        """What the instruments say of the four mechanisms, for formulas of a structure's kind."""
        return read_off(self.context, structure.only(FOUR))


class Trainings:
    """Trainings by structure and seed, kept on disk as they finish.

    Args:
        setting: what they share.
        planned: how many there will be.
        path: where they are kept.
        known: numbers from which the training of a structure with a seed starts, too.
    """

    def __init__(self, setting: Setting, planned: int, path: Path, known: Known = MappingProxyType({})):
        self.setting, self.planned, self.path, self.known = setting, planned, path, known
        self.progress = Progress(outer_step=setting.run.snapshots()[-1], budget=setting.budget.outer_steps)
        if self.path.exists():
            kept = read_json(self.path, Progress)
            if (kept.outer_step, kept.budget) == (self.progress.outer_step, self.progress.budget):
                self.progress = kept
        self.done = {(one.structure.structure(), one.seed): one for one in self.progress.done}

    def of(self, wanted: Iterable[Structure], readings: dict[str, Reading]) -> dict[tuple[Structure, int], Kept]:
        """The trainings of some structures with every seed, those with few mechanisms first: those on disk, and the others now."""
        levels: dict[int, list[Structure]] = {}
        for structure in wanted:
            levels.setdefault(len(structure.mechanisms), []).append(structure)
        pairs = []
        for _, structures in sorted(levels.items()):
            level = [(structure, seed) for structure in structures for seed in self.setting.seeds]
            self._train([pair for pair in level if pair not in self.done], readings)
            pairs += level
        return {pair: self.done[pair] for pair in pairs}

    def _train(self, missing: list[tuple[Structure, int]], readings: dict[str, Reading]) -> None:
        """Train one level of the ladder, and keep each result as it comes."""
        self.setting.report(len(self.done), self.planned)
        with ThreadPoolExecutor(self.setting.workers) as pool:
            jobs = [pool.submit(self._one, *pair, readings[pair[0].clipping], self._below(*pair)) for pair in missing]
            for pair, job in zip(missing, jobs, strict=True):
                self.done[pair] = job.result()
                self.progress.done.append(self.done[pair])
                write_json(self.path, self.progress)
                self.setting.report(len(self.done), self.planned)

    def _below(self, structure: Structure, seed: int) -> Kept | None:
        """The best training, by its training loss, of the same seed with one mechanism less."""
        below = [
            kept
            for (other, its_seed), kept in self.done.items()
            if its_seed == seed and adds_one(other, structure) and kept.training_loss is not None
        ]
        return min(below, key=lambda kept: kept.training_loss or math.inf, default=None)

    def _one(self, structure: Structure, seed: int, reading: Reading, below: Kept | None) -> Kept:
        began, setting = time.perf_counter(), self.setting
        starts = starts_for(structure, setting.task.name, setting.lesson, reading)
        if below is not None:
            formula = Formula(below.structure.structure(), below.values)
            starts.append(extended(formula, structure, sizes_of(setting.lesson).neutral()))
        if (structure, seed) in self.known:
            starts.append(self.known[structure, seed])
        try:
            trained = train(setting.trained_on, structure, starts, setting.budget, seed)
        except TrainingError:
            trained = Trained(Formula(structure, starts[0]), math.inf, diverged=setting.budget.problems)
        return Kept(
            structure=Parts(**vars(structure)),
            seed=seed,
            values=trained.formula.values,
            training_loss=trained.meta_loss if math.isfinite(trained.meta_loss) else None,
            diverged=trained.diverged,
            skipped=trained.skipped,
            seconds=time.perf_counter() - began,
        )


def adds_one(small: Structure, large: Structure) -> bool:
    """Whether a structure is another one with one mechanism more."""
    return len(large.mechanisms) == len(small.mechanisms) + 1 and large.only(small.mechanisms) == small
