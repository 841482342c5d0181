"""The ladder: formulas with more and more known mechanisms, each trained alike, and the share of the advantage that each keeps."""

import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor

from core.distil.compiled import losses_of
from core.distil.disagreement import disagreement_of
from core.distil.imitation import Imitation, Lesson, imitate, lesson_of, r2_of
from core.distil.reading import Reading, read_off
from core.distil.result import (
    Distillation,
    FormulaReport,
    Interval,
    Number,
    Parts,
    Rung,
    Scored,
    Shift,
    Untrained,
)
from core.distil.shares import Bootstrap, contributions, share, subsets
from core.distil.starts import constant, extended, sizes_of, starts_for
from core.distil.store import PARTIAL, folder_of
from core.distil.training import Budget, Trained, budget_for, train
from core.distil.writing.latex import latex
from core.errors import InputError, TrainingError
from core.evaluation.held_out import STEPS, MetaLoss, loss_curves
from core.evaluation.out_of_distribution import plans
from core.files.atomic import read_json, write_json
from core.mechanisms.ablation import ABLATIONS_FILE, Ablations
from core.mechanisms.context import Context
from core.mechanisms.report import Report, report_of
from core.meta_loss import meta_loss
from core.optimizers.base import Optimizer
from core.optimizers.formula import FOUR, Formula, Structure
from core.optimizers.formula.structure import Clipping
from core.outer.kernels.small import known
from core.runs import zoo
from core.runs.run import Run
from core.seeds import Purpose, generator
from core.tasks import Problems, Task, lighter_parameters, make_task

BEYOND = ("agreement", "second_momentum", "adaptive_memory", "free_schedule")  # rungs above the four mechanisms
COMPRESSIONS: tuple[Clipping, ...] = ("tanh", "symlog")
PROBLEMS, SEEDS = 128, 3
LARGE, FEW = (
    1000,
    32,
)  # inner parameters above which conditions out of distribution have so few problems, or are left out


def whole(clipping: Clipping) -> Structure:
    """The formula with every mechanism."""
    return Structure(2, clipping, True, "knots", "power", True, True)


def rungs() -> list[tuple[str, ...]]:
    """The mechanisms of each rung of the ladder, in order."""
    order = (*FOUR, *BEYOND)
    return [order[:count] for count in range(1, len(order) + 1)]


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
class _Setting:
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


class _Trainings:
    """Trainings by structure and seed, kept on disk as they finish."""

    def __init__(self, setting: _Setting, planned: int):
        self.setting, self.planned = setting, planned
        self.path = folder_of(setting.run) / PARTIAL
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
            if its_seed == seed and _adds_one(other, structure) and kept.training_loss is not None
        ]
        return min(below, key=lambda kept: kept.training_loss or math.inf, default=None)

    def _one(self, structure: Structure, seed: int, reading: Reading, below: Kept | None) -> Kept:
        began, setting = time.perf_counter(), self.setting
        starts = starts_for(structure, setting.task.name, setting.lesson, reading)
        if below is not None:
            formula = Formula(below.structure.structure(), below.values)
            starts.append(extended(formula, structure, sizes_of(setting.lesson).neutral()))
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


def _adds_one(small: Structure, large: Structure) -> bool:
    """Whether a structure is another one with one mechanism more."""
    return len(large.mechanisms) == len(small.mechanisms) + 1 and large.only(small.mechanisms) == small


def held_out(task: Task, count: int, seed: int) -> tuple[Problems, Problems]:
    """The held-out problems in float32, and the same ones as formulas are run on them."""
    plain = task.sample(count, generator(Purpose.EVALUATE, seed))
    exact = task.sample(count, generator(Purpose.EVALUATE, seed), torch.float64)
    return plain, exact if known(exact, np.dtype(np.float64)) is not None else plain


def _mean(losses: Tensor | np.ndarray) -> MetaLoss:
    """Mean meta-loss and standard error over the last dimension, from [problems] or from [seeds, problems]."""
    values = torch.as_tensor(losses).double()
    values = values.mean(0) if values.dim() == 2 else values
    if not bool(torch.isfinite(values).all()):
        return MetaLoss(mean=None, sem=None)
    return MetaLoss(mean=float(values.mean()), sem=float(values.std() / len(values) ** 0.5))


def _scores(
    kept: dict[tuple[str, ...], list[Kept]], problems: Problems, workers: int
) -> dict[tuple[str, ...], np.ndarray]:
    """Meta-losses of trained formulas by their mechanisms, each [seeds, problems]."""

    def score(one: Kept) -> Tensor:
        return meta_loss(losses_of(Formula(one.structure.structure(), one.values), problems, STEPS))

    with ThreadPoolExecutor(workers) as pool:
        scores = pool.map(score, [one for ones in kept.values() for one in ones])
        return {key: torch.stack([next(scores) for _ in ones]).numpy() for key, ones in kept.items()}


def _rung(
    mechanisms: tuple[str, ...],
    kept: list[Kept],
    losses: np.ndarray,
    shares: tuple[Interval, Interval],
    r2: float | None,
) -> Rung:
    trained = [one.training_loss for one in kept]
    finite = [value for value in trained if value is not None]
    return Rung(
        mechanisms=list(mechanisms),
        numbers=len(kept[0].values),
        meta_loss=_mean(losses),
        by_seed=[_mean(row).mean for row in losses],
        share=shares[0],
        chosen=shares[1],
        training_loss=sum(finite) / len(finite) if len(finite) == len(trained) else None,
        r2=r2,
        diverged=sum(one.diverged for one in kept),
        skipped=sum(one.skipped for one in kept),
        seconds=round(sum(one.seconds for one in kept), 1),
        formula=formula_report(list(mechanisms), kept),
    )


def distil(
    run: Run,
    *,
    budget: Budget | None = None,
    seed: int = 0,
    problems: int = PROBLEMS,
    seeds: int = SEEDS,
    workers: int = 1,
    on_progress: Callable[[int, int], None] = lambda done, planned: None,
) -> Distillation:
    """Measure how much of a learned optimizer's advantage formulas of known mechanisms keep.

    Trainings that are finished are kept in the run's folder, so that a distillation that was stopped goes on where it was.

    Args:
        run: the learned optimizer's run; its last snapshot counts.
        budget: of every training; by default what suits the task (`core.distil.training.budget_for`).
        seed: of the held-out problems.
        problems: number of held-out problems.
        seeds: number of outer seeds of every formula.
        workers: threads; each trains one formula.
        on_progress: called with the number of finished trainings and of all.

    Raises:
        InputError: no hand-designed optimizer is tuned for the run's task, or it does not beat any of them.
    """
    began = time.perf_counter()
    task = make_task(run.config.task)
    context = Context(run.optimizer(), task)
    lighter = dict(lighter_parameters(task.name))
    setting = _Setting(
        run=run,
        task=task,
        trained_on=make_task(task.name, lighter),
        context=context,
        lesson=lesson_of(run.optimizer(), task),
        budget=budget or budget_for(task),
        seeds=list(range(seeds)),
        report=on_progress,
        workers=workers,
    )
    plain, exact = held_out(task, problems, seed)
    learned = meta_loss(loss_curves(run.optimizer(), plain, STEPS).double()).numpy()
    best_name, best = _best_tuned(task.name, plain, workers)
    _check_advantage(run, learned, best_name, best)
    structures = subsets(FOUR)
    trainings = _Trainings(setting, seeds * (len(structures) + len(BEYOND) + len(COMPRESSIONS) - 1))
    readings: dict[str, Reading] = {
        clipping: read_off(context, whole(clipping).only(FOUR)) for clipping in COMPRESSIONS
    }
    readings["none"] = readings[COMPRESSIONS[0]]
    clipping = _compression(trainings, readings)
    family = whole(clipping)
    wanted = {key: family.only(key) for key in [*structures, *(key for key in rungs() if key not in structures)]}
    found = trainings.of(wanted.values(), readings)
    kept = {key: [found[structure, one] for one in setting.seeds] for key, structure in wanted.items()}
    losses = _scores(kept, exact, workers)
    draws = Bootstrap(problems, seeds)
    one = Bootstrap(problems, 1)
    shares = {
        key: (share(value, best, learned, draws), share(value[[_chosen(kept[key])]], best, learned, one))
        for key, value in losses.items()
    }
    fits = _imitations(setting, family, readings[clipping])
    r2 = {key: fit.r2 for key, fit in fits.items()}
    made = {key: _rung(key, kept[key], losses[key], shares[key], r2.get(key)) for key in wanted}
    ladder = [made[key] for key in rungs()]
    top = min(ladder, key=lambda rung: math.inf if rung.training_loss is None else rung.training_loss)
    return Distillation(
        run=run.name,
        task=task.name,
        outer_step=run.snapshots()[-1],
        problems=problems,
        held_out_seed=seed,
        steps=STEPS,
        seeds=setting.seeds,
        budget=setting.budget.outer_steps,
        trained_on=lighter,
        learned=Scored(name=run.name, meta_loss=_mean(learned)),
        best_tuned=Scored(name=best_name, meta_loss=_mean(best)),
        ladder=ladder,
        subsets=[made[key] for key in structures],
        contributions=contributions({key: losses[key] for key in structures}, FOUR, draws),
        formula=top.formula,
        read=_untrained(
            setting, Formula(family.only(FOUR), readings[clipping].values), readings[clipping].unread, exact
        ),
        imitated=_untrained(setting, fits[FOUR].formula, {}, exact),
        disagreement=disagreement_of(top.formula.formula(), setting.lesson),
        shifts=_shifts(run, top.formula.formula(), best_name, problems, seed),
        verdicts=_verdicts(setting),
        seconds=round(time.perf_counter() - began, 1),
    )


def _best_tuned(task: str, problems: Problems, workers: int) -> tuple[str, np.ndarray]:
    """The tuned hand-designed optimizer with the lowest mean meta-loss on the problems, and its meta-losses."""
    tuned: dict[str, Optimizer] = zoo.baselines(task)
    with ThreadPoolExecutor(workers) as pool:
        curves = pool.map(lambda one: loss_curves(one, problems, STEPS), tuned.values())
        scores = {name: meta_loss(losses.double()).numpy() for name, losses in zip(tuned, curves, strict=True)}
    finite = {name: float(values.mean()) for name, values in scores.items() if np.isfinite(values).all()}
    if not finite:
        raise InputError(
            f"no hand-designed optimizer is tuned for {task}: run loptscope tune --task {task} --optimizer all first"
        )
    best = min(finite, key=lambda name: finite[name])
    return best, scores[best]


def _check_advantage(run: Run, learned: np.ndarray, name: str, best: np.ndarray) -> None:
    if not np.isfinite(learned).all() or learned.mean() >= best.mean():
        raise InputError(
            f"{run.name} has no advantage to explain: its mean meta-loss on held-out problems is {learned.mean():.4g}, that of tuned "
            f"{name} {best.mean():.4g}"
        )


def _compression(trainings: _Trainings, readings: dict[str, Reading]) -> Clipping:
    """Soft clipping or log compression: that with which momentum and clipping reach the lower training loss."""
    two = {clipping: whole(clipping).only(("momentum", "clipping")) for clipping in COMPRESSIONS}
    found = trainings.of([Structure(0), Structure(1), *two.values()], readings)

    def mean(structure: Structure) -> float:
        values = [found[structure, seed].training_loss for seed in trainings.setting.seeds]
        return sum(math.inf if value is None else value for value in values) / len(values)

    return min(COMPRESSIONS, key=lambda clipping: mean(two[clipping]))


def _chosen(kept: list[Kept]) -> int:
    """Which of the trainings of all seeds has the lowest training loss."""
    trained = [math.inf if one.training_loss is None else one.training_loss for one in kept]
    return trained.index(min(trained))


def formula_report(mechanisms: list[str], kept: list[Kept]) -> FormulaReport:
    """The formula of the seed with the lowest training loss, and the range of its numbers over seeds."""
    best = kept[_chosen(kept)]
    numbers = {
        name: Number(
            value=value,
            low=min(one.values[name] for one in kept),
            high=max(one.values[name] for one in kept),
        )
        for name, value in best.values.items()
    }
    formula = Formula(best.structure.structure(), best.values)
    return FormulaReport(
        mechanisms=mechanisms, structure=best.structure, latex=latex(formula), parameters=numbers, seed=best.seed
    )


def _imitations(setting: _Setting, family: Structure, reading: Reading) -> dict[tuple[str, ...], Imitation]:
    """Every rung's formula fitted to the learned optimizer's updates; each rung starts from the one before, too."""
    found: dict[tuple[str, ...], Imitation] = {}
    before: dict[str, float] = {}
    for key in rungs():
        structure = family.only(key)
        starts = [*starts_for(structure, setting.task.name, setting.lesson, reading)[:2], constant(before, structure)]
        found[key] = imitate(setting.lesson, structure, starts, quick=True)
        before = {**before, **found[key].formula.values}
    return found


def _untrained(setting: _Setting, formula: Formula, unread: dict[str, str], problems: Problems) -> Untrained:
    """A formula that was not trained, on the held-out problems and on the lesson."""
    losses = losses_of(formula, problems, STEPS)
    return Untrained(
        parameters=formula.values,
        meta_loss=_mean(meta_loss(losses)),
        diverged=int((~torch.isfinite(losses)).any(0).sum()),
        r2=_finite(r2_of(formula, setting.lesson)),
        unread=unread,
    )


def _verdicts(setting: _Setting) -> dict[str, str]:
    """Mechanism -> what the instruments say of the learned optimizer, with the controls that are stored."""
    path = setting.run.path / ABLATIONS_FILE
    ablations = read_json(path, Ablations) if path.exists() else None
    null = zoo.find_null(setting.run.config)
    report = report_of(setting.run.name, setting.context, ablations, null=null, trained=True)
    return verdicts_of(report)


def verdicts_of(report: Report) -> dict[str, str]:
    """Mechanism -> "shown", "not_shown" or "unknown", of those that both instruments and formulas know."""
    agreement = {True: "shown", False: "not_shown", None: "unknown"}[report.adaptation.agreement.shown]
    return {**{name: getattr(report, name).verdict for name in FOUR}, "agreement": agreement}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _shifts(run: Run, formula: Formula, best: str, problems: int, seed: int) -> list[Shift]:
    """The conditions out of distribution whose problems are small: learned optimizer, formula and best tuned one."""
    tuned = zoo.baselines(run.config.task)[best]
    rows = []
    for plan in plans(run.config.task):
        if plan.task.sample(1, generator(Purpose.EVALUATE, seed)).dimension > LARGE:
            continue
        plain, exact = held_out(plan.task, problems, seed)
        means = [
            _mean(meta_loss(losses.double())).mean
            for losses in (
                loss_curves(run.optimizer(), plain, plan.steps),
                losses_of(formula, exact, plan.steps),
                loss_curves(tuned, plain, plan.steps),
            )
        ]
        rows.append(Shift(name=plan.name, group=plan.group, learned=means[0], formula=means[1], best_tuned=means[2]))
    return rows
