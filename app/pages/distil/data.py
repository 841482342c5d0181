"""The data of the Distil page: stored distillations, and learned optimizer and formula under the same instruments."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.shared.catalog import learned
from app.shared.evaluations import modified
from core.analysis.closed_loop import Rest, convergence_rates
from core.analysis.linearization import linearize
from core.analysis.memory_kernel import memory_kernel
from core.analysis.update_function import effective_learning_rate, update_function
from core.distil.result import FILE, Distillation
from core.distil.store import find_distillation, folder_of
from core.errors import InputError
from core.evaluation.held_out import STEPS, loss_curves
from core.late import torch
from core.mechanisms.context import Context, grid
from core.optimizers.base import Optimizer
from core.optimizers.formula import Formula
from core.runs import zoo
from core.runs.run import Run
from core.tasks import Problems, make_task

if TYPE_CHECKING:
    from torch import Tensor

GRADIENTS, KERNEL, CURVATURES = 121, 41, 60
LARGE = 1000  # inner parameters above which held-out problems are too slow for sliders


@functools.lru_cache(maxsize=64)
def _found(path: Path, outer_step: int, stamp: tuple[int, ...]) -> Distillation | None:
    return find_distillation(Run(path))


def distilled(task: str, name: str) -> Distillation | None:
    """The stored distillation of a learned optimizer; None if there is none.

    Raises:
        InputError: its file is damaged.
    """
    subject = learned(task).get(name)
    if subject is None or subject.run is None:
        return None
    run = subject.run
    return _found(run.path, run.snapshots()[-1], modified(folder_of(run) / FILE, run.path / FILE))


@dataclass(frozen=True)
class Instruments:
    """One optimizer under the instruments that are compared.

    Attributes:
        updates: u at the first state, over ``Originals.gradients``, [G].
        rates: effective learning rate along the autonomous path, [STEPS + 1].
        kernel: K(0), K(1), … at rest, [KERNEL]; None where there is none.
        convergence: factor a step at each of ``Originals.curvatures``, [L]; None where the loop does not come to rest.
    """

    updates: np.ndarray
    rates: np.ndarray
    kernel: np.ndarray | None
    convergence: np.ndarray | None


@dataclass(frozen=True)
class Originals:
    """What a formula is compared with, computed once for each learned optimizer.

    Attributes:
        problems: held-out problems as formulas are run on them; None where they are too large.
        learned, best: relative loss curves of the learned and of the best tuned optimizer, mean over problems, [STEPS + 1].
        gradients: [G].
        scale: the size around which the axis of gradients is linear.
        curvatures: [L].
        instruments: of the learned optimizer.
    """

    problems: Problems | None
    learned: np.ndarray | None
    best: np.ndarray | None
    gradients: np.ndarray
    scale: float
    curvatures: np.ndarray
    instruments: Instruments


def _mean_curve(losses: "Tensor") -> np.ndarray:
    return np.asarray((losses / losses[0]).mean(1).double().numpy())


@functools.lru_cache(maxsize=8)
def _originals(path: Path, outer_step: int, best: str, problems: int, seed: int) -> Originals:
    from core.distil.ladder import held_out

    torch.set_num_threads(1)
    run = Run(path)
    optimizer, task = run.optimizer(outer_step), make_task(run.config.task)
    context = Context(optimizer, task)
    gradients = grid(context, GRADIENTS, context.observed.typical)
    curvatures = torch.logspace(-4, 1, CURVATURES, dtype=torch.float64)
    rates = effective_learning_rate(context.double, context.path, context.observed.scale)
    rest = context.loop_rest
    convergence = None if rest is None else convergence_rates(context.double, rest, curvatures).numpy()
    try:
        kernel = context.kernel.values[:KERNEL].numpy()
    except InputError:
        kernel = None
    updates = update_function(context.double, context.start, gradients).numpy()
    own = Instruments(updates, rates.numpy(), kernel, convergence)
    plain, exact = held_out(task, problems, seed) if context.dimension <= LARGE else (None, None)
    curves: list[np.ndarray | None] = [None, None]
    if plain is not None:
        both: list[Optimizer] = [optimizer, zoo.baselines(task.name)[best]]
        curves = [_mean_curve(loss_curves(one, plain, STEPS)) for one in both]
    scale = context.observed.scale
    return Originals(exact, curves[0], curves[1], gradients.numpy(), scale, curvatures.numpy(), own)


def originals_of(result: Distillation) -> Originals:
    """What the formulas of a distillation are compared with."""
    path = zoo.find_run(result.run).path
    return _originals(path, result.outer_step, result.best_tuned.name, result.problems, result.held_out_seed)


def instruments_of(formula: Formula, originals: Originals) -> Instruments:
    """A formula under the same instruments; all of them have closed forms."""
    start = formula.initial_state(1, torch.float64)[0]
    rest = start.clone()
    if formula.clock is not None:
        rest[formula.clock] = float(STEPS)
    gradients, curvatures = torch.from_numpy(originals.gradients), torch.from_numpy(originals.curvatures)
    width = originals.scale
    return Instruments(
        updates=update_function(formula, start, gradients).numpy(),
        rates=formula.effective_rates(STEPS).numpy(),
        kernel=memory_kernel(linearize(formula, rest, width=width)).values[:KERNEL].numpy(),
        convergence=convergence_rates(formula, Rest(rest, 0.0, True), curvatures, width).numpy(),
    )


def curve_of(formula: Formula, originals: Originals) -> tuple[np.ndarray, float] | None:
    """A formula's relative loss curve on the held-out problems [STEPS + 1] and its meta-loss; None where they are too large."""
    from core.distil.compiled import losses_of

    if originals.problems is None:
        return None
    curve = _mean_curve(losses_of(formula, originals.problems, STEPS))
    return curve, float(curve.mean())
