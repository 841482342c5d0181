"""SGD, momentum, Nesterov momentum, RMSProp and Adam as component-wise dynamical systems.

Each equals its namesake in `torch.optim` step by step. Any of them may take a learning-rate decay in inverse time,
α_k = α / (1 + decay · k), the form `torch.optim.Adagrad` uses for its ``lr_decay``; the step k is then part of the state.
A hyperparameter is a number, or a tensor [n] that gives every row its own (so that many draws run as one batch).
"""

from dataclasses import dataclass, fields
from typing import ClassVar, final

import torch
from torch import Tensor

from core.errors import InputError, choose
from core.optimizers.base import Optimizer

Scalar = float | Tensor


def _root(s: Tensor) -> Tensor:
    """√s whose derivative at s = 0 is 0, so that the derivative of g² ↦ √ at g = 0 is 0 and not NaN."""
    positive = s > 0
    return torch.where(positive, torch.where(positive, s, 1.0).sqrt(), 0.0)


class HandDesigned(Optimizer):
    """What the hand-designed optimizers share: hyperparameters as fields, an optional learning-rate decay."""

    kind: ClassVar[str]
    memory: ClassVar[tuple[str, ...]]  # names of the state entries other than the step
    counts: ClassVar[bool] = False  # whether the step is part of the state even without decay

    learning_rate: Scalar
    learning_rate_decay: Scalar

    @property
    def name(self) -> str:
        return self.kind

    @property
    def smooth(self) -> bool:
        return True

    @property
    def decays(self) -> bool:
        """Whether the learning rate changes with the step."""
        return isinstance(self.learning_rate_decay, Tensor) or self.learning_rate_decay != 0

    @property
    def state_names(self) -> tuple[str, ...]:
        return (*self.memory, "step") if self.counts or self.decays else self.memory

    def initial_state(self, n: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(n, self.state_size, dtype=dtype)

    def hyperparameters(self) -> dict[str, Scalar]:
        """Hyperparameters by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    def _rate(self, state: Tensor) -> Scalar:
        return self.learning_rate / (1 + self.learning_rate_decay * state[:, -1]) if self.decays else self.learning_rate

    def _next(self, state: Tensor, *memory: Tensor) -> Tensor:
        if self.counts or self.decays:
            memory = (*memory, state[:, -1] + 1)
        return torch.stack(memory, 1) if memory else state


@final
@dataclass(frozen=True)
class SGD(HandDesigned):
    """u = −α g. Equals `torch.optim.SGD`."""

    kind: ClassVar[str] = "sgd"
    memory: ClassVar[tuple[str, ...]] = ()

    learning_rate: Scalar = 1e-3
    learning_rate_decay: Scalar = 0.0

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return self._next(state), -self._rate(state) * gradient


@final
@dataclass(frozen=True)
class Momentum(HandDesigned):
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
class Nesterov(HandDesigned):
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
class RMSProp(HandDesigned):
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


@final
@dataclass(frozen=True)
class Adam(HandDesigned):
    """Adam with bias correction (Kingma & Ba 2015), state (m, s, step). Equals `torch.optim.Adam`."""

    kind: ClassVar[str] = "adam"
    memory: ClassVar[tuple[str, ...]] = ("m", "s")
    counts: ClassVar[bool] = True

    learning_rate: Scalar = 1e-3
    beta1: Scalar = 0.9
    beta2: Scalar = 0.999
    epsilon: Scalar = 1e-8
    learning_rate_decay: Scalar = 0.0

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        m = self.beta1 * state[:, 0] + (1 - self.beta1) * gradient
        s = self.beta2 * state[:, 1] + (1 - self.beta2) * gradient**2
        count = state[:, 2] + 1
        first, second = 1 - self.beta1**count, 1 - self.beta2**count
        update = -(self._rate(state) / first) * m / (_root(s) / second**0.5 + self.epsilon)
        return self._next(state, m, s), update


HAND_DESIGNED: dict[str, type[HandDesigned]] = {cls.kind: cls for cls in (SGD, Momentum, Nesterov, RMSProp, Adam)}

_FRACTIONS = ("momentum", "decay", "beta1", "beta2")


def make_hand_designed(name: str, hyperparameters: dict[str, float] | None = None) -> HandDesigned:
    """The hand-designed optimizer of that name; omitted hyperparameters have `torch.optim`'s defaults.

    Raises:
        InputError: unknown name or hyperparameter, or a value that is not a number in its range.
    """
    cls = choose("optimizer", name, HAND_DESIGNED)
    allowed = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    values = hyperparameters or {}
    for key, value in values.items():
        if key not in allowed:
            raise InputError(f"{name} has no hyperparameter {key!r}: it takes {', '.join(allowed)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise InputError(f"{name}: {key} must be a finite number, 0 or more (got {value!r})")
        if key in _FRACTIONS and value >= 1:
            raise InputError(f"{name}: {key} must be at least 0 and below 1 (got {value!r})")
    return cls(**values)
