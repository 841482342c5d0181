"""Gradient descent with a schedule only, for calibration."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, final

from core.optimizers.hand_designed.base import Dash, HandDesigned
from core.optimizers.schedules import Scalar, WarmupCosine

if TYPE_CHECKING:
    from torch import Tensor


@final
@dataclass(frozen=True)
class ScheduledSGD(HandDesigned):
    """u = −α_k g, where α_k rises linearly over ``warmup`` steps, then falls as half a cosine to 0 at step ``horizon``."""

    kind: ClassVar[str] = "scheduled_sgd"
    title: ClassVar[str] = "Scheduled SGD"
    color: ClassVar[str] = "#6e6e6e"
    dash: ClassVar[Dash] = "dash"
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
