"""The update function g ↦ u(h, g) and its slope, the effective learning rate −∂u/∂g.

(Maheswaranathan et al., arXiv 2011.02159, sections 4.2 to 4.4.)
"""

import torch
from torch import Tensor

from core.analysis.jacobians import update_slope
from core.optimizers.base import Optimizer

ROWS_AT_ONCE = 100_000


def update_function(optimizer: Optimizer, states: Tensor, gradients: Tensor) -> Tensor:
    """u(h, g) for every state and every gradient, [..., S] and [G] -> [..., G]."""
    size = gradients.shape[0]
    rows = states.reshape(states.shape[:-1].numel(), states.shape[-1])
    at_once = max(1, ROWS_AT_ONCE // size)
    parts = []
    with torch.no_grad():
        for part in rows.split(at_once):
            _, update = optimizer.step(part.repeat_interleave(size, 0), gradients.repeat(part.shape[0]))
            parts.append(update.view(-1, size))
    return torch.cat(parts).view(*states.shape[:-1], size)


def effective_learning_rate(optimizer: Optimizer, states: Tensor, width: float = 0.0) -> Tensor:
    """−∂u/∂g at g = 0 for every state, [..., S] -> [...], in the optimizer's own units (SGD: its learning rate).

    Args:
        optimizer: any optimizer.
        states: [..., S].
        width: where the update function jumps at g = 0 (``optimizer.smooth`` is false) the slope does not exist, and
            the secant −(u(h, width) − u(h, −width)) / (2 width) takes its place; it must be positive then.
    """
    if not optimizer.smooth:
        ends = torch.tensor([width, -width], dtype=states.dtype)
        right, left = update_function(optimizer, states, ends).unbind(-1)
        return -(right - left) / (2 * width)
    rows = states.reshape(states.shape[:-1].numel(), states.shape[-1])
    zeros = torch.zeros(rows.shape[0], dtype=states.dtype)
    return -update_slope(optimizer, rows, zeros).view(states.shape[:-1])


def update_functions_between(
    optimizer: Optimizer, start: Tensor, end: Tensor, shares: Tensor, gradients: Tensor
) -> Tensor:
    """Update functions on the straight line between two states: along a principal component, a mode, or from h₀ to h*.

    Args:
        optimizer: any optimizer.
        start, end: [..., S].
        shares: of the way from start to end, [T]; beyond 0 and 1 the line goes on.
        gradients: [G].

    Returns:
        [..., T, G].
    """
    way = shares[:, None] * (end - start)[..., None, :]
    return update_function(optimizer, start[..., None, :] + way, gradients)
