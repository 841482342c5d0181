"""Momentum: a running sum of gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from core.optimizers.hand_designed.base import Decaying
from core.optimizers.schedules import Scalar

if TYPE_CHECKING:
    from torch import Tensor


@final
@dataclass(frozen=True)
class Momentum(Decaying):
    """v ← βv + g, u = −αv (Polyak 1964). Equals `torch.optim.SGD` with momentum."""

    kind: ClassVar[str] = "momentum"
    title: ClassVar[str] = "Momentum"
    color: ClassVar[str] = "#0072B2"
    in_explore: ClassVar[bool] = True
    memory: ClassVar[tuple[str, ...]] = ("v",)

    learning_rate: Scalar = 1e-3
    momentum: Scalar = 0.0
    learning_rate_decay: Scalar = 0.0

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        v = self.momentum * state[:, 0] + gradient
        return self._next(state, v), -self._rate(state) * v
