"""The base of Adam's variants."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from core.late import torch
from core.optimizers.hand_designed.base import HandDesigned, logarithm, root
from core.optimizers.schedules import Scalar

if TYPE_CHECKING:
    from torch import Tensor


class BiasCorrected(HandDesigned):
    """The moments of Adam: m ← β₁m + (1 − β₁)g, s ← β₂s + (1 − β₂)g², both divided by 1 − β^(k + 1)."""

    memory: ClassVar[tuple[str, ...]] = ("m", "s")

    beta1: Scalar
    beta2: Scalar
    epsilon: Scalar

    @cached_property
    def _logs(self) -> tuple[Scalar, Scalar]:
        return logarithm(self.beta1), logarithm(self.beta2)

    @cached_property
    def _shares(self) -> tuple[Scalar, Scalar]:
        return 1 - self.beta1, 1 - self.beta2

    def _step_at(self, rate: Scalar, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        fresh, fresh_square = self._shares
        m = self.beta1 * state[:, 0] + fresh * gradient
        s = self.beta2 * state[:, 1] + fresh_square * gradient**2
        count = state[:, 2] + 1
        first, second = (-torch.expm1(count * log) for log in self._logs)  # 1 − β^count
        update = -(rate / first) * m / (root(s) / second**0.5 + self.epsilon)
        return self._next(state, m, s), update
