"""Distils a learned optimizer by its name."""

from collections.abc import Callable

from core.distil.completion import complete
from core.distil.ladder import distil as _distil
from core.distil.longer import check_longer, train_longer
from core.distil.result import Distillation
from core.distil.store import PARTIAL, PARTIAL_LONGER, find_distillation, is_own, write_distillation
from core.distil.training import Budget, budget_for
from core.runs.zoo import find_run
from core.tasks import is_large


def distil(
    name: str,
    *,
    seed: int | None = None,
    budget: int | None = None,
    workers: int = 1,
    again: bool = False,
    longer: int | None = None,
    completed: bool = False,
    on_progress: Callable[[int, int], None] = lambda done, planned: None,
) -> Distillation:
    """How much of a learned optimizer's advantage a formula of known mechanisms keeps.

    A stored result is returned where it answers the question; what an earlier version did not measure of it is added where that takes seconds. Otherwise formulas are trained (minutes for a small task), and
    the result is stored; a call that was interrupted goes on where it was.

    Args:
        name: of a shipped optimizer, one of your runs, or a run's folder.
        seed: of the held-out problems; by default that of the stored result, or 0.
        budget: outer steps of every training; by default that of the stored result, or 1000 (24 where a problem has more than 1000 parameters).
        workers: threads; each trains one formula.
        again: whether to compute it even if there is a stored result.
        longer: outer steps with which the formula of the four mechanisms and the largest one are trained again; None for not at all.
        completed: whether what an earlier version did not measure is added to a stored result even where that takes minutes.
        on_progress: called with the number of finished trainings and of all.

    Raises:
        InputError: no such run, no baseline is tuned for its task, it has no advantage to explain, or ``longer`` is not above the budget.
    """
    run = find_run(name)
    stored = None if again else find_distillation(run)
    if stored is not None and (seed not in (None, stored.held_out_seed) or budget not in (None, stored.budget)):
        stored = None
    if longer is not None:
        known = budget or (stored.budget if stored else budget_for(run.config.make_task()).outer_steps)
        check_longer(longer, known)
    result, trained = stored, False
    if result is None:
        settings = None if budget is None else Budget(outer_steps=budget)
        result = _distil(run, budget=settings, seed=seed or 0, workers=workers, on_progress=on_progress)
        write_distillation(run, result, finished=PARTIAL)
        trained = True
    if longer is not None and longer not in [rung.budget for rung in result.longer]:
        result = train_longer(run, result, longer, workers=workers, on_progress=on_progress)
        write_distillation(run, result, finished=PARTIAL_LONGER)
        trained = True
    if not (trained or completed) and is_large(run.config.make_task()):
        return result
    whole = complete(run, result, workers)
    if whole is not result and (trained or is_own(run)):
        write_distillation(run, whole)
    return whole
