"""Adam with warm-up and a cosine schedule."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, final

from core.optimizers.hand_designed.base import Dash
from core.optimizers.hand_designed.bias_corrected import BiasCorrected
from core.optimizers.schedules import Scalar, WarmupCosine

if TYPE_CHECKING:
    from torch import Tensor


@final
@dataclass(frozen=True)
class AdamCosine(BiasCorrected):
    """Adam whose rate rises linearly over ``warmup`` steps, then falls as half a cosine to 0 at step ``horizon``."""

    kind: ClassVar[str] = "adam_cosine"
    title: ClassVar[str] = "Adam + cosine"
    color: ClassVar[str] = "#9d49f2"
    dash: ClassVar[Dash] = "dash"

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
