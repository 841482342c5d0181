"""Where a formula and a learned optimizer disagree: at which steps, gradients and recent sizes of gradients."""

import numpy as np

from core.distil.compiled import respond
from core.distil.imitation import Lesson
from core.distil.result import Disagreement
from core.optimizers.formula import Formula

BINS = 12
DECAY = 0.9  # of the average of recent squared gradients
SMALLEST = 1e-12


def disagreement_of(formula: Formula, lesson: Lesson) -> dict[str, Disagreement]:
    """The error of a formula's updates by inner step, by size of the gradient, and by recent size of gradients.

    Args:
        formula: the formula, which keeps its own state.
        lesson: gradients and updates of the learned optimizer.
    """
    error = (respond(formula, lesson.gradients) - lesson.updates) ** 2
    weight = lesson.updates**2
    steps = np.broadcast_to(np.arange(len(error))[:, None], error.shape)
    recent = np.zeros_like(error)
    for k in range(1, len(error)):
        recent[k] = DECAY * recent[k - 1] + (1 - DECAY) * lesson.gradients[k - 1] ** 2
    edges = np.unique(np.geomspace(1, len(error), BINS + 1).round()) - 1
    return {
        "step": _binned(steps, error, weight, edges),
        "gradient": _binned(np.abs(lesson.gradients), error, weight, _even(np.abs(lesson.gradients))),
        "recent": _binned(np.sqrt(recent), error, weight, _even(np.sqrt(recent))),
    }


def _even(sizes: np.ndarray) -> np.ndarray:
    """Edges of bins, even on a log scale, between the 1st and the 100th percentile."""
    seen = sizes[sizes > SMALLEST]
    return np.geomspace(np.quantile(seen, 0.01), seen.max(), BINS + 1)


def _binned(places: np.ndarray, error: np.ndarray, weight: np.ndarray, edges: np.ndarray) -> Disagreement:
    total = float(weight.sum()) or 1.0
    index = np.clip(np.searchsorted(edges, places, side="right") - 1, 0, len(edges) - 2).ravel()
    sums = [np.bincount(index, values.ravel(), len(edges) - 1) / total for values in (error, weight)]
    return Disagreement(
        edges=[float(f"{edge:.4g}") for edge in edges],
        error=[float(f"{value:.4g}") for value in sums[0]],
        weight=[float(f"{value:.4g}") for value in sums[1]],
    )
