"""What is measured of the formulas of a finished distillation, also of one that was stored before it was measured."""

from concurrent.futures import ThreadPoolExecutor

import torch

from core.distil.ablation import ablations_of
from core.distil.compiled import losses_of
from core.distil.result import Distillation, Rung
from core.distil.scoring import held_out, shifts_of
from core.evaluation.held_out import STEPS
from core.optimizers.formula import FOUR
from core.runs.run import Run
from core.tasks import Problems, is_large, make_task

DIGITS = 5  # of a stored curve


def complete(run: Run, result: Distillation, workers: int = 1) -> Distillation:
    """Add the ablations of formulas, and where problems are large their mean curves; the same result if all is there.

    What was measured out of distribution by an earlier version is measured again. Formulas of large problems take minutes each: only that of the four
    mechanisms and the best one are looked at.

    Args:
        run: the learned optimizer's.
        result: its distillation.
        workers: threads; each looks at one formula.
    """
    task = make_task(result.task)
    large = is_large(task)
    if any(shift.best_name is None for shift in result.shifts):
        found = shifts_of(run, result.formula.formula(), result.problems, result.held_out_seed, workers)
        result = result.model_copy(update={"shifts": found})
    chosen = [result.longest(FOUR), result.best] if large else result.rungs
    missing = {id(rung): rung for rung in chosen if not rung.ablations and rung.meta_loss.mean is not None}
    if not missing:
        return result
    _, problems = held_out(task, result.problems, result.held_out_seed)
    with ThreadPoolExecutor(workers) as pool:
        looked = pool.map(lambda rung: _looked_at(rung, problems, large), missing.values())
        made = dict(zip(missing, looked, strict=True))

    def of(rungs: list[Rung]) -> list[Rung]:
        return [made.get(id(rung), rung) for rung in rungs]

    return result.model_copy(update={"ladder": of(result.ladder), "longer": of(result.longer)})


def _looked_at(rung: Rung, problems: Problems, large: bool) -> Rung:
    formula = rung.formula.formula()
    losses = losses_of(formula, problems, STEPS)
    changes: dict[str, object] = {"ablations": ablations_of(formula, problems, losses)}
    if large:
        curve = (losses / losses[0]).mean(1)
        if bool(torch.isfinite(curve).all()):
            changes["curve"] = [float(f"{value:.{DIGITS}g}") for value in curve.tolist()]
    return rung.model_copy(update=changes)
