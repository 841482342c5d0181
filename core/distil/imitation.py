"""Imitation: a formula fitted by least squares to the updates of a learned optimizer, on the gradients that one meets.

The formula is teacher-forced: it is fed the gradients of the learned optimizer's own runs, and keeps its own momenta and averages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from core.distil.compiled import respond
from core.distil.scales import to_raw, values_of
from core.optimizers.base import Optimizer
from core.optimizers.formula import Formula, Structure
from core.seeds import Purpose, generator
from core.tasks.base import Task
from core.unroll import unroll

STEPS, ROWS = 200, 320  # inner steps, and components of all problems together
REACH = 18.0  # largest size of a raw number
FINISHED = 1e-15  # change of the numbers or of the error, relative, at which a fit ends
QUICK, SOON = 8, 25  # every so many-th component, and evaluations, of a quick fit
MOST = 200  # evaluations with their Jacobians


@dataclass(frozen=True)
class Lesson:
    """What an optimizer did.

    Attributes:
        gradients: that it met, float64 [K, n].
        updates: that it made, float64 [K, n].
    """

    gradients: np.ndarray
    updates: np.ndarray


def lesson_of(optimizer: Optimizer, task: Task, seed: int = 0, steps: int = STEPS) -> Lesson:
    """Run an optimizer on problems of a task; components that did not stay finite are left out.

    Args:
        optimizer: any component-wise optimizer.
        task: the task.
        seed: of the problems, which are reserved for display and for instruments.
        steps: K.
    """
    dimension = task.sample(1, generator(Purpose.VIEW, seed)).dimension
    problems = task.sample(max(1, ROWS // dimension), generator(Purpose.VIEW, seed))
    run = unroll(optimizer, problems, steps, record=("gradients", "updates"))
    assert run.gradients is not None and run.updates is not None
    gradients = run.gradients[:steps].double().flatten(1).numpy()
    updates = run.updates.double().flatten(1).numpy()
    kept = np.isfinite(gradients).all(0) & np.isfinite(updates).all(0)
    kept &= np.cumsum(kept) <= 4 * ROWS
    return Lesson(np.ascontiguousarray(gradients[:, kept]), np.ascontiguousarray(updates[:, kept]))


@dataclass(frozen=True)
class Imitation:
    """A formula fitted to a lesson.

    Attributes:
        formula: the formula.
        r2: share of Σ u² of the learned optimizer's updates that it explains.
    """

    formula: Formula
    r2: float


def imitate(
    lesson: Lesson, structure: Structure, starts: Sequence[Mapping[str, float]], *, quick: bool = False
) -> Imitation:
    """Fit a formula's numbers to the updates of an optimizer.

    Args:
        lesson: what that optimizer did.
        structure: the formula's parts.
        starts: numbers to start from, each with at least the names of ``structure.parameters``; the best fit counts.
        quick: whether to fit every eighth component only, and to stop early: for R², not for exact numbers.
    """
    whole = lesson
    if quick:
        lesson = Lesson(*(np.ascontiguousarray(each[:, ::QUICK]) for each in (lesson.gradients, lesson.updates)))
    size = float(np.sqrt((lesson.updates**2).mean())) or 1.0
    aim = lesson.updates.ravel() / size

    def miss(raw: np.ndarray) -> np.ndarray:
        given = respond(Formula(structure, values_of(structure, raw)), lesson.gradients).ravel() / size
        return np.nan_to_num(given - aim, nan=1e3, posinf=1e3, neginf=-1e3)

    fits = []
    for start in starts:
        raw = np.clip(to_raw(structure, start), -REACH, REACH)
        fits.append(
            least_squares(
                miss,
                raw,
                jac="2-point" if quick else "3-point",
                bounds=(-REACH - 10, REACH + 10),
                xtol=1e-6 if quick else FINISHED,
                ftol=1e-6 if quick else FINISHED,
                gtol=1e-8 if quick else FINISHED,
                max_nfev=SOON if quick else MOST,
            )
        )
    best = min(fits, key=lambda fit: float(fit.cost))
    formula = Formula(structure, values_of(structure, best.x))
    return Imitation(formula, r2_of(formula, whole))


def r2_of(formula: Formula, lesson: Lesson) -> float:
    """1 − Σ (û − u)² / Σ u² over all steps and components."""
    total = float((lesson.updates**2).sum())
    error = float(((respond(formula, lesson.gradients) - lesson.updates) ** 2).sum())
    return 1 - error / total if total else float("nan")
