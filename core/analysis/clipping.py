"""Gradient clipping: where the slope of the update function falls, and how large an update can be.

(Maheswaranathan et al., arXiv 2011.02159, section 4.2.)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from core.analysis.jacobians import update_slope
from core.analysis.update_function import effective_learning_rate, update_function
from core.late import torch
from core.optimizers.base import Optimizer

if TYPE_CHECKING:
    from torch import Tensor

SCAN = 400  # sizes scanned before the bisection
EXACT = 60  # halvings of the bracket


def half_slope(
    optimizer: Optimizer, state: Tensor, sign: int, low: float, high: float, width: float = 0.0
) -> float | None:
    """The smallest |g| at which the local slope −∂u/∂g(h, g) has fallen to half of that at 0 (arXiv 2011.02159, section 4.2).

    Args:
        optimizer: any optimizer, in float64.
        state: h, [S], float64.
        sign: 1 for positive gradients, −1 for negative ones.
        low: smallest |g| scanned.
        high: largest |g| scanned; the scan has 400 log-spaced sizes, and bisection refines the result.
        width: for `effective_learning_rate`, if the update function jumps at 0.

    Returns:
        the size of the gradient; None if the slope never halves.
    """
    start = float(effective_learning_rate(optimizer, state, width))

    def share(sizes: Tensor) -> Tensor:
        slopes = -update_slope(optimizer, state.expand(len(sizes), -1), sign * sizes)
        return slopes / start

    sizes = torch.logspace(math.log10(low), math.log10(high), SCAN, dtype=torch.float64)
    beyond = torch.nonzero(~(share(sizes) > 0.5))[:, 0]
    if start == 0 or not len(beyond):
        return None
    first = int(beyond[0])
    if first == 0:
        return float(sizes[0])
    near, far = float(sizes[first - 1]), float(sizes[first])
    for _ in range(EXACT):
        middle = math.sqrt(near * far)
        if float(share(torch.tensor([middle], dtype=torch.float64))) > 0.5:
            near = middle
        else:
            far = middle
    return far


def largest_update(optimizer: Optimizer, state: Tensor, low: float, high: float) -> tuple[float, float, bool]:
    """The largest update |u(h, g)| for low ≤ |g| ≤ high (arXiv 2011.02159, section 4.2).

    Args:
        optimizer: any optimizer, in float64.
        state: h, [S], float64.
        low: smallest |g| scanned.
        high: largest |g| scanned.

    Returns:
        the largest |u|; its gradient g; and whether |u| still grows at the end: by more than 1 % from half the largest |g| to
        the largest.
    """
    sizes = torch.logspace(math.log10(low), math.log10(high), SCAN, dtype=torch.float64)
    gradients = torch.cat([-sizes.flip(0), sizes])
    sizes_of = update_function(optimizer, state, gradients).abs()
    top = int(sizes_of.argmax())
    ends = update_function(
        optimizer, state, torch.tensor([-high, -high / 2, high / 2, high], dtype=torch.float64)
    ).abs()
    grows = bool(ends[0] > 1.01 * ends[1]) or bool(ends[3] > 1.01 * ends[2])
    return float(sizes_of[top]), float(gradients[top]), grows


def share_beyond(gradients: Tensor, size: float) -> float:
    """The share of gradients of at least some size; 0 without gradients.

    Args:
        gradients: [m].
        size: the smallest |g| that counts.
    """
    return float((gradients.abs() >= size).double().mean()) if len(gradients) else 0.0
