"""Optimizers with a second moment, measured where that is typical of a run.

At gradient 0 the running mean of squares of RMSProp and Adam decays to 0, where their effective learning rate is α/ε: thousands of times what
it is in use. Instruments that look at the fixed point at gradient 0 therefore hold it at a value that the run really has.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, final

from core.analysis.interventions import Intervention
from core.errors import InputError
from core.late import torch
from core.mechanisms.context import Context
from core.optimizers.base import Optimizer
from core.optimizers.precision import double

if TYPE_CHECKING:
    from torch import Tensor

MOMENT = "s"  # the entry's name


def has_moment(optimizer: Optimizer) -> bool:
    """Whether an optimizer has a running mean of squares."""
    return MOMENT in optimizer.state_names


@final
class HeldMoment(Intervention):
    """An optimizer whose second moment is put back to a value before every step.

    Args:
        optimizer: the original one, with an entry "s".
        value: of its second moment.

    Raises:
        InputError: it has none.
    """

    suffix = "second moment held"

    def __init__(self, optimizer: Optimizer, value: float):
        if not has_moment(optimizer):
            raise InputError(f"{optimizer.name} has no second moment to hold")
        self.optimizer, self.value = optimizer, value
        self._at = optimizer.state_names.index(MOMENT)

    def initial_state(self, n: int, dtype: torch.dtype | None = None) -> Tensor:
        return self._held(self.optimizer.initial_state(n, dtype or torch.float32))

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        following, update = self.optimizer.step(self._held(state), gradient)
        return self._held(following), update

    def _held(self, state: Tensor) -> Tensor:
        columns = list(state.unbind(-1))
        columns[self._at] = torch.full_like(columns[self._at], self.value)
        return torch.stack(columns, -1)


@double.register(HeldMoment)
def _(optimizer: HeldMoment) -> Optimizer:
    return HeldMoment(double(optimizer.optimizer), optimizer.value)


def typical_moment(context: Context, share: float) -> float:
    """The second moment that a share of those observed over a run stay below.

    Args:
        context: the optimizer on its task.
        share: between 0 and 1; 0.5 for the median.

    Raises:
        InputError: it has no second moment, or none of those observed is positive.
    """
    if not has_moment(context.optimizer):
        raise InputError(f"{context.optimizer.name} has no second moment to hold")
    seen = context.observed.states[1:, :, context.optimizer.state_names.index(MOMENT)].flatten()
    seen = seen[torch.isfinite(seen) & (seen > 0)]
    if not len(seen):
        raise InputError(f"the second moment of {context.optimizer.name} is 0 all along the run")
    return float(seen.quantile(share))


def held_at(context: Context, value: float) -> Context:
    """The same optimizer with its second moment held; what it observes on the task is what it observes without that."""
    held = Context(HeldMoment(context.optimizer, value), context.task, context.seed, context.step)
    states = context.observed.states.clone()
    states[..., context.optimizer.state_names.index(MOMENT)] = value
    vars(held)["observed"] = replace(context.observed, states=states)  # as if it had been computed
    return held
