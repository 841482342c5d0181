"""SGD, momentum, Nesterov momentum, RMSProp and Adam, and SGD with clipping or a schedule, as component-wise dynamical systems.

Each equals its namesake in `torch.optim` step by step. Any of them may take a learning-rate decay in inverse time,
α_k = α / (1 + decay · k); Adam also comes with two usual schedules. The step k is then part of the state.
A hyperparameter is a number, or a tensor [n] that gives every row its own (so that many draws run as one batch).
"""

import math
from abc import abstractmethod
from dataclasses import dataclass, fields
from functools import cached_property
from typing import ClassVar, final

import torch
from torch import Tensor

from core.errors import InputError, choose
from core.optimizers.base import Optimizer
from core.optimizers.schedules import Scalar, WarmupCosine, halving, inverse_time


def _root(s: Tensor) -> Tensor:
    """√s, but never below the root of the smallest normal number, so that its derivative at s = 0 is 0 and not NaN."""
    return s.clamp_min(torch.finfo(s.dtype).tiny).sqrt()


def _log(value: Scalar) -> Scalar:
    """Its logarithm, −∞ at 0."""
    return value.log() if isinstance(value, Tensor) else math.log(value) if value else -math.inf


class HandDesigned(Optimizer):
    """What the hand-designed optimizers share: hyperparameters as fields, a learning rate that may change with the step.

    The columns of a state are contiguous: [n, S] is the transpose of a dense [S, n].
    """

    kind: ClassVar[str]
    memory: ClassVar[tuple[str, ...]]  # names of the state entries other than the step
    pooled: ClassVar[bool] = True  # whether other processes know the class

    learning_rate: Scalar

    @property
    @abstractmethod
    def counts(self) -> bool:
        """Whether the step is part of the state, as its last entry."""

    @property
    def name(self) -> str:
        return self.kind

    @property
    def smooth(self) -> bool:
        return True

    @property
    def state_names(self) -> tuple[str, ...]:
        return (*self.memory, "step") if self.counts else self.memory

    def initial_state(self, n: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(self.state_size, n, dtype=dtype).mT

    def hyperparameters(self) -> dict[str, Scalar]:
        """Hyperparameters by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    def _next(self, state: Tensor, *memory: Tensor) -> Tensor:
        if self.counts:
            memory = (*memory, state[:, -1] + 1)
        return torch.stack(memory).mT if memory else state


class Decaying(HandDesigned):
    """Hand-designed optimizers that take a learning-rate decay in inverse time."""

    always_counts: ClassVar[bool] = False  # whether the step is part of the state even without decay

    learning_rate_decay: Scalar

    @property
    def decays(self) -> bool:
        """Whether the learning rate changes with the step."""
        return isinstance(self.learning_rate_decay, Tensor) or self.learning_rate_decay != 0

    @property
    def counts(self) -> bool:
        return self.always_counts or self.decays

    def _rate(self, state: Tensor) -> Scalar:
        return (
            self.learning_rate * inverse_time(state[:, -1], self.learning_rate_decay)
            if self.decays
            else self.learning_rate
        )


@final
@dataclass(frozen=True)
class SGD(Decaying):
    """u = −α g. Equals `torch.optim.SGD`."""

    kind: ClassVar[str] = "sgd"
    memory: ClassVar[tuple[str, ...]] = ()

    learning_rate: Scalar = 1e-3
    learning_rate_decay: Scalar = 0.0

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return self._next(state), -self._rate(state) * gradient


@final
@dataclass(frozen=True)
class Momentum(Decaying):
    """v ← βv + g, u = −αv (Polyak 1964). Equals `torch.optim.SGD` with momentum."""

    kind: ClassVar[str] = "momentum"
    memory: ClassVar[tuple[str, ...]] = ("v",)

    learning_rate: Scalar = 1e-3
    momentum: Scalar = 0.0
    learning_rate_decay: Scalar = 0.0

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        v = self.momentum * state[:, 0] + gradient
        return self._next(state, v), -self._rate(state) * v


@final
@dataclass(frozen=True)
class Nesterov(Decaying):
    """v ← βv + g, u = −α(g + βv) (Sutskever et al. 2013). Equals `torch.optim.SGD` with ``nesterov=True``."""

    kind: ClassVar[str] = "nesterov"
    memory: ClassVar[tuple[str, ...]] = ("v",)

    learning_rate: Scalar = 1e-3
    momentum: Scalar = 0.0
    learning_rate_decay: Scalar = 0.0

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        v = self.momentum * state[:, 0] + gradient
        return self._next(state, v), -self._rate(state) * (gradient + self.momentum * v)


@final
@dataclass(frozen=True)
class RMSProp(Decaying):
    """s ← γs + (1 − γ)g², u = −αg/(√s + ε) (Tieleman & Hinton 2012). Equals `torch.optim.RMSprop`."""

    kind: ClassVar[str] = "rmsprop"
    memory: ClassVar[tuple[str, ...]] = ("s",)

    learning_rate: Scalar = 1e-2
    decay: Scalar = 0.99
    epsilon: Scalar = 1e-8
    learning_rate_decay: Scalar = 0.0

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        s = self.decay * state[:, 0] + (1 - self.decay) * gradient**2
        return self._next(state, s), -self._rate(state) * gradient / (_root(s) + self.epsilon)


class _BiasCorrected(HandDesigned):
    """The moments of Adam: m ← β₁m + (1 − β₁)g, s ← β₂s + (1 − β₂)g², both divided by 1 − β^(k + 1)."""

    memory: ClassVar[tuple[str, ...]] = ("m", "s")

    beta1: Scalar
    beta2: Scalar
    epsilon: Scalar

    @cached_property
    def _logs(self) -> tuple[Scalar, Scalar]:
        return _log(self.beta1), _log(self.beta2)

    @cached_property
    def _shares(self) -> tuple[Scalar, Scalar]:
        return 1 - self.beta1, 1 - self.beta2

    def _step_at(self, rate: Scalar, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        fresh, fresh_square = self._shares
        m = self.beta1 * state[:, 0] + fresh * gradient
        s = self.beta2 * state[:, 1] + fresh_square * gradient**2
        count = state[:, 2] + 1
        first, second = (-torch.expm1(count * log) for log in self._logs)  # 1 − β^count
        update = -(rate / first) * m / (_root(s) / second**0.5 + self.epsilon)
        return self._next(state, m, s), update


@final
@dataclass(frozen=True)
class Adam(_BiasCorrected, Decaying):
    """Adam with bias correction (Kingma & Ba 2015), state (m, s, step). Equals `torch.optim.Adam`."""

    kind: ClassVar[str] = "adam"
    always_counts: ClassVar[bool] = True

    learning_rate: Scalar = 1e-3
    beta1: Scalar = 0.9
    beta2: Scalar = 0.999
    epsilon: Scalar = 1e-8
    learning_rate_decay: Scalar = 0.0

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return self._step_at(self._rate(state), state, gradient)


@final
@dataclass(frozen=True)
class AdamCosine(_BiasCorrected):
    """Adam whose rate rises linearly over ``warmup`` steps, then falls as half a cosine to 0 at step ``horizon``."""

    kind: ClassVar[str] = "adam_cosine"

    learning_rate: Scalar = 1e-3
    beta1: Scalar = 0.9
    beta2: Scalar = 0.999
    epsilon: Scalar = 1e-8
    warmup: Scalar = 0.0
    horizon: Scalar = 200.0

    @property
    def counts(self) -> bool:
        return True

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return self._step_at(self.learning_rate * self._factor(state[:, -1]), state, gradient)

    @cached_property
    def _factor(self) -> WarmupCosine:
        return WarmupCosine(self.warmup, self.horizon)


@final
@dataclass(frozen=True)
class AdamExponential(_BiasCorrected):
    """Adam whose rate halves every ``half_life`` steps."""

    kind: ClassVar[str] = "adam_exponential"

    learning_rate: Scalar = 1e-3
    beta1: Scalar = 0.9
    beta2: Scalar = 0.999
    epsilon: Scalar = 1e-8
    half_life: Scalar = 100.0

    @property
    def counts(self) -> bool:
        return True

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        factor = halving(state[:, -1], self.half_life)
        return self._step_at(self.learning_rate * factor, state, gradient)


@final
@dataclass(frozen=True)
class ClippedSGD(Decaying):
    """u = −α clip(g, ±threshold), every component by itself. Equals `torch.optim.SGD` after `clip_grad_value_`."""

    kind: ClassVar[str] = "clipped_sgd"
    memory: ClassVar[tuple[str, ...]] = ()

    learning_rate: Scalar = 1e-3
    threshold: Scalar = 1.0
    learning_rate_decay: Scalar = 0.0

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        clipped = gradient.clamp(-self.threshold, self.threshold)  # type: ignore[arg-type]
        return self._next(state), -self._rate(state) * clipped


@final
@dataclass(frozen=True)
class ScheduledSGD(HandDesigned):
    """u = −α_k g, where α_k rises linearly over ``warmup`` steps, then falls as half a cosine to 0 at step ``horizon``."""

    kind: ClassVar[str] = "scheduled_sgd"
    memory: ClassVar[tuple[str, ...]] = ()

    learning_rate: Scalar = 1e-3
    warmup: Scalar = 0.0
    horizon: Scalar = 200.0

    @property
    def counts(self) -> bool:
        return True

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return self._next(state), -self.learning_rate * self._factor(state[:, -1]) * gradient

    @cached_property
    def _factor(self) -> WarmupCosine:
        return WarmupCosine(self.warmup, self.horizon)


HAND_DESIGNED: dict[str, type[HandDesigned]] = {
    cls.kind: cls for cls in (SGD, Momentum, Nesterov, RMSProp, Adam, AdamCosine, AdamExponential)
}
# Gradient descent with a single mechanism added: what an instrument should find is known; they are not tuned.
CALIBRATION: dict[str, type[HandDesigned]] = {cls.kind: cls for cls in (ClippedSGD, ScheduledSGD)}

_FRACTIONS = ("momentum", "decay", "rho", "beta1", "beta2")
_POSITIVE = ("half_life", "horizon", "threshold")


def make_hand_designed(name: str, hyperparameters: dict[str, float] | None = None) -> HandDesigned:
    """The hand-designed optimizer of that name; omitted hyperparameters have `torch.optim`'s defaults.

    Raises:
        InputError: unknown name or hyperparameter, or a value that is not a number in its range.
    """
    cls = choose("optimizer", name, {**HAND_DESIGNED, **CALIBRATION})
    allowed = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    values = hyperparameters or {}
    for key, value in values.items():
        if key not in allowed:
            raise InputError(f"{name} has no hyperparameter {key!r}: it takes {', '.join(allowed)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise InputError(f"{name}: {key} must be a finite number, 0 or more (got {value!r})")
        if key in _FRACTIONS and value >= 1:
            raise InputError(f"{name}: {key} must be at least 0 and below 1 (got {value!r})")
        if key in _POSITIVE and value == 0:
            raise InputError(f"{name}: {key} must be above 0 (got {value!r})")
    return cls(**values)
