"""An optimizer that sees whole tensors and its ablations: those that can be made from the outside."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from core.analysis.tensor_interventions import Frozen, Intervened, Memoryless, Pinned, Rated, Undecayed, Unsaturated
from core.errors import InputError
from core.mechanisms.context import NEEDS_ALONE, STEPS, Context
from core.mechanisms.measures import NOT_DIED_AWAY, summed_kernel, weight_decay_of_tensors
from core.optimizers.base import Optimizer
from core.optimizers.differences import typical_size
from core.optimizers.tensorwise import ProblemRun, TensorwiseOptimizer, as_tensors
from core.seeds import Purpose, generator
from core.unroll import unroll

PROBLEMS, LARGE_PROBLEMS = 8, 4  # held-out problems, since each is stepped by itself
RATED, LARGE_RATED = 4, 1  # other problems, on which the typical learning rate of a step is measured
ALONE = ("linearised", "repaired")  # ablations that need a component alone
COUPLED = 1e-3  # share of an answer in others' updates up to which components count as independent
SECANT = 1e-2  # half-width of the secants that learning rates are, of the gradients' median size at a step
FEW = 20  # parameters up to which the learning rates of components that influence each other are measured, one by one, at every step


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


def coupled(context: Context) -> bool:
    """Whether components influence each other, so that each must be asked for its learning rate by itself.

    Raises:
        InputError: they do, and are too many.
    """
    found = context.coupling is None or context.coupling > COUPLED
    if found and context.dimension > FEW:
        raise InputError(
            f"components influence each other, so their learning rates would have to be measured one by one at every step, for {FEW} "
            f"at most (it has {context.dimension:,})"
        )
    return found


def typical_rates(context: Context, steps: int = STEPS) -> tuple[list[float], list[float]]:
    """The median effective learning rate of components before every step, over some of the problems reserved for display.

    Args:
        context: the optimizer on its task.
        steps: K.

    Returns:
        the rates [K], and the half-widths [K] of the secants that they are.

    Raises:
        InputError: components influence each other and are too many, or the rates are not finite.
    """
    optimizer = context.optimizer
    assert isinstance(optimizer, TensorwiseOptimizer)
    together = coupled(context)
    problems = context.task.sample(LARGE_RATED if context.large else RATED, generator(Purpose.VIEW, context.seed))
    run = unroll(optimizer, problems, steps, record=("gradients",))
    assert run.gradients is not None
    widths = [SECANT * typical_size(gradients) for gradients in run.gradients[:steps]]
    noted: list[list[float]] = []
    unroll(Intervened(optimizer, "rated", lambda run: Rated(run, widths, together, noted)), problems, steps, record=())
    rates = np.median([own[:steps] for own in noted[1:]], axis=0)  # the first is of the step on which it is fitted
    if not np.isfinite(rates).all():
        raise InputError("the learning rates of most components are not finite at some step")
    return [float(rate) for rate in rates], widths


def variants_of_tensors(
    context: Context, only: Collection[str] | None = None
) -> tuple[dict[str, Optimizer], dict[str, str]]:
    """The optimizer and its ablations by name, and why some are missing.

    Args:
        context: the optimizer on its task.
        only: names of the ablations that are made; by default all.
    """
    optimizer = context.optimizer
    assert isinstance(optimizer, TensorwiseOptimizer)
    without = dict.fromkeys(ALONE, NEEDS_ALONE)
    made: dict[str, Optimizer] = {"whole": optimizer}
    makers: dict[str, Callable[[], Optimizer]] = {
        "memoryless": lambda: _memoryless(context, optimizer),
        "unsaturated": lambda: Intervened(optimizer, "un-saturated", Unsaturated),
        "frozen_start": lambda: _frozen(context, optimizer, 0),
        "frozen_end": lambda: _frozen(context, optimizer, STEPS),
        "pinned": lambda: _pinned(context, optimizer),
        "undecayed": lambda: _undecayed(context, optimizer),
    }
    for name, make in makers.items():
        if only is None or name in only:
            try:
                made[name] = make()
            except InputError as error:
                without[name] = str(error)
    return made, without


def _memoryless(context: Context, optimizer: TensorwiseOptimizer) -> Optimizer:
    gain = gain_of(context)
    return Intervened(optimizer, "without memory", lambda run: Memoryless(run, gain))


def _frozen(context: Context, optimizer: TensorwiseOptimizer, at: int) -> Optimizer:
    """Frozen at a step; a first step on the run of display says whether that can be done."""
    met, place = context.met, context.met.places[0]
    assert isinstance(place, ProblemRun)
    shapes = met.optimizer.shapes  # type: ignore[attr-defined]
    own = [[one.clone() for one in as_tensors(flat[0], shapes)] for flat in (met.gradients, met.x)]
    Frozen(place.copied(), at).step(own[0], own[1], float(met.losses[0]), 0, met.steps)
    return Intervened(optimizer, f"drift frozen at step {at}", lambda run: Frozen(run, at))


def _pinned(context: Context, optimizer: TensorwiseOptimizer) -> Optimizer:
    (rates, widths), together = typical_rates(context), coupled(context)
    return Intervened(optimizer, "adaptation pinned", lambda run: Pinned(run, rates, widths, together))


def _undecayed(context: Context, optimizer: TensorwiseOptimizer) -> Optimizer:
    decay = weight_decay_of_tensors(context)
    if decay.value is None:
        raise InputError(decay.reason)
    value = decay.value
    return Intervened(optimizer, "without weight decay", lambda run: Undecayed(run, value))
