"""Learning-rate schedules of hand-designed optimizers, as factors of the base rate.

The step k counts from 0. It and every setting may be a number or a tensor [n] (one value a row); k is a tensor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from core.late import torch

if TYPE_CHECKING:
    from torch import Tensor


Scalar: TypeAlias = "float | Tensor"


def inverse_time(step: Tensor, decay: Scalar) -> Tensor:
    """1 / (1 + decay · k), the form `torch.optim.Adagrad` uses for its ``lr_decay``."""
    return 1 / (1 + decay * step)


def halving(step: Tensor, half_life: Scalar) -> Tensor:
    """½^(k / half_life): `torch.optim.lr_scheduler.ExponentialLR` with gamma = ½^(1 / half_life)."""
    return torch.exp(-math.log(2) / half_life * step)


def relaxing(step: Tensor, first: Scalar, last: Scalar, relaxation: Scalar) -> Tensor:
    """last + (first − last) e^(−k / relaxation): a number that relaxes from its first to its last value."""
    return last + (first - last) * torch.exp(-step / relaxation)


def warming_up(step: Tensor, begin: Scalar, warmup: Scalar) -> Tensor:
    """1 − (1 − begin) e^(−k / warmup): a factor that begins at ``begin`` and goes to 1."""
    return 1 - (1 - begin) * torch.exp(-step / warmup)


@dataclass(frozen=True)
class WarmupCosine:
    """A linear rise from 1 / (warmup + 1) to 1 at k = warmup, then half a cosine to 0 at k = horizon, and 0 afterwards.

    Equals `torch.optim.lr_scheduler.SequentialLR` of `LinearLR` (start_factor = 1 / (warmup + 1), total_iters =
    warmup) and `CosineAnnealingLR` (T_max = horizon − warmup), but stays at 0 when the latter would rise again.
    """

    warmup: Scalar
    horizon: Scalar

    @cached_property
    def _rise(self) -> Scalar:
        return self.warmup + 1

    @cached_property
    def _slope(self) -> Scalar:
        span = self.horizon - self.warmup  # a warm-up may be longer than the horizon; then no step is between them
        return math.pi / (span.clamp_min(0.5) if isinstance(span, torch.Tensor) else max(span, 0.5))

    def __call__(self, step: Tensor) -> Tensor:
        rise = ((step + 1) / self._rise).clamp(max=1.0)
        fall = torch.cos(((step - self.horizon) * self._slope + math.pi).clamp(0.0, math.pi))
        return rise * (0.5 + 0.5 * fall)
