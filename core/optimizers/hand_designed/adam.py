"""Adam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from core.optimizers.hand_designed.base import Decaying
from core.optimizers.hand_designed.bias_corrected import BiasCorrected
from core.optimizers.schedules import Scalar

if TYPE_CHECKING:
    from torch import Tensor


@final
@dataclass(frozen=True)
class Adam(BiasCorrected, Decaying):
    """Adam with bias correction (Kingma & Ba 2015), state (m, s, step). Equals `torch.optim.Adam`."""

    kind: ClassVar[str] = "adam"
    title: ClassVar[str] = "Adam"
    color: ClassVar[str] = "#CC79A7"
    in_explore: ClassVar[bool] = True
    always_counts: ClassVar[bool] = True

    learning_rate: Scalar = 1e-3
    beta1: Scalar = 0.9
    beta2: Scalar = 0.999
    epsilon: Scalar = 1e-8
    learning_rate_decay: Scalar = 0.0

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return self._step_at(self._rate(state), state, gradient)
