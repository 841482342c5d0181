"""Nesterov momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from core.optimizers.hand_designed.base import Dash, Decaying
from core.optimizers.schedules import Scalar

if TYPE_CHECKING:
    from torch import Tensor


@final
@dataclass(frozen=True)
class Nesterov(Decaying):
    """v ← βv + g, u = −α(g + βv) (Sutskever et al. 2013). Equals `torch.optim.SGD` with ``nesterov=True``."""

    kind: ClassVar[str] = "nesterov"
    title: ClassVar[str] = "Nesterov"
    color: ClassVar[str] = "#56B4E9"
    dash: ClassVar[Dash] = "dash"
    memory: ClassVar[tuple[str, ...]] = ("v",)

    learning_rate: Scalar = 1e-3
    momentum: Scalar = 0.0
    learning_rate_decay: Scalar = 0.0

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        v = self.momentum * state[:, 0] + gradient
        return self._next(state, v), -self._rate(state) * (gradient + self.momentum * v)
