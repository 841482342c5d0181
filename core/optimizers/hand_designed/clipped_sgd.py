"""Gradient descent with clipping only, for calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from core.optimizers.hand_designed.base import Dash, Decaying
from core.optimizers.schedules import Scalar

if TYPE_CHECKING:
    from torch import Tensor


@final
@dataclass(frozen=True)
class ClippedSGD(Decaying):
    """u = −α clip(g, ±threshold), for every component separately. Equals `torch.optim.SGD` after `clip_grad_value_`."""

    kind: ClassVar[str] = "clipped_sgd"
    title: ClassVar[str] = "Clipped SGD"
    color: ClassVar[str] = "#6e6e6e"
    dash: ClassVar[Dash] = "dot"
    memory: ClassVar[tuple[str, ...]] = ()

    learning_rate: Scalar = 1e-3
    threshold: Scalar = 1.0
    learning_rate_decay: Scalar = 0.0

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        clipped = gradient.clamp(-self.threshold, self.threshold)  # type: ignore[arg-type]
        return self._next(state), -self._rate(state) * clipped
