"""Gradient descent with a single mechanism added, so that what an instrument should find is known in closed form."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, final

import torch
from torch import Tensor

from core.optimizers.hand_designed import Decaying, HandDesigned
from core.optimizers.schedules import Scalar, WarmupCosine


@final
@dataclass(frozen=True)
class ClippedSGD(Decaying):
    """u = −α clip(g, ±threshold), every component by itself. Equals `torch.optim.SGD` after `clip_grad_value_`."""

    kind: ClassVar[str] = "clipped_sgd"
    memory: ClassVar[tuple[str, ...]] = ()

    learning_rate: Scalar = 1e-3
    threshold: Scalar = 1.0
    learning_rate_decay: Scalar = 0.0

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        clipped = torch.clamp(gradient, -self.threshold, self.threshold)  # type: ignore[type-var]
        return self._next(state), -self._rate(state) * clipped


@final
@dataclass(frozen=True)
class ScheduledSGD(HandDesigned):
    """u = −α_k g, where α_k rises linearly over ``warmup`` steps, then falls as half a cosine to 0 at step ``horizon``."""

    kind: ClassVar[str] = "scheduled_sgd"
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


CALIBRATION: dict[str, type[HandDesigned]] = {cls.kind: cls for cls in (ClippedSGD, ScheduledSGD)}
