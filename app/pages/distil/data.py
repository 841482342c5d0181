"""The data of the Distil page: stored distillations, and learned optimizer and formula under the same instruments.

What is measured is computed by the pool, as bytes: the learned optimizer's side once, a formula's whenever a number moves.
"""

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.shared.cache import anew, once, source_digest
from app.shared.catalog import learned, snapshot_bytes
from app.shared.evaluations import modified, stored
from core.analysis.agreement import rates_by_signs
from core.analysis.closed_loop import Rest, convergence_rates
from core.analysis.linearization import linearize
from core.analysis.memory_kernel import memory_kernel
from core.analysis.update_function import effective_learning_rate, update_function
from core.bundle import FORMAT, Bundle
from core.distil.result import FILE, Distillation, Parts
from core.distil.store import find_distillation, folder_of
from core.errors import InputError
from core.evaluation.held_out import STEPS, loss_curves
from core.late import torch
from core.mechanisms.agreement import KINDS
from core.mechanisms.context import Context, grid
from core.optimizers.base import Optimizer
from core.optimizers.formula import Formula
from core.runs import zoo
from core.runs.run import Run
from core.tasks import is_large, make_task

if TYPE_CHECKING:
    from torch import Tensor

GRADIENTS, KERNEL, CURVATURES = 121, 41, 60
BEFORE, AGREEING = 10, 20  # gradients met first, and those then fed with other signs
COMPONENTS = 64  # at most, that they are of


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
        agreement: slopes of the secant through ±``Originals.scale`` while gradients come in whose signs are alike, and alternate, after the first BEFORE gradients of
            real runs, medians over the components of ``Originals.met``, [2, AGREEING + 1]; None where the update jumps with the state.
        curve: relative loss on the held-out problems, mean over problems, [STEPS + 1]; None where they are too large, and nothing is stored.
    """

    updates: np.ndarray
    rates: np.ndarray
    kernel: np.ndarray | None
    convergence: np.ndarray | None
    agreement: np.ndarray | None
    curve: np.ndarray | None


@dataclass(frozen=True)
class Originals:
    """What a formula is compared with, computed once for each learned optimizer.

    Attributes:
        learned: the learned optimizer.
        best: the curve of the best tuned optimizer as in `Instruments`.
        gradients: [G].
        scale: the size around which the axis of gradients is linear.
        curvatures: [L].
        met: gradients of the first steps of the learned optimizer's own runs, [BEFORE + AGREEING, components].
    """

    learned: Instruments
    best: np.ndarray | None
    gradients: np.ndarray
    scale: float
    curvatures: np.ndarray
    met: np.ndarray

    def axes(self) -> bytes:
        """What a formula is measured at."""
        places = {"gradients": self.gradients, "curvatures": self.curvatures, "met": self.met}
        return Bundle(places, {}).encode()


def _mean_curve(losses: "Tensor") -> np.ndarray:
    return np.asarray((losses / losses[0]).mean(1).double().numpy())


def _encoded(instruments: Instruments, others: Mapping[str, np.ndarray | None], **about: float) -> bytes:
    arrays = {**vars(instruments), **others}
    return Bundle({name: array for name, array in arrays.items() if array is not None}, about).encode()


def _instruments(arrays: Mapping[str, np.ndarray]) -> Instruments:
    optional = {name: arrays.get(name) for name in ("kernel", "convergence", "agreement", "curve")}
    return Instruments(arrays["updates"], arrays["rates"], **optional)


def _agreement(optimizer: Optimizer, met: "Tensor", width: float) -> np.ndarray:
    """As in `Instruments`."""
    start = optimizer.initial_state(met.shape[1], torch.float64)
    with torch.no_grad():
        for gradient in met[:BEFORE]:
            start, _ = optimizer.step(start, gradient)
    sizes = met[BEFORE:].abs()
    rates = [rates_by_signs(optimizer, start, sizes, kind, secant=width) for kind in KINDS]
    return torch.stack(rates).nanmedian(-1).values.numpy()


def compute_originals(path: str, outer_step: int, best: str, problems: int, seed: int) -> bytes:
    """`Originals` as bytes.

    Args:
        path: of the learned optimizer's run.
        outer_step: of its snapshot.
        best: name of the best tuned optimizer.
        problems: number of held-out problems.
        seed: of those.
    """
    from core.distil.scoring import held_out

    run = Run(Path(path))
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
    curves: list[np.ndarray | None] = [None, None]
    if not context.large:
        plain, _ = held_out(task, problems, seed)
        both: list[Optimizer] = [optimizer, zoo.baselines(task.name)[best]]
        curves = [_mean_curve(loss_curves(one, plain, STEPS)) for one in both]
    met = context.sample.gradients[: BEFORE + AGREEING].flatten(1)
    met = met[:, torch.isfinite(met).all(0)][:, :COMPONENTS]
    jumps = context.jumps_with_state or not met.shape[1]
    agreement = None if jumps else _agreement(context.double, met, context.observed.scale)
    own = Instruments(updates, rates.numpy(), kernel, convergence, agreement, curves[0])
    others = {
        "best": curves[1],
        "gradients": gradients.numpy(),
        "curvatures": curvatures.numpy(),
        "met": met.numpy(),
    }
    return _encoded(own, others, scale=float(context.observed.scale))


def originals_of(result: Distillation) -> Originals:
    """What the formulas of a distillation are compared with."""
    run = zoo.find_run(result.run)
    made_of = hashlib.sha256(snapshot_bytes(run, result.outer_step)).hexdigest()
    args = result.outer_step, result.best_tuned.name, result.problems, result.held_out_seed
    found = Bundle.decode(
        once(_key("originals", made_of, run.config.task, *args), compute_originals, str(run.path), *args)
    )
    arrays = found.arrays
    own = _instruments(arrays)
    places = arrays["gradients"], found.about["scale"], arrays["curvatures"], arrays["met"]
    best = arrays.get("best")
    if own.curve is None:  # problems are too large to be run when they are looked at
        curves = _stored_curves(run, result)
        own, best = replace(own, curve=curves[0]), curves[1]
    return Originals(own, best, *places)


def _stored_curves(run: Run, result: Distillation) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Mean relative losses of the learned and the best tuned optimizer from the stored held-out comparison; None where it is of other problems."""
    found = stored(run)
    if found is None or (found.outer_step, found.problems, found.seed, found.steps) != (
        result.outer_step,
        result.problems,
        result.held_out_seed,
        result.steps,
    ):
        return None, None
    scores = (found.optimizers.get(name) for name in ("learned", result.best_tuned.name))
    learned_curve, best = (None if one is None else np.array(one.curve_mean, dtype=float) for one in scores)
    return learned_curve, best


def _key(kind: str, *parts: object) -> str:
    text = json.dumps([source_digest(), FORMAT, *parts])
    return f"distil-{kind}:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def compute_formula(
    parts: str, values: Mapping[str, float], task: str, problems: int, seed: int, width: float, axes: bytes
) -> bytes:
    """A formula's `Instruments` as bytes; all but the curve have closed forms.

    Args:
        parts: its structure as JSON.
        values: its numbers by name.
        task: name of the task of the held-out problems.
        problems: their number.
        seed: of those.
        width: the size around which slopes are measured.
        axes: `Originals.axes`.
    """
    from core.distil.compiled import losses_of
    from core.distil.scoring import held_out

    torch.set_num_threads(1)
    formula = Formula(Parts.model_validate_json(parts).structure(), dict(values))
    at = Bundle.decode(axes).arrays
    met = torch.from_numpy(at["met"]).double()
    start = formula.initial_state(1, torch.float64)[0]
    rest = start.clone()
    if formula.clock is not None:
        rest[formula.clock] = float(STEPS)
    curve = None
    if not is_large(make_task(task)):
        _, exact = held_out(make_task(task), problems, seed)
        curve = _mean_curve(losses_of(formula, exact, STEPS))
    made = Instruments(
        updates=update_function(formula, start, torch.from_numpy(at["gradients"])).numpy(),
        rates=formula.effective_rates(STEPS).numpy(),
        kernel=memory_kernel(linearize(formula, rest, width=width)).values[:KERNEL].numpy(),
        convergence=convergence_rates(
            formula, Rest(rest, 0.0, True), torch.from_numpy(at["curvatures"]), width
        ).numpy(),
        agreement=_agreement(formula, met, width) if met.shape[1] else None,
        curve=curve,
    )
    return _encoded(made, {})


def instruments_of(formula: Formula, result: Distillation, originals: Originals) -> Instruments:
    """A formula under the same instruments. Those of a trained formula are kept, those of sliders that were moved are not."""
    axes = originals.axes()
    parts = Parts(**vars(formula.structure)).model_dump_json()
    known = result.task, result.problems, result.held_out_seed, originals.scale
    key = _key("formula", parts, formula.values, *known, hashlib.sha256(axes).hexdigest())
    trained = next((rung for rung in result.rungs if formula.values == rung.formula.formula().values), None)
    compute = anew if trained is None else once
    made = _instruments(Bundle.decode(compute(key, compute_formula, parts, formula.values, *known, axes)).arrays)
    return replace(made, curve=np.array(trained.curve)) if made.curve is None and trained and trained.curve else made
