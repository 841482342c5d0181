"""Formulas in compiled code: losses, the exact gradient of the meta-loss by their numbers, and responses to given gradients."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.distil.scales import from_raw
from core.meta_loss import meta_loss
from core.optimizers.formula import Coefficients, Formula, Structure, coefficients
from core.optimizers.schedules import Scalar
from core.outer.gradient import loss_weights
from core.outer.kernels import formula as compiled
from core.outer.kernels.shared import clip
from core.outer.kernels.small import known
from core.tasks.base import Problems

CLIPPING = {
    "none": compiled.NONE,
    "tanh": compiled.TANH,
    "symlog": compiled.SYMLOG,
    "clamp": compiled.CLAMP,
    "sign": compiled.SIGN,
}
ADAPTATION = {"none": compiled.NONE, "power": compiled.POWER, "root": compiled.ROOT}
NO_CLIP = 0.0
LARGEST_TAPE = 8_000_000  # inner steps times parameters that are kept in memory at once where only losses are asked for: half a GiB


def _kinds(structure: Structure) -> np.ndarray:
    parts = (CLIPPING[structure.clipping], structure.momenta, structure.limit, ADAPTATION[structure.adaptation])
    return np.array((*parts, structure.adaptive_memory, structure.agreement), dtype=np.int64)


def _schedule(structure: Structure, values: Mapping[str, Scalar], steps: int) -> Tensor:
    """The fields of `Coefficients` at every step, float64 [steps, 7]."""
    at: Coefficients = coefficients(structure, values, torch.arange(steps, dtype=torch.float64))
    return torch.stack([torch.as_tensor(field, dtype=torch.float64).expand(steps) for field in at], 1)


def _numbers(values: Mapping[str, Scalar]) -> Tensor:
    """The numbers that do not change with the step, in the order of the compiled code, float64 [7]; 1 or 0 where a formula has none."""
    scale = values.get("scale", values.get("epsilon", 1.0))
    given = (
        values.get("limit", 1.0),
        values.get("averaging", 0.0),
        scale,
        values.get("exponent", 0.0),
        values.get("forgetting", 0.0),
        values.get("boost", 0.0),
        values.get("agreement_decay", 0.0),
    )
    return torch.stack([torch.as_tensor(value, dtype=torch.float64) for value in given])


@dataclass(frozen=True)
class _Unroll:
    """A recorded unroll: losses [K + 1, problems], x and gradients [K + 1, problems, d], and the tape."""

    losses: np.ndarray
    x: np.ndarray
    gradients: np.ndarray
    tape: np.ndarray


def _forward(structure: Structure, at: np.ndarray, numbers: np.ndarray, problems: Problems) -> _Unroll:
    steps, (count, d) = len(at), problems.x0.shape
    tape = np.zeros((steps + 1, compiled.TAPE, count * d))
    x, gradients, losses = (
        np.empty((steps + 1, count, d)),
        np.empty((steps + 1, count, d)),
        np.empty((steps + 1, count)),
    )
    x[0] = problems.x0.numpy()
    kinds, task = _kinds(structure), known(problems, np.dtype(np.float64))
    if task is not None:
        compiled.unroll(task, at, numbers, kinds, x, gradients, losses, tape)
        return _Unroll(losses, x, gradients, tape)
    dtype = problems.x0.dtype
    for k in range(steps + 1):
        loss, gradient = problems.loss_and_gradient(torch.from_numpy(x[k]).to(dtype))
        losses[k], gradients[k] = loss.double().numpy(), gradient.double().numpy()
        if k < steps:
            compiled.step(k, at, numbers, kinds, gradients[k].reshape(-1), tape, x[k].reshape(-1), x[k + 1].reshape(-1))
    return _Unroll(losses, x, gradients, tape)


def losses_of(formula: Formula, problems: Problems, steps: int) -> Tensor:
    """f(x_k) of a formula on every problem.

    Args:
        formula: the formula.
        problems: the batch; in float64 where the task has compiled code.
        steps: K.

    Returns:
        float64 [K + 1, problems].
    """
    with torch.no_grad():
        at = _schedule(formula.structure, formula.values, steps).contiguous().numpy()
        numbers = _numbers(formula.values).numpy()
        at_once = max(1, LARGEST_TAPE // ((steps + 1) * problems.dimension))  # a whole run is kept in memory
        parts = [problems.part(i, i + at_once) for i in range(0, problems.count, at_once)]
        return torch.cat(
            [torch.from_numpy(_forward(formula.structure, at, numbers, part).losses) for part in parts], dim=1
        )


@dataclass(frozen=True)
class RawGradient:
    """Meta-losses of a batch [problems], and the gradient of their mean by the raw numbers of a formula [numbers]."""

    meta_losses: Tensor
    gradient: Tensor


def meta_gradient(
    structure: Structure, raw: np.ndarray, problems: Problems, steps: int, adjoint_clip: float | None
) -> RawGradient:
    """The gradient of the mean meta-loss of whole unrolls by a formula's numbers, by back-propagation.

    Args:
        structure: the formula's parts.
        raw: its numbers in the scales of fits, float64 [numbers].
        problems: the batch; in float64 where the task has compiled code.
        steps: K.
        adjoint_clip: largest norm of each problem's adjoints at every inner step; None for the exact gradient.
    """
    leaf = torch.from_numpy(raw).requires_grad_()
    with torch.enable_grad():
        values = from_raw(structure, leaf)
        schedule, constants = _schedule(structure, values, steps), _numbers(values)
    at, numbers = schedule.detach().contiguous().numpy(), constants.detach().numpy()
    run = _forward(structure, at, numbers, problems)
    losses = torch.from_numpy(run.losses)
    weights = loss_weights(losses, losses[0], True).contiguous().numpy()
    adjoints = _backward(structure, at, numbers, problems, run, weights, adjoint_clip)
    outputs, seeds = [schedule, constants], [torch.from_numpy(adjoint / problems.count) for adjoint in adjoints]
    kept = [i for i, output in enumerate(outputs) if output.requires_grad]
    (gradient,) = torch.autograd.grad([outputs[i] for i in kept], leaf, [seeds[i] for i in kept], allow_unused=True)
    return RawGradient(meta_loss(losses), torch.zeros_like(leaf) if gradient is None else gradient)


def _backward(
    structure: Structure,
    at: np.ndarray,
    numbers: np.ndarray,
    problems: Problems,
    run: _Unroll,
    weights: np.ndarray,
    adjoint_clip: float | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Adjoints of the schedule [K, 7] and of the constants [7], summed over problems."""
    steps, (count, d) = len(at), problems.x0.shape
    adjoint_x, adjoint, pulled = np.zeros((count, d)), np.zeros((compiled.STATES, count * d)), np.zeros((count, d))
    d_at, d_numbers = np.zeros_like(at), np.zeros_like(numbers)
    clipping, largest = adjoint_clip is not None, adjoint_clip or NO_CLIP
    kinds, task = _kinds(structure), known(problems, np.dtype(np.float64))
    if task is not None:
        compiled.unroll_back(
            task, at, numbers, kinds, clipping, largest, weights, run.x, run.gradients, run.tape,
            adjoint_x, adjoint, pulled, d_at, d_numbers,
        )  # fmt: skip
        return d_at, d_numbers
    dtype = problems.x0.dtype
    adjoint_x += weights[steps][:, None] * run.gradients[steps]
    for k in range(steps - 1, -1, -1):
        if clipping:
            clip(adjoint_x.reshape(1, -1, 1), count, largest)
            compiled.clip_each(adjoint, count, largest)
        compiled.step_back(
            k, at, numbers, kinds, run.gradients[k].reshape(-1), run.tape, adjoint_x.reshape(-1), adjoint,
            pulled.reshape(-1), d_at, d_numbers,
        )  # fmt: skip
        product = problems.hessian_vector_product(
            torch.from_numpy(run.x[k]).to(dtype), torch.from_numpy(pulled).to(dtype)
        )
        adjoint_x += weights[k][:, None] * run.gradients[k] + product.double().numpy()
    return d_at, d_numbers


def respond(formula: Formula, gradients: np.ndarray) -> np.ndarray:
    """The updates of a formula that is fed given gradients, from its initial state.

    Args:
        formula: the formula.
        gradients: float64 [K, n].

    Returns:
        float64 [K, n].
    """
    steps, n = gradients.shape
    with torch.no_grad():
        at = _schedule(formula.structure, formula.values, steps).contiguous().numpy()
        numbers = _numbers(formula.values).numpy()
    updates = np.empty((steps, n))
    tape = np.zeros((steps + 1, compiled.TAPE, n))
    compiled.respond(at, numbers, _kinds(formula.structure), gradients, tape, np.empty((2, n)), updates)
    return updates
