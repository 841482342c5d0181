"""Derivatives of an optimizer's step, exact, by reverse mode.

Components are independent rows, so one backward pass gives the slope of every row, and a Jacobian needs one pass over as many
copies of a state as it has entries. (`torch.func` would do the same, but its first use imports torch's compiler, two seconds.)
"""

import torch
from torch import Tensor

from core.optimizers.base import Optimizer


def update_slope(optimizer: Optimizer, states: Tensor, gradients: Tensor) -> Tensor:
    """∂u/∂g of every row, states [n, S] and gradients [n] -> [n]."""
    with torch.enable_grad():
        g = gradients.detach().requires_grad_()
        _, update = optimizer.step(states, g)
        (slope,) = torch.autograd.grad(update.sum(), g)
    return slope


def state_jacobian(optimizer: Optimizer, state: Tensor, gradient: float) -> Tensor:
    """∂F/∂h at one state [S] -> [S, S]; row i is the derivative of entry i of the next state."""
    size = state.shape[0]
    with torch.enable_grad():
        copies = state.detach().expand(size, -1).clone().requires_grad_()
        following, _ = optimizer.step(copies, state.new_full((size,), gradient))
        (jacobian,) = torch.autograd.grad(following, copies, torch.eye(size, dtype=state.dtype))
    return jacobian
