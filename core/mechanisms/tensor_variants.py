"""An optimizer that sees whole tensors and its ablations: those that can be made from the outside."""

from __future__ import annotations

import numpy as np

from core.analysis.tensor_interventions import Intervened, Memoryless, Undecayed, Unsaturated
from core.errors import InputError
from core.mechanisms.context import NEEDS_ALONE, Context
from core.mechanisms.measures import NOT_DIED_AWAY, summed_kernel, weight_decay_of_tensors
from core.optimizers.base import Optimizer
from core.optimizers.tensorwise import TensorwiseOptimizer

PROBLEMS, LARGE_PROBLEMS = 8, 4  # held-out problems, since each is stepped by itself
ALONE = ("linearised", "frozen_start", "frozen_end", "pinned", "repaired")  # ablations that need a component alone


def gain_of(context: Context) -> float:
    """Σ K / K(0) of the memory kernels along a run: how much stronger a gradient acts in the long run than at once, the median.

    Raises:
        InputError: at most places they have not died away, or are not known.
    """
    found = [summed_kernel(kernel) / float(kernel[0]) for kernel in context.kernels_met if float(kernel[0]) != 0]
    known = [value for value in found if np.isfinite(value)]
    if 2 * len(known) <= len(context.kernels_met):
        raise InputError(NOT_DIED_AWAY)
    return float(np.median(known))


def variants_of_tensors(context: Context) -> tuple[dict[str, Optimizer], dict[str, str]]:
    """The optimizer and its ablations by name, and why some are missing."""
    optimizer = context.optimizer
    assert isinstance(optimizer, TensorwiseOptimizer)
    made: dict[str, Optimizer] = {"whole": optimizer}
    without = dict.fromkeys(ALONE, NEEDS_ALONE)
    try:
        gain = gain_of(context)
        made["memoryless"] = Intervened(optimizer, "without memory", lambda run: Memoryless(run, gain))
    except InputError as error:
        without["memoryless"] = str(error)
    made["unsaturated"] = Intervened(optimizer, "un-saturated", Unsaturated)
    decay = weight_decay_of_tensors(context)
    if decay.value is None:
        without["undecayed"] = decay.reason
    else:
        value = decay.value
        made["undecayed"] = Intervened(optimizer, "without weight decay", lambda run: Undecayed(run, value))
    return made, without
