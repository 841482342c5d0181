"""The rungs that count most, trained again with a larger budget: is what formulas do not explain only a short training?"""

import time
from collections.abc import Callable

from core.distil.disagreement import disagreement_of
from core.distil.reading import Reading
from core.distil.result import Distillation, Rung
from core.distil.scoring import Comparison, lowest, scores_of, shifts_of
from core.distil.store import PARTIAL_LONGER, folder_of
from core.distil.training import Budget
from core.distil.trainings import Setting, Trainings
from core.errors import InputError
from core.optimizers.formula import FOUR
from core.runs.run import Run


def check_longer(outer_steps: int, budget: int) -> None:
    """Raise InputError unless these are more outer steps than every rung of the ladder has."""
    if outer_steps <= budget:
        raise InputError(f"longer training needs more than the {budget} outer steps of the ladder (got {outer_steps})")


def numbers_of(rung: Rung, seeds: int) -> list[dict[str, float]]:
    """The numbers of each seed's formula; those of the best seed for all, where a result of an earlier version has no others."""
    return rung.numbers_by_seed or [rung.formula.formula().values] * seeds


def train_longer(
    run: Run,
    result: Distillation,
    outer_steps: int,
    *,
    workers: int = 1,
    on_progress: Callable[[int, int], None] = lambda done, planned: None,
) -> Distillation:
    """Train the formula of the four mechanisms and the one with the most mechanisms again, with more outer steps and the same seeds.

    Every seed goes on from its own numbers in the ladder (`numbers_of`), and has the starts that do not hang on other formulas. The two take the place of what
    was trained for longer before. The formula with the lowest training loss of all rungs becomes the result's formula.

    Args:
        run: the learned optimizer's.
        result: its distillation.
        outer_steps: of each of these trainings.
        workers: threads; each trains one formula.
        on_progress: called with the number of finished trainings and of all.

    Raises:
        InputError: not more outer steps than the result has, or another hand-designed optimizer is the best tuned one by now.
    """
    check_longer(outer_steps, result.budget)
    began = time.perf_counter()
    compared = Comparison.of(run, result.problems, result.held_out_seed, workers)
    if compared.best_name != result.best_tuned.name:
        raise InputError(
            f"the best tuned optimizer for {result.task} is {compared.best_name} by now, and the stored shares are measured from "
            f"{result.best_tuned.name}: distil {result.run} again first"
        )
    setting = Setting.of(run, Budget(outer_steps=outer_steps), len(result.seeds), workers, on_progress)
    structures = {
        key: result.of_ladder(key).formula.structure.structure() for key in (FOUR, tuple(result.ladder[-1].mechanisms))
    }
    known = {
        (structure, seed): numbers
        for key, structure in structures.items()
        for seed, numbers in zip(setting.seeds, numbers_of(result.of_ladder(key), len(setting.seeds)), strict=True)
    }
    trainings = Trainings(setting, len(structures) * len(setting.seeds), folder_of(run) / PARTIAL_LONGER, known)
    readings: dict[str, Reading] = {one.clipping: setting.reading(one) for one in structures.values()}
    found = trainings.of(structures.values(), readings)
    kept = {key: [found[structure, seed] for seed in setting.seeds] for key, structure in structures.items()}
    losses = scores_of(kept, compared.problems, workers)
    longer = [
        compared.rung(key, kept[key], losses[key], result.of_ladder(key).r2, outer_steps).model_copy(
            update={"shared_start": not result.of_ladder(key).numbers_by_seed}
        )
        for key in structures
    ]
    best = lowest([*result.ladder, *longer])
    formula = best.formula.formula()
    changes = {
        "longer": longer,
        "formula": best.formula,
        "disagreement": disagreement_of(formula, setting.lesson),
        "shifts": shifts_of(run, formula, result.problems, result.held_out_seed, workers),
        "seconds": round(result.seconds + time.perf_counter() - began, 1),
    }
    return result.model_copy(update=changes)
