"""The lower bound of a task's loss, above which losses are compared: f(x_k) − bound over f(x_0) − bound.

A task says its `Task.minimum`. Where it does not, and descent meets losses below 0, the bound is the lowest loss met by a quasi-Newton
method (L-BFGS-B) from many start points, less a hundredth of the typical height of a start above it. It is the same in every process.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from core.errors import InputError
from core.late import torch
from core.seeds import Purpose, generator
from core.tasks.base import Problems, Task

if TYPE_CHECKING:
    from torch import Tensor

STARTS = 32  # problems that are descended
STEPS = 200  # of the descent
LIMITS = {"maxiter": STEPS, "maxfun": 3 * STEPS}  # evaluations, too: a search along a line with gaps can take 20 a step
MARGIN = 0.01  # of the median first loss above the lowest
RAY = -30, 60  # powers of 2: lengths along the gradient at which a loss is looked at
ENDLESS = 1e9  # times the size of a first loss: what goes further down has no end


@lru_cache(maxsize=64)
def loss_bound(task: Task) -> float:
    """The number that losses of a task are measured above: its `minimum`, or one found by descent (0 if no loss below 0 was met)."""
    if task.minimum is not None:
        return task.minimum
    problems = task.sample(STARTS, generator(Purpose.TUNE, 0), torch.float64)
    if problems.large:
        problems = problems.part(0, 2)
    starts = problems.loss(problems.x0).detach()
    lowest = min(float(starts.min()), *(_descended(problems.part(i, i + 1)) for i in range(problems.count)))
    if not lowest < 0:
        return 0.0
    return lowest - MARGIN * max(float(starts.median()) - lowest, abs(lowest) * MARGIN)


def check_bound(task: Task) -> None:
    """Check that a task's `minimum` is a number that no loss on the way down from two start points is below, and that there is an end.

    Raises:
        InputError: it is not.
    """
    stated = task.minimum
    if stated is not None and not (isinstance(stated, int | float) and np.isfinite(stated)):
        raise InputError(f"task {task.name}: its minimum must be a finite number, or None (got {stated!r:.40})")
    problems = task.sample(2, generator(Purpose.TUNE, 0), torch.float64)
    lengths = torch.exp2(torch.arange(*RAY, dtype=torch.float64))
    _, gradient = problems.loss_and_gradient(problems.x0)
    with torch.no_grad():
        losses = torch.stack([problems.loss(problems.x0 - length * gradient) for length in lengths])
    first, met = problems.loss(problems.x0).detach(), torch.where(torch.isfinite(losses), losses, torch.inf)
    lowest, size = float(met.min()), float(first.abs().max()) + 1
    if lowest < -ENDLESS * size:
        raise InputError(
            f"task {task.name}: its loss goes down to {lowest:.3g} along its gradient, so it seems to have no lower bound: optimizers are "
            "compared by how far above one they are"
        )
    if stated is not None and lowest < stated - 1e-6 * size:
        raise InputError(f"task {task.name}: its minimum is said to be {stated:g}, and its loss comes to {lowest:.6g}")


def _descended(problem: Problems) -> float:
    """The lowest finite loss that a descent from the start point meets."""
    from scipy.optimize import minimize  # takes half a second to load

    met = [float(problem.loss(problem.x0)[0])]

    def value_and_slope(x: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = problem.loss_and_gradient(torch.from_numpy(x)[None])
        value = float(loss[0])
        if np.isfinite(value):
            met.append(value)
        return value, gradient[0].numpy()

    with np.errstate(all="ignore"):
        minimize(value_and_slope, problem.x0[0].numpy(), jac=True, method="L-BFGS-B", options=LIMITS)
    return min(met)


def above_bound(problems: Problems, bound: float) -> Problems:
    """The same problems with the loss measured above a bound: f − bound."""
    return _Above(problems, bound) if bound else problems


class _Above(Problems):
    """Problems with a constant taken from the loss."""

    def __init__(self, problems: Problems, bound: float):
        self.problems, self.bound = problems, bound
        self.x0 = problems.x0

    def _same(self, change: Callable[[Problems], Problems]) -> _Above:
        return _Above(change(self.problems), self.bound)

    def loss(self, x: Tensor) -> Tensor:
        return self.problems.loss(x) - self.bound

    def loss_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        loss, gradient = self.problems.loss_and_gradient(x)
        return loss - self.bound, gradient

    def hessian_vector_product(self, x: Tensor, v: Tensor) -> Tensor:
        return self.problems.hessian_vector_product(x, v)

    def starting_at(self, x0: Tensor) -> _Above:
        return self._same(lambda problems: problems.starting_at(x0))

    def part(self, start: int, stop: int) -> _Above:
        return self._same(lambda problems: problems.part(start, stop))

    def repeated(self, times: int) -> _Above:
        return self._same(lambda problems: problems.repeated(times))

    def component_names(self) -> list[str]:
        return self.problems.component_names()

    def watched_components(self) -> list[int]:
        return self.problems.watched_components()

    def tensor_shapes(self) -> list[tuple[int, ...]]:
        return self.problems.tensor_shapes()
