"""RMSProp: a rate that falls as gradients grow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from core.optimizers.hand_designed.base import Decaying, root
from core.optimizers.schedules import Scalar

if TYPE_CHECKING:
    from torch import Tensor


@final
@dataclass(frozen=True)
class RMSProp(Decaying):
    """s ← γs + (1 − γ)g², u = −αg/(√s + ε) (Tieleman & Hinton 2012). Equals `torch.optim.RMSprop`."""

    kind: ClassVar[str] = "rmsprop"
    title: ClassVar[str] = "RMSProp"
    color: ClassVar[str] = "#009E73"
    in_explore: ClassVar[bool] = True
    memory: ClassVar[tuple[str, ...]] = ("s",)

    learning_rate: Scalar = 1e-2
    decay: Scalar = 0.99
    epsilon: Scalar = 1e-8
    learning_rate_decay: Scalar = 0.0

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        s = self.decay * state[:, 0] + (1 - self.decay) * gradient**2
        return self._next(state, s), -self._rate(state) * gradient / (root(s) + self.epsilon)
