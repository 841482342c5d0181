"""Stochastic gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from core.optimizers.hand_designed.base import Dash, Decaying
from core.optimizers.schedules import Scalar

if TYPE_CHECKING:
    from torch import Tensor


@final
@dataclass(frozen=True)
class SGD(Decaying):
    """u = −α g. Equals `torch.optim.SGD`."""

    kind: ClassVar[str] = "sgd"
    title: ClassVar[str] = "SGD"
    color: ClassVar[str] = "#6e6e6e"
    dash: ClassVar[Dash] = "dashdot"
    memory: ClassVar[tuple[str, ...]] = ()

    learning_rate: Scalar = 1e-3
    learning_rate_decay: Scalar = 0.0

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return self._next(state), -self._rate(state) * gradient
