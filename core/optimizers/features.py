"""Input features of learned optimizers: maps from g [n] to features [n, inputs]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.late import torch

if TYPE_CHECKING:
    from torch import Tensor


FINER = 100.0  # times the scale is the second one of `two_scales`


def raw(g: Tensor, scale: float) -> Tensor:
    """g itself (the scale is not used)."""
    return g[:, None]


def scaled(g: Tensor, scale: float) -> Tensor:
    """scale · g."""
    return (scale * g)[:, None]


def log_sign(g: Tensor, scale: float) -> Tensor:
    """(log(1 + scale·|g|), sign g). Jumps at g = 0, so the update function has no slope there."""
    return torch.stack([torch.log1p(scale * g.abs()), torch.sign(g)], 1)


def symlog(g: Tensor, scale: float) -> Tensor:
    """asinh(scale · g): linear for small gradients, logarithmic for large ones, smooth everywhere."""
    return torch.asinh(scale * g)[:, None]


def two_scales(g: Tensor, scale: float) -> Tensor:
    """asinh(scale · g) and asinh(100 · scale · g): the second one tells small gradients from none."""
    return torch.cat([symlog(g, scale), symlog(g, FINER * scale)], 1)


def raw_slope(g: Tensor, scale: float) -> Tensor:
    """1."""
    return torch.ones_like(g)[:, None]


def scaled_slope(g: Tensor, scale: float) -> Tensor:
    """scale."""
    return torch.full_like(g, scale)[:, None]


def log_sign_slope(g: Tensor, scale: float) -> Tensor:
    """(sign g · scale / (1 + scale·|g|), 0)."""
    return torch.stack([torch.sign(g) * (scale / (1 + scale * g.abs())), torch.zeros_like(g)], 1)


def symlog_slope(g: Tensor, scale: float) -> Tensor:
    """scale / √(1 + (scale · g)²)."""
    return (scale * torch.rsqrt(1 + (scale * g) ** 2))[:, None]


def two_scales_slope(g: Tensor, scale: float) -> Tensor:
    """Those of both."""
    return torch.cat([symlog_slope(g, scale), symlog_slope(g, FINER * scale)], 1)


@dataclass(frozen=True)
class Features:
    """A feature map, its derivative, its number of inputs, and whether it is differentiable at g = 0."""

    map: Callable[[Tensor, float], Tensor]
    slope: Callable[[Tensor, float], Tensor]
    inputs: int
    smooth: bool


FEATURES: dict[str, Features] = {
    "raw": Features(raw, raw_slope, 1, True),
    "scaled": Features(scaled, scaled_slope, 1, True),
    "log_sign": Features(log_sign, log_sign_slope, 2, False),
    "symlog": Features(symlog, symlog_slope, 1, True),
    "two_scales": Features(two_scales, two_scales_slope, 2, True),
}
