"""Interventions: an optimizer with one mechanism switched off, or repaired, for ablations.

Each intervention is an optimizer made from another one:

- `LinearOptimizer` (core/analysis/linearization.py): the linear system at h*. Only momentum remains.
- `Memoryless`: u(h̄_k, 0) + s (u(h̄_k, g) − u(h̄_k, 0)), with h̄_k the autonomous state at step k: only the gradient of the moment
  counts, but its answer, spread over many steps before, comes at once: s = Σ K / K(0), of the memory kernel. Schedule and clipping remain,
  momentum is removed.
- `Unsaturated`: u(h, 0) + ∂u/∂g(h, 0) g in place of u(h, g). The immediate response to a gradient is its tangent at 0; the state
  evolves as before.
- `Frozen`: the drift of the state and the parameters at h̄ₛ when g = 0 is subtracted at every step: h' = F(h, g) − (F(h̄ₛ, 0) − h̄ₛ)
  and u(h, g) − u(h̄ₛ, 0), starting from h̄ₛ. So h̄ₛ is a fixed point at g = 0, and the schedule stays at step s.
- `Pinned`: u(h, g) · α_k / α(h), where α(h) = −∂u/∂g(h, 0) is the effective learning rate of the state and α_k the typical one at
  step k (the median over observed components and problems). All components have the same learning rate at a step, whatever
  gradients each has received: the schedule and the momentum remain, the adaptation is removed. The factor is kept between 1/10 and 10.
- `Undecayed`: u(h, g, x = 0): what the optimizer makes of the parameter's value is removed.
- `Repaired`: u(h, g + g*), with g* the gradient at which the closed loop rests (core/analysis/closed_loop.py): the optimizer without its
  bias, at rest where the gradient is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

from core.analysis.update_function import effective_learning_rate
from core.late import torch
from core.optimizers.base import Input, Optimizer
from core.optimizers.precision import double

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_FACTOR = 10.0


class Intervention(Optimizer):
    """An optimizer made from another one, with its state and smoothness unless it says otherwise."""

    optimizer: Optimizer
    suffix: ClassVar[str]  # of its name

    @property
    def name(self) -> str:
        return f"{self.optimizer.name}, {self.suffix}"

    @property
    def smooth(self) -> bool:
        return self.optimizer.smooth

    @property
    def state_names(self) -> tuple[str, ...]:
        return self.optimizer.state_names

    @property
    def clocks(self) -> tuple[int, ...]:
        return self.optimizer.clocks

    @property
    def reads(self) -> dict[Input, int]:
        return self.optimizer.reads

    def initial_state(self, n: int, dtype: torch.dtype | None = None) -> Tensor:
        return self.optimizer.initial_state(n, dtype or torch.float32)


@final
class Unsaturated(Intervention):
    """An optimizer whose immediate response to a gradient is linear: u(h, 0) + ∂u/∂g(h, 0) g replaces u(h, g).

    Args:
        optimizer: the original optimizer.
        width: for `effective_learning_rate`, if the update function jumps at 0.
    """

    suffix = "un-saturated"

    def __init__(self, optimizer: Optimizer, width: float = 0.0):
        self.optimizer, self.width = optimizer, width

    @property
    def smooth(self) -> bool:
        return True

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        _, still = self.optimizer.step(state, torch.zeros_like(gradient))
        following, _ = self.optimizer.step(state, gradient)
        return following, still - effective_learning_rate(self.optimizer, state, self.width) * gradient


@final
class Frozen(Intervention):
    """An optimizer without autonomous drift: F(h, g) − (F(h̄ₛ, 0) − h̄ₛ) and u(h, g) − u(h̄ₛ, 0), starting from h̄ₛ.

    Args:
        optimizer: the original optimizer.
        at: h̄ₛ, the state where it is frozen, [S].
    """

    suffix = "drift frozen"

    def __init__(self, optimizer: Optimizer, at: Tensor):
        self.optimizer, self.at = optimizer, at
        with torch.no_grad():
            following, update = optimizer.step(at[None], at.new_zeros(1))
        self._drift, self._update = following[0] - at, float(update[0])

    @property
    def reads(self) -> dict[Input, int]:
        return {what: index for what, index in self.optimizer.reads.items() if what != "step"}  # which stays that of h̄ₛ

    def initial_state(self, n: int, dtype: torch.dtype | None = None) -> Tensor:
        return self.at.to(dtype or torch.float32).expand(n, -1)

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        following, update = self.optimizer.step(state, gradient)
        return following - self._drift.to(state.dtype), update - self._update


@final
class Pinned(Intervention):
    """An optimizer with the same effective learning rate for every component at a step: u(h, g) · α_k / α(h).

    Its state has one more entry, the step.

    Args:
        optimizer: the original optimizer.
        rates: α_k, [K]; the last one is used for all later steps.
        width: for `effective_learning_rate`, if the update function jumps at 0.
    """

    suffix = "adaptation pinned"

    def __init__(self, optimizer: Optimizer, rates: Sequence[float] | Tensor, width: float = 0.0):
        self.optimizer, self.width = optimizer, width
        self.rates = torch.as_tensor(rates, dtype=torch.float64)

    @property
    def state_names(self) -> tuple[str, ...]:
        return (*self.optimizer.state_names, "step of the schedule")

    def initial_state(self, n: int, dtype: torch.dtype | None = None) -> Tensor:
        return torch.cat(
            [self.optimizer.initial_state(n, dtype or torch.float32), torch.zeros(n, 1, dtype=dtype or torch.float32)],
            1,
        )

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        inner, k = state[:, :-1], state[:, -1]
        following, update = self.optimizer.step(inner, gradient)
        typical = self.rates.to(state.dtype)[k.long().clamp_max(len(self.rates) - 1)]
        own = effective_learning_rate(self.optimizer, inner, self.width)
        factor = torch.where(own > 0, typical / own, LARGEST_FACTOR).clamp(1 / LARGEST_FACTOR, LARGEST_FACTOR)
        return torch.cat([following, k[:, None] + 1], 1), update * factor


@final
class Memoryless(Intervention):
    """An optimizer that remembers no gradient: its state follows the autonomous path whatever it is fed.

    Its state is the step.

    Args:
        optimizer: the one changed, in float64.
        path: h̄₀ … h̄_K at g = 0, [K + 1, S]; the last state stays from there on.
        gain: s, by which the answer to the gradient of the moment is multiplied; kept between 1/10 and 10.
    """

    suffix = "without memory"

    def __init__(self, optimizer: Optimizer, path: Tensor, gain: float):
        self.optimizer, self.path = optimizer, path
        self.gain = min(max(gain, 1 / LARGEST_FACTOR), LARGEST_FACTOR)

    @property
    def state_names(self) -> tuple[str, ...]:
        return ("step",)

    @property
    def clocks(self) -> tuple[int, ...]:
        return (0,)

    @property
    def reads(self) -> dict[Input, int]:
        return {}

    def initial_state(self, n: int, dtype: torch.dtype | None = None) -> Tensor:
        return torch.zeros(n, 1, dtype=dtype or torch.float32)

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        at = state[:, 0].long().clamp_max(len(self.path) - 1)
        states = self.path.to(state.dtype)[at]
        _, update = self.optimizer.step(states, gradient)
        _, still = self.optimizer.step(states, torch.zeros_like(gradient))
        return state + 1, still + self.gain * (update - still)


@final
class Undecayed(Intervention):
    """An optimizer that reads every parameter as 0: without weight decay, and without anything else that it makes of the parameter.

    Args:
        optimizer: the original optimizer, which reads the parameter.
    """

    suffix = "without weight decay"

    def __init__(self, optimizer: Optimizer):
        self.optimizer = optimizer

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        index = self.optimizer.reads["parameter"]
        blind = state.clone()
        blind[:, index] = 0
        following, update = self.optimizer.step(blind, gradient)
        following = following.clone()
        following[:, index] = state[:, index]
        return following, update


@final
class Repaired(Intervention):
    """An optimizer without its bias: it is fed g + g*, so that the closed loop rests where the gradient is 0.

    Args:
        optimizer: the one changed.
        gradient: g*, as `rest_of_loop` finds it.
    """

    suffix = "repaired"

    def __init__(self, optimizer: Optimizer, gradient: float):
        self.optimizer, self.gradient = optimizer, gradient

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return self.optimizer.step(state, gradient + self.gradient)


@double.register(Repaired)
def _(optimizer: Repaired) -> Optimizer:
    return Repaired(double(optimizer.optimizer), optimizer.gradient)
