"""Optimizer and problem as one linear system at a place of a run: what a step makes of a small change of parameters and state.

    z = (x, h):        z' = M z,        M = ∂(x', h') / ∂(x, h),        x' = x + u(h, ∇f(x)),    h' = F(h, ∇f(x))

All components stand at their own states, so this needs no component alone, and holds for optimizers that see whole tensors (norms,
factored moments, cells above cells). Their state is whatever numbers they keep; numbers that do not depend on gradients or parameters
(counters, constants) are held. Every column of M is a difference quotient of the whole step with its own choice of width
(core/optimizers/differences.py), so M is built only where problem and state have few numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.analysis.closed_loop import whole_loop
from core.analysis.curvature import hessians
from core.analysis.general import Met
from core.errors import InputError
from core.late import torch
from core.optimizers.differences import slopes_along, typical_size
from core.optimizers.tensorwise import ProblemRun, TensorwiseOptimizer, as_row, as_tensors
from core.tasks.base import Problems

if TYPE_CHECKING:
    from torch import Tensor

LARGEST = 200  # numbers of parameters and state together, for which M is built
APART = 4  # steps on other gradients that show which numbers of a state are held


def loop_along(met: Met, problem: Problems, k: int) -> Tensor:
    """Eigenvalues of the whole loop at step k of a run, complex [N], largest first.

    Args:
        met: the run, in float64.
        problem: that it was on, a batch of one.
        k: a kept step.

    Raises:
        InputError: state and parameters have too many numbers, the state holds numbers that cannot be set, or a step has no slope.
    """
    place = met.places[k]
    if isinstance(place, ProblemRun):
        matrix = loop_matrix(met, problem, k)
        found = torch.linalg.eigvals(matrix)
    else:
        _check(place.numel() + met.x.shape[1])
        hessian = hessians(problem, met.x[k : k + 1])[0]
        found = whole_loop(met.optimizer, place, met.gradients[k], hessian)
    return found[found.abs().argsort(descending=True)]


def loop_matrix(met: Met, problem: Problems, k: int) -> Tensor:
    """M at step k of a run of an optimizer that sees whole tensors, [N, N]: parameters first, then the numbers of its state that move.

    Args:
        met: the run, in float64.
        problem: that it was on, a batch of one.
        k: a kept step.

    Raises:
        InputError: as `loop_along`.
    """
    place, optimizer = met.places[k], met.optimizer
    assert isinstance(place, ProblemRun) and isinstance(optimizer, TensorwiseOptimizer)
    size = met.x.shape[1]
    moves = _moving_numbers(met, k)
    _check(size + int(moves.sum()))

    def step(points: Tensor) -> Tensor:
        """Updates and the numbers that follow, [m, N]: x' itself would hide an update that stands still."""
        losses, gradients = problem.repeated(len(points)).loss_and_gradient(points[:, :size])
        ends = []
        for point, loss, gradient in zip(points, losses, gradients, strict=True):
            run = place.for_slopes()
            state = run.numbers()
            state[moves] = point[size:]
            run.set_numbers(state)
            own_g, own_p = (
                [one.clone() for one in as_tensors(flat, optimizer.shapes)] for flat in (gradient, point[:size])
            )
            update = as_row(run.step(own_g, own_p, float(loss), k, met.steps))
            ends.append(torch.cat([update, run.numbers()[moves]]))
        return torch.stack(ends)

    state = place.numbers()[moves]
    here = torch.cat([met.x[k], state])
    scales = torch.cat([torch.full((size,), typical_size(met.x[k])), torch.full((len(state),), typical_size(state))])
    columns = []
    with torch.no_grad():
        for i in range(len(here)):

            def answers(shifts: Tensor, i: int = i) -> Tensor:
                moved = here.repeat(len(shifts), 1)
                moved[:, i] += shifts
                return step(moved)

            columns.append(slopes_along(answers, float(here[i]), float(scales[i]), optimizer.rounding * here.abs()))
    matrix = torch.stack(columns, 1)
    matrix[:size, :size] += torch.eye(size, dtype=matrix.dtype)
    if not bool(torch.isfinite(matrix).all()):
        raise InputError(
            "a step has no slope there over some number of its state or some parameter (as in arithmetic in half precision)"
        )
    return matrix


def _moving_numbers(met: Met, k: int) -> Tensor:
    """Which numbers of a state depend on gradients or parameters, bool [numbers]; the others count steps, or are constants.

    Args:
        met: the run of an optimizer that sees whole tensors.
        k: a kept step.

    Raises:
        InputError: a number that does cannot be set.
    """
    place, optimizer = met.places[k], met.optimizer
    assert isinstance(place, ProblemRun) and isinstance(optimizer, TensorwiseOptimizer)
    runs = [place.copied(), place.copied()]
    x, loss = met.x[k], float(met.losses[k])
    for seed, run in enumerate(runs):
        source = torch.Generator().manual_seed(seed)
        for j in range(APART):
            own = [torch.randn(len(x), generator=source, dtype=torch.float64).to(x.dtype) for _ in range(2)]
            gradient, at = typical_size(met.gradients[k]) * own[0], x + typical_size(x) * own[1]
            run.step(as_tensors(gradient, optimizer.shapes), as_tensors(at, optimizer.shapes), loss, k + j, met.steps)
    first, second = (run.numbers() for run in runs)
    if len(first) != len(place.numbers()) or len(first) != len(second):
        raise InputError("it keeps a different number of numbers at different steps")
    if runs[0].fixed() != runs[1].fixed():
        raise InputError("a number of its state that depends on gradients cannot be set")
    return first != second


def _check(count: int) -> None:
    if count > LARGEST:
        raise InputError(
            f"problem and state have {count:,} numbers together, and the loop of whole tensors is built for {LARGEST} at most"
        )
