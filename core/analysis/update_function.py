"""The update function g ↦ u(h, g) and its slope, the effective learning rate −∂u/∂g.

(Maheswaranathan et al., arXiv 2011.02159, sections 4.2 to 4.4.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.analysis.jacobians import update_slope
from core.late import torch
from core.optimizers.base import Optimizer

if TYPE_CHECKING:
    from torch import Tensor

ROWS_AT_ONCE = 100_000


def update_function(optimizer: Optimizer, states: Tensor, gradients: Tensor) -> Tensor:
    """The update u(h, g) for every state and every gradient (arXiv 2011.02159, section 4.2).

    Args:
        optimizer: any optimizer, in the states' precision.
        states: h, [..., S].
        gradients: g, [G].

    Returns:
        u, to be added to the inner parameters, [..., G].
    """
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
    """The effective learning rate −∂u/∂g(h, 0) of every state (arXiv 2011.02159, section 4.3).

    Args:
        optimizer: any optimizer, in the states' precision.
        states: h, [..., S].
        width: half-width of the secant −(u(h, width) − u(h, −width)) / (2 width), which replaces the slope if the update
            function jumps at g = 0 (``optimizer.smooth`` is False). It must be positive then.

    Returns:
        [...], in the optimizer's own units (SGD: its learning rate).
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
    """Update functions along the straight line between two states, such as along a mode, or from h₀ to h*.

    Args:
        optimizer: any optimizer, in the states' precision.
        start: [..., S].
        end: [..., S].
        shares: positions on the line, [T]; 0 at the start, 1 at the end, also below 0 and above 1.
        gradients: g, [G].

    Returns:
        u at every position and gradient, [..., T, G].
    """
    way = shares[:, None] * (end - start)[..., None, :]
    return update_function(optimizer, start[..., None, :] + way, gradients)
