"""The rungs that count most, trained again with a larger budget: is what formulas do not explain only a short training?"""

import time
from collections.abc import Callable

from core.distil.disagreement import disagreement_of
from core.distil.reading import Reading
from core.distil.result import Distillation
from core.distil.scoring import Comparison, scores_of, shifts_of
from core.distil.store import PARTIAL_LONGER, folder_of
from core.distil.training import Budget
from core.distil.trainings import Kept, Setting, Trainings
from core.errors import InputError
from core.optimizers.formula import FOUR
from core.runs.run import Run


def train_longer(
    run: Run,
    result: Distillation,
    outer_steps: int,
    *,
    workers: int = 1,
    on_progress: Callable[[int, int], None] = lambda done, planned: None,
) -> Distillation:
    """Train the formula of the four mechanisms and the one with the most mechanisms again, with more outer steps and the same seeds.

    They have the same starts as before, and the numbers that the shorter training found are one more. Where the training loss of one is lower than
    that of the formula so far, it becomes the result's formula.

    Args:
        run: the learned optimizer's.
        result: its distillation.
        outer_steps: of each of these trainings.
        workers: threads; each trains one formula.
        on_progress: called with the number of finished trainings and of all.

    Raises:
        InputError: not more outer steps than the result has.
    """
    if outer_steps <= result.budget:
        raise InputError(
            f"longer training needs more than the {result.budget} outer steps of the ladder (got {outer_steps})"
        )
    began = time.perf_counter()
    setting = Setting.of(run, Budget(outer_steps=outer_steps), len(result.seeds), workers, on_progress)
    short = [rung for rung in result.ladder if len(rung.mechanisms) in (len(FOUR), len(result.ladder[-1].mechanisms))]
    structures = {tuple(rung.mechanisms): rung.formula.structure.structure() for rung in short}
    starts = [
        Kept(
            structure=rung.formula.structure,
            seed=rung.formula.seed,
            values=rung.formula.formula().values,
            training_loss=rung.training_loss,
            diverged=rung.diverged,
            skipped=rung.skipped,
            seconds=rung.seconds,
        )
        for rung in short
    ]
    trainings = Trainings(setting, len(structures) * len(setting.seeds), folder_of(run) / PARTIAL_LONGER, starts)
    readings: dict[str, Reading] = {one.clipping: setting.reading(one) for one in structures.values()}
    found = trainings.of(structures.values(), readings)
    kept = {key: [found[structure, seed] for seed in setting.seeds] for key, structure in structures.items()}
    compared = Comparison.of(run, result.problems, result.held_out_seed, workers)
    losses = scores_of(kept, compared.problems, workers)
    r2 = {tuple(rung.mechanisms): rung.r2 for rung in short}
    longer = [compared.rung(key, kept[key], losses[key], r2[key], outer_steps) for key in structures]
    best = min(
        (result.best, *longer), key=lambda rung: float("inf") if rung.training_loss is None else rung.training_loss
    )
    formula = best.formula.formula()
    changes = {
        "longer": longer,
        "formula": best.formula,
        "disagreement": disagreement_of(formula, setting.lesson),
        "shifts": shifts_of(run, formula, compared.best_name, result.problems, result.held_out_seed),
        "seconds": round(result.seconds + time.perf_counter() - began, 1),
    }
    return result.model_copy(update=changes)
