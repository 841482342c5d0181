"""Adam with an exponential schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from core.optimizers.hand_designed.base import Dash
from core.optimizers.hand_designed.bias_corrected import BiasCorrected
from core.optimizers.schedules import Scalar, halving

if TYPE_CHECKING:
    from torch import Tensor


@final
@dataclass(frozen=True)
class AdamExponential(BiasCorrected):
    """Adam whose rate halves every ``half_life`` steps."""

    kind: ClassVar[str] = "adam_exponential"
    title: ClassVar[str] = "Adam + exponential"
    color: ClassVar[str] = "#8c4b2a"
    dash: ClassVar[Dash] = "dot"

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
