"""The inner loop: an optimizer on a batch of problems."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from core.interruption import Check, go_on
from core.late import torch
from core.optimizers.base import Optimizer
from core.tasks.base import Problems

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Trajectory:
    """The record of an unroll of K inner steps; entries that were not requested are None.

    Attributes:
        losses: f(x_k), k = 0 … K, [K + 1, problems].
        x: inner parameters, [K + 1, problems, parameters].
        gradients: of f at x_k, [K + 1, problems, parameters].
        states: h_k, [K + 1, problems, components, S]; only the requested components.
        updates: u_k = x_{k+1} − x_k, [K, problems, parameters].
    """

    losses: Tensor
    x: Tensor | None
    gradients: Tensor | None
    states: Tensor | None
    updates: Tensor | None


class InnerStep(NamedTuple):
    """One inner step k.

    Attributes:
        x: x_k, [problems, parameters].
        loss: f(x_k), [problems].
        gradient: of f at x_k, [problems, parameters].
        state: h_k, [problems * parameters, S].
        update: u_k, [problems, parameters].
        next_x: x_{k+1}, [problems, parameters].
        next_state: h_{k+1}, [problems * parameters, S].
    """

    x: Tensor
    loss: Tensor
    gradient: Tensor
    state: Tensor
    update: Tensor
    next_x: Tensor
    next_state: Tensor


def inner_steps(
    optimizer: Optimizer, problems: Problems, x: Tensor, state: Tensor, *, first: int = 0, steps: int = 200
) -> Iterator[InnerStep]:
    """The endless inner loop x[k+1] = x[k] + u(h[k], g[k]), h[k+1] = F(h[k], g[k]).

    It neither enables nor disables autograd; the caller decides.

    Args:
        optimizer: any optimizer, in the problems' precision and fitted to them.
        problems: the batch.
        x: start points, [problems, parameters].
        state: start states, [problems * parameters, S].
        first: k of the first step, for an optimizer that reads it.
        steps: K, for an optimizer that reads it.
    """
    for k in itertools.count(first):
        loss, gradient = problems.loss_and_gradient(x)
        state = optimizer.told(state, x, loss, k, steps)
        next_state, flat = optimizer.step(state, gradient.reshape(-1))
        update = flat.view(x.shape)
        next_x = x + update
        yield InnerStep(x, loss, gradient, state, update, next_x, next_state)
        x, state = next_x, next_state


EVERYTHING = ("x", "gradients", "states", "updates")


def unroll(
    optimizer: Optimizer,
    problems: Problems,
    steps: int,
    *,
    record: Sequence[str] = EVERYTHING,
    components: Sequence[int] | None = None,
    check: Check = go_on,
) -> Trajectory:
    """Run an optimizer on every problem of a batch, without an autograd graph.

    Args:
        optimizer: any optimizer, in the problems' precision.
        problems: the batch.
        steps: K, the number of inner steps.
        record: which of "x", "gradients", "states", "updates" to record; losses are always recorded.
        components: indices of the parameters whose states are recorded; by default all.
        check: called at every inner step; what it raises ends the unroll.

    Raises:
        InputError: the optimizer cannot optimize problems of this shape.
    """
    kept: dict[str, list[Tensor]] = {name: [] for name in record}
    losses = []
    shape = problems.x0.shape

    def keep(name: str, value: Tensor) -> None:
        if name in kept:
            kept[name].append(value)

    with torch.no_grad():
        x0 = problems.x0
        optimizer = optimizer.fitted(problems)
        loop = inner_steps(optimizer, problems, x0, optimizer.state_at(x0.reshape(-1)), steps=steps)
        for k, step in zip(range(steps + 1), loop, strict=False):
            check()
            losses.append(step.loss)
            keep("x", step.x)
            keep("gradients", step.gradient)
            if "states" in kept:
                by_component = step.state.view(*shape, -1)
                keep("states", by_component if components is None else by_component[:, components])
            if k < steps:
                keep("updates", step.update)
        stacked = {
            name: torch.stack(values) if values else problems.x0.new_empty(0, *shape) for name, values in kept.items()
        }
        return Trajectory(torch.stack(losses), *(stacked.get(name) for name in EVERYTHING))
