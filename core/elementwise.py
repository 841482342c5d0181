"""Elementwise functions that are faster than torch's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.late import torch

if TYPE_CHECKING:
    from torch import Tensor


def tanh(x: Tensor) -> Tensor:
    """tanh x; in single precision as 2σ(2x) − 1, which torch computes about four times faster on CPUs.

    The absolute error stays below 2e-7. Differentiable.
    """
    if x.dtype is not torch.float32 or x.device.type != "cpu":
        return torch.tanh(x)
    if torch.is_grad_enabled() and x.requires_grad:
        return 2 * torch.sigmoid(2 * x) - 1
    return (2 * x).sigmoid_().mul_(2).sub_(1)
