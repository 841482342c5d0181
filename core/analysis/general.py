"""Instruments for any optimizer, whatever it reads and sees: what one step, and the steps after it, answer to a change, all else as met.

They go back to a step of a recorded run of one problem, change something there, and look at what follows. A component-wise optimizer goes
back to the recorded states of its rows; one that sees whole tensors to a copy of itself. Slopes are difference quotients with their own
choice of width (core/optimizers/differences.py).

- the *update function* of a component: its update as its own gradient varies;
- the *memory kernel* K(j) = −∂u[k+j]/∂g[k] of a component along the run, in open loop: later gradients and parameters stay as recorded;
- the *effective learning rate*: −∂u/∂g of a component at its own gradient 0;
- *weight decay*: −∂u/∂x of a component at its own gradient 0;
- *coupling*: how much of the answer to a component's gradient is found in other components' updates, Σ_{i≠j} |∂u_i/∂g_j| / Σ_i |∂u_i/∂g_j|:
  0 if components are independent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from core.errors import InputError
from core.late import torch
from core.optimizers.base import Optimizer
from core.optimizers.differences import slopes_along, typical_size
from core.optimizers.tensorwise import ProblemRun, TensorwiseOptimizer, as_row, as_tensors
from core.tasks.base import Problems
from core.unroll import inner_steps

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Met:
    """A run of one problem with what is needed to go back to some of its steps.

    Attributes:
        optimizer: fitted to the problem.
        x: inner parameters before each step, [K, parameters].
        losses: f(x_k), [K].
        gradients: at x_k, [K, parameters].
        places: for each kept step the states before it [parameters, S], or a copy of the run.
    """

    optimizer: Optimizer
    x: Tensor
    losses: Tensor
    gradients: Tensor
    places: dict[int, Tensor | ProblemRun]

    @property
    def steps(self) -> int:
        """K."""
        return len(self.losses)

    @property
    def rounding(self) -> Tensor:
        """How large the rounding errors of updates are at least, [K, parameters]: where the parameter is read, an update may be a difference."""
        read = "parameter" in self.optimizer.reads
        return self.optimizer.rounding * self.x.abs() if read else torch.zeros_like(self.x)

    def after(self, k: int, gradients: Tensor, x: Tensor | None = None, count: int = 0) -> Tensor:
        """The updates of step k and ``count`` more, if the gradients and parameters of step k were others, [V, count + 1, parameters].

        Args:
            k: a kept step.
            gradients: in place of those met, [V, parameters].
            x: in place of the parameters met, [V, parameters].
            count: further steps, on the gradients and parameters as met; fewer where the run ends.
        """
        place, count = self.places[k], min(count, self.steps - 1 - k)
        first_x = self.x[k].expand_as(gradients) if x is None else x
        if isinstance(place, torch.Tensor):
            return self._rows(place, k, gradients, first_x, count)
        shapes = self.optimizer.shapes  # type: ignore[attr-defined]
        found = []
        for own, at in zip(gradients, first_x, strict=True):
            run, updates = place.for_slopes(), []
            for j in range(count + 1):
                g, p = (own, at) if j == 0 else (self.gradients[k + j], self.x[k + j])
                own_g, own_p = ([one.clone() for one in as_tensors(flat, shapes)] for flat in (g, p))
                updates.append(as_row(run.step(own_g, own_p, float(self.losses[k + j]), k + j, self.steps)))
            found.append(torch.stack(updates))
        return torch.stack(found)

    def _rows(self, place: Tensor, k: int, gradients: Tensor, x: Tensor, count: int) -> Tensor:
        variants, size = gradients.shape
        state, updates = place.repeat(variants, 1), []
        for j in range(count + 1):
            g = gradients if j == 0 else self.gradients[k + j].expand(variants, -1)
            p = x if j == 0 else self.x[k + j].expand(variants, -1)
            state = self.optimizer.told(state, p, self.losses[k + j].expand(variants), k + j, self.steps)
            state, update = self.optimizer.step(state, g.reshape(-1))
            updates.append(update.view(variants, size))
        return torch.stack(updates, 1)


def meet(optimizer: Optimizer, problem: Problems, steps: int, keep: Sequence[int]) -> Met:
    """Run an optimizer on one problem and keep places to go back to.

    Args:
        optimizer: any optimizer, in the problem's precision.
        problem: a batch of one.
        steps: K.
        keep: the steps to keep.

    Raises:
        InputError: there is more than one problem, or the optimizer cannot optimize it.
    """
    if problem.count != 1:
        raise InputError(f"one problem is met at a time (got {problem.count})")
    fitted = optimizer.fitted(problem)
    places: dict[int, Tensor | ProblemRun] = {}
    x, losses, gradients = [], [], []
    whole = isinstance(fitted, TensorwiseOptimizer)
    with torch.no_grad():
        x0 = problem.x0
        if isinstance(fitted, TensorwiseOptimizer) and 0 in keep:
            places[0] = fitted.begin([one.clone() for one in as_tensors(x0[0], fitted.shapes)], 0)
        loop = inner_steps(fitted, problem, x0, fitted.state_at(x0.reshape(-1)), steps=steps)
        for k, step in zip(range(steps), loop, strict=False):
            x.append(step.x[0])
            losses.append(step.loss[0])
            gradients.append(step.gradient[0])
            if k in keep and not whole:
                places[k] = step.state
            if isinstance(fitted, TensorwiseOptimizer) and k + 1 in keep:
                places[k + 1] = fitted.runs[0].copied()
    return Met(fitted, torch.stack(x), torch.stack(losses), torch.stack(gradients), places)


def update_functions(met: Met, k: int, components: Sequence[int], gradients: Tensor) -> Tensor:
    """The update of each component as its own gradient varies, all else as met at step k, [components, G].

    Args:
        met: the run.
        k: a kept step.
        components: indices of inner parameters.
        gradients: of the component, [G].
    """
    found = []
    with torch.no_grad():
        for i in components:
            varied = met.gradients[k].repeat(len(gradients), 1)
            varied[:, i] = gradients
            found.append(met.after(k, varied)[:, 0, i])
    return torch.stack(found)


def kernel_along(met: Met, k: int, component: int, count: int) -> Tensor:
    """K(j) = −∂u[k+j]/∂g[k] of one component in open loop, j = 0 … count (fewer where the run ends); NaN where there is no slope.

    Args:
        met: the run.
        k: a kept step.
        component: index of an inner parameter.
        count: J.
    """

    def answers(shifts: Tensor) -> Tensor:
        varied = met.gradients[k].repeat(len(shifts), 1)
        varied[:, component] += shifts
        return met.after(k, varied, count=count)[:, :, component]

    with torch.no_grad():
        return -slopes_along(
            answers,
            float(met.gradients[k, component]),
            typical_size(met.gradients[k]),
            met.rounding[k : k + count + 1, component],
        )


def decay_along(met: Met, k: int, component: int) -> float:
    """−∂u/∂x of one component at its own gradient 0, all else as met at step k: its weight decay a step; NaN where there is no slope.

    Args:
        met: the run.
        k: a kept step.
        component: index of an inner parameter.
    """
    still = met.gradients[k].clone()
    still[component] = 0

    def answers(shifts: Tensor) -> Tensor:
        moved = met.x[k].repeat(len(shifts), 1)
        moved[:, component] += shifts
        return met.after(k, still.repeat(len(shifts), 1), moved)[:, 0, component : component + 1]

    with torch.no_grad():
        rounding = met.rounding[k, component : component + 1]
        return -float(slopes_along(answers, float(met.x[k, component]), typical_size(met.x[k]), rounding)[0])


def rate_along(met: Met, k: int, component: int) -> float:
    """−∂u/∂g of one component at its own gradient 0, all else as met at step k: its effective learning rate; NaN where there is no slope.

    Args:
        met: the run.
        k: a kept step.
        component: index of an inner parameter.
    """
    with torch.no_grad():
        return _rate_of(met, k, component, met.gradients[k], lambda varied: met.after(k, varied)[:, 0])


def rates_after(met: Met, gradients: Tensor, counts: Sequence[int], components: Sequence[int]) -> Tensor:
    """Effective learning rates after some steps from the start on given gradients, parameters and loss as at first, [counts, components].

    Args:
        met: the run of an optimizer that sees whole tensors, with step 0 kept.
        gradients: of every component, [parameters], the same at every step; or [steps, parameters], with one more step than the last count.
        counts: after how many steps, ascending.
        components: indices of inner parameters.

    Returns:
        −∂u/∂g of each component at its own gradient 0, all others as given; NaN where there is no slope.
    """
    place, shapes = met.places[0], met.optimizer.shapes  # type: ignore[attr-defined]
    assert isinstance(place, ProblemRun)
    run, x, loss = place.for_slopes(), met.x[0], float(met.losses[0])
    found = []
    given = gradients.expand(counts[-1] + 1, -1) if gradients.dim() == 1 else gradients

    def step(of: ProblemRun, flat: Tensor, k: int) -> Tensor:
        own = [[one.clone() for one in as_tensors(row, shapes)] for row in (flat, x)]
        return as_row(of.step(own[0], own[1], loss, k, met.steps))

    def answer(k: int, varied: Tensor) -> Tensor:
        return torch.stack([step(run.copied(), flat, k) for flat in varied])

    with torch.no_grad():
        for k in range(counts[-1] + 1):
            if k in counts:
                found.append([_rate_of(met, 0, i, given[k], partial(answer, k)) for i in components])
            if k < counts[-1]:
                step(run, given[k], k)
    return torch.tensor(found, dtype=torch.float64)


def _rate_of(met: Met, k: int, component: int, gradients: Tensor, step: Callable[[Tensor], Tensor]) -> float:
    """−∂u/∂g of one component at its own gradient 0, with sizes and rounding of step k; ``step`` maps gradients to updates, [n, parameters]."""

    def answers(shifts: Tensor) -> Tensor:
        varied = gradients.repeat(len(shifts), 1)
        varied[:, component] = shifts
        return step(varied)[:, component : component + 1]

    rounding = met.rounding[k, component : component + 1]
    return -float(slopes_along(answers, 0.0, typical_size(met.gradients[k]), rounding)[0])


def answers_along(met: Met, k: int, component: int) -> Tensor:
    """∂u_i/∂g_j of every component i, all else as met at step k, [parameters]; NaN where there is no slope.

    Args:
        met: the run.
        k: a kept step.
        component: j, index of an inner parameter.
    """

    def answers(shifts: Tensor) -> Tensor:
        varied = met.gradients[k].repeat(len(shifts), 1)
        varied[:, component] += shifts
        return met.after(k, varied)[:, 0]

    with torch.no_grad():
        return slopes_along(
            answers, float(met.gradients[k, component]), typical_size(met.gradients[k]), met.rounding[k]
        )


def coupling_along(met: Met, k: int, component: int) -> float:
    """The share of the answer to one component's gradient that is found in other components' updates at step k, from 0 to 1.

    Args:
        met: the run.
        k: a kept step.
        component: index of an inner parameter.

    Returns:
        Σ_{i≠j} |∂u_i/∂g_j| / Σ_i |∂u_i/∂g_j|; NaN where nothing answers, or a slope is not known.
    """
    return 0.0 if met.optimizer.together is None else share_of_others(answers_along(met, k, component), component)


def share_of_others(slopes: Tensor, component: int) -> float:
    """Σ_{i≠j} |∂u_i/∂g_j| / Σ_i |∂u_i/∂g_j|; NaN where nothing answers, or a slope is not known.

    Args:
        slopes: ∂u_i/∂g_j of every component i, [parameters].
        component: j.
    """
    sizes = slopes.abs()
    total = float(sizes.sum())
    return 1 - float(sizes[component]) / total if total > 0 else float("nan")
