"""The outer gradient: back-propagation of the meta-loss through a whole unroll.

The forward pass keeps only x_k and h_k; the reverse pass recomputes each inner step and takes its vector-Jacobian
products, the inner gradient's own dependence on x (a Hessian-vector product) included, so the gradient is exact. At
every inner step the adjoints dL/dx and dL/dh of each problem can be clipped to a largest norm: unrolled learned
optimizers are often chaotic, and the exact gradient of a chaotic unroll explodes (Metz et al. 2019, arXiv 1810.10180).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.optimizers.recurrent import RecurrentOptimizer
from core.outer.meta_loss import meta_loss
from core.tasks.base import Problems
from core.unroll import unroll


@dataclass(frozen=True)
class OuterGradient:
    """The meta-loss of a batch and its gradient.

    Attributes:
        meta_losses: one per problem, [problems].
        gradients: of the mean meta-loss, by name, shaped as θ.
    """

    meta_losses: Tensor
    gradients: dict[str, Tensor]


def _clip(adjoint: Tensor, problems: int, largest: float | None) -> Tensor:
    """Rescale each problem's adjoint to a norm of at most ``largest``, non-finite entries to 0."""
    if largest is None:
        return adjoint
    rows = adjoint.reshape(problems, -1)
    rows = torch.nan_to_num(rows, nan=0.0, posinf=0.0, neginf=0.0)
    reach = rows.abs().amax(1, keepdim=True).clamp_min(largest)  # squares of large single-precision numbers overflow
    rows = rows / reach
    norm = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return (rows * torch.minimum(reach, largest / norm.clamp_min(torch.finfo(norm.dtype).tiny))).view(adjoint.shape)


def outer_gradient(
    optimizer: RecurrentOptimizer, problems: Problems, steps: int, adjoint_clip: float | None = None
) -> OuterGradient:
    """Gradient of the mean meta-loss with respect to θ.

    Args:
        optimizer: the learned optimizer.
        problems: the batch, in θ's dtype.
        steps: K, the unroll length.
        adjoint_clip: largest norm of each problem's adjoints at every inner step; None for the exact gradient.
    """
    trajectory = unroll(optimizer, problems, steps, record=("x", "states"))
    xs, states, losses = trajectory.x, trajectory.states, trajectory.losses
    assert xs is not None and states is not None
    count, shape = problems.count, problems.x0.shape
    rows = problems.x0.numel()

    theta = {name: tensor.detach().requires_grad_() for name, tensor in optimizer.theta.items()}
    leaves = list(theta.values())
    differentiable = optimizer.with_theta(theta)
    totals = [torch.zeros_like(leaf) for leaf in leaves]
    weight = (1 / ((steps + 1) * losses[0]))[:, None]  # d meta_loss / d f(x_k), per problem

    with torch.no_grad():
        adjoint_x = weight * problems.gradient(xs[steps])
        adjoint_h = torch.zeros_like(states[steps]).view(rows, -1)
    for k in reversed(range(steps)):
        adjoint_x = _clip(adjoint_x, count, adjoint_clip)
        adjoint_h = _clip(adjoint_h, count, adjoint_clip)
        with torch.enable_grad():
            x = xs[k].detach().requires_grad_()
            h = states[k].reshape(rows, -1).detach().requires_grad_()
            gradient = problems.gradient(x)
            next_h, update = differentiable.step(h, gradient.reshape(-1))
            pulled = torch.autograd.grad(
                [next_h, update], [x, h, *leaves], [adjoint_h, adjoint_x.reshape(-1)], allow_unused=True
            )
        with torch.no_grad():
            through_x, adjoint_h, *parts = pulled
            adjoint_x = adjoint_x + weight * gradient.detach()
            if through_x is not None:
                adjoint_x = adjoint_x + through_x.view(shape)
            for total, part in zip(totals, parts, strict=True):
                if part is not None:
                    total += part
    gradients = dict(zip(theta, totals, strict=True))
    adjoint_h = _clip(adjoint_h, count, adjoint_clip)
    gradients["initial_state"] += adjoint_h.sum(0)
    return OuterGradient(meta_loss(losses), {name: total / count for name, total in gradients.items()})
