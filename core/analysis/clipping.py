"""Gradient clipping: where the update function leaves its slope at 0, and how large an update can be.

(Maheswaranathan et al., arXiv 2011.02159, section 4.2.)
"""

import math

import torch
from torch import Tensor

from core.analysis.jacobians import update_slope
from core.analysis.update_function import effective_learning_rate, update_function
from core.optimizers.base import Optimizer

SCAN = 400  # sizes tried before the bisection
EXACT = 60  # halvings of the bracket


def half_slope(
    optimizer: Optimizer, state: Tensor, sign: int, low: float, high: float, width: float = 0.0
) -> float | None:
    """The smallest |g| at which the slope of the update function has fallen to half of that at 0; None if it never does.

    Args:
        optimizer: any optimizer, in float64.
        state: [S].
        sign: 1 for positive gradients, −1 for negative ones.
        low, high: sizes between which to look; by bisection from the first of 400 sizes, even in their logarithm, that is beyond.
        width: for `effective_learning_rate`, where the update function jumps at 0.
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
    """The largest |u| for gradients of sizes between low and high, the g it belongs to, and whether it still grows at the end.

    An update that still grows by more than 1 % from half the largest size to the largest has no bound that shows.
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
    """Share of gradients [m] of at least that size."""
    return float((gradients.abs() >= size).double().mean()) if len(gradients) else 0.0
