"""The ladder: formulas with more and more known mechanisms, each trained alike, and the share of the advantage that each keeps."""

import math
import time
from collections.abc import Callable

import torch

from core.distil.compiled import losses_of
from core.distil.disagreement import disagreement_of
from core.distil.imitation import Imitation, imitate, r2_of
from core.distil.reading import Reading
from core.distil.result import Distillation, Scored, Untrained
from core.distil.scoring import Comparison, lowest, mean_of, scores_of, shifts_of
from core.distil.shares import Bootstrap, contributions, subsets
from core.distil.starts import constant, starts_for
from core.distil.store import PARTIAL, folder_of
from core.distil.training import Budget
from core.distil.trainings import Setting, Trainings
from core.evaluation.held_out import STEPS
from core.files.atomic import read_json
from core.mechanisms.ablation import ABLATIONS_FILE, Ablations
from core.mechanisms.report import Report, report_of
from core.meta_loss import meta_loss
from core.optimizers.formula import FOUR, Formula, Structure
from core.optimizers.formula.structure import Clipping
from core.runs import zoo
from core.runs.run import Run
from core.tasks import Problems, lighter_parameters

BEYOND = ("agreement", "second_momentum", "adaptive_memory", "free_schedule")  # rungs above the four mechanisms
COMPRESSIONS: tuple[Clipping, ...] = ("tanh", "symlog")
PROBLEMS, SEEDS = 128, 3


def whole(clipping: Clipping) -> Structure:
    """The formula with every mechanism."""
    return Structure(2, clipping, True, "knots", "power", True, True)


def rungs() -> list[tuple[str, ...]]:
    """The mechanisms of each rung of the ladder, in order."""
    order = (*FOUR, *BEYOND)
    return [order[:count] for count in range(1, len(order) + 1)]


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
    setting = Setting.of(run, budget, seeds, workers, on_progress)
    task = setting.task
    compared = Comparison.of(run, problems, seed, workers)
    structures = subsets(FOUR)
    planned = seeds * (len(structures) + len(BEYOND) + len(COMPRESSIONS) - 1)
    trainings = Trainings(setting, planned, folder_of(run) / PARTIAL)
    readings: dict[str, Reading] = {clipping: setting.reading(whole(clipping)) for clipping in COMPRESSIONS}
    readings["none"] = readings[COMPRESSIONS[0]]
    clipping = _compression(trainings, readings)
    family = whole(clipping)
    wanted = {key: family.only(key) for key in [*structures, *(key for key in rungs() if key not in structures)]}
    found = trainings.of(wanted.values(), readings)
    kept = {key: [found[structure, one] for one in setting.seeds] for key, structure in wanted.items()}
    losses = scores_of(kept, compared.problems, workers)
    fits = _imitations(setting, family, readings[clipping])
    r2 = {key: fit.r2 for key, fit in fits.items()}
    made = {key: compared.rung(key, kept[key], losses[key], r2.get(key)) for key in wanted}
    ladder = [made[key] for key in rungs()]
    top = lowest(ladder)
    return Distillation(
        run=run.name,
        task=task.name,
        outer_step=run.snapshots()[-1],
        problems=problems,
        held_out_seed=seed,
        steps=STEPS,
        seeds=setting.seeds,
        budget=setting.budget.outer_steps,
        trained_on=dict(lighter_parameters(task.name)),
        learned=Scored(name=run.name, meta_loss=mean_of(compared.learned)),
        best_tuned=Scored(name=compared.best_name, meta_loss=mean_of(compared.best)),
        ladder=ladder,
        subsets=[made[key] for key in structures],
        contributions=contributions({key: losses[key] for key in structures}, FOUR, Bootstrap(problems, seeds)),
        formula=top.formula,
        read=_untrained(
            setting, Formula(family.only(FOUR), readings[clipping].values), readings[clipping].unread, compared.problems
        ),
        imitated=_untrained(setting, fits[FOUR].formula, {}, compared.problems),
        disagreement=disagreement_of(top.formula.formula(), setting.lesson),
        shifts=shifts_of(run, top.formula.formula(), problems, seed, workers),
        verdicts=_verdicts(setting),
        seconds=round(time.perf_counter() - began, 1),
    )


def _compression(trainings: Trainings, readings: dict[str, Reading]) -> Clipping:
    """Soft clipping or log compression: that with which momentum and clipping reach the lower training loss."""
    two = {clipping: whole(clipping).only(("momentum", "clipping")) for clipping in COMPRESSIONS}
    found = trainings.of([Structure(0), Structure(1), *two.values()], readings)

    def mean(structure: Structure) -> float:
        values = [found[structure, seed].training_loss for seed in trainings.setting.seeds]
        return sum(math.inf if value is None else value for value in values) / len(values)

    return min(COMPRESSIONS, key=lambda clipping: mean(two[clipping]))


def _imitations(setting: Setting, family: Structure, reading: Reading) -> dict[tuple[str, ...], Imitation]:
    """Every rung's formula fitted to the learned optimizer's updates; each rung starts from the one before, too."""
    found: dict[tuple[str, ...], Imitation] = {}
    before: dict[str, float] = {}
    for key in rungs():
        structure = family.only(key)
        starts = [*starts_for(structure, setting.task.name, setting.lesson, reading)[:2], constant(before, structure)]
        found[key] = imitate(setting.lesson, structure, starts, quick=True)
        before = {**before, **found[key].formula.values}
    return found


def _untrained(setting: Setting, formula: Formula, unread: dict[str, str], problems: Problems) -> Untrained:
    """A formula that was not trained, on the held-out problems and on the lesson."""
    losses = losses_of(formula, problems, STEPS)
    r2 = r2_of(formula, setting.lesson)
    return Untrained(
        parameters=formula.values,
        meta_loss=mean_of(meta_loss(losses)),
        diverged=int((~torch.isfinite(losses)).any(0).sum()),
        r2=r2 if math.isfinite(r2) else None,
        unread=unread,
    )


def _verdicts(setting: Setting) -> dict[str, str]:
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
