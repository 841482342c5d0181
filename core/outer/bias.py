"""A penalty on a learned optimizer's bias: it should not move where there is no gradient.

A learned optimizer comes to rest where its update is 0, and that is not exactly where the gradient is 0. From zero gradients alone it has the
updates u_k of its autonomous path; with the learning rate r_k of that step, b_k = u_k / r_k is the gradient that would keep it at rest. The
penalty is the mean of (b_k / g₀)² over the inner steps of an unroll, g₀ being the size of the task's gradients at the start: about the
relative loss at which a quadratic goes flat.
"""

import torch
from torch import Tensor

from core.optimizers.recurrent import RecurrentOptimizer
from core.seeds import Purpose, generator
from core.tasks.base import Task, is_large

PROBLEMS = 64  # that say how large gradients are; where they are large, one does
NUDGE = 1e-2  # of g₀: the gradient that gives the learning rate
LEAST = 0.1  # of the root mean square of the learning rates: what a smaller one counts as


def first_gradients(task: Task) -> float:
    """g₀: the root mean square of the gradients at the start of problems."""
    count = 1 if is_large(task) else PROBLEMS
    problems = task.sample(count, generator(Purpose.VIEW, 0))
    _, gradient = problems.loss_and_gradient(problems.x0)
    return float(gradient.double().square().mean().sqrt())


def bias_penalty(optimizer: RecurrentOptimizer, steps: int, scale: float) -> tuple[float, dict[str, Tensor]]:
    """The penalty, and its gradient with respect to θ; learning rates count as constants.

    Args:
        optimizer: with θ as tensors without a gradient.
        steps: K, inner steps from the initial state.
        scale: g₀ (`first_gradients`).

    Returns:
        The mean of (b_k / g₀)², and its gradient by name, with the shapes of θ.
    """
    theta = {name: tensor.detach().requires_grad_() for name, tensor in optimizer.theta.items()}
    with torch.enable_grad():
        followed = RecurrentOptimizer(optimizer.architecture, theta)
        nothing = theta["readout_weight"].new_zeros(1)
        state = followed.initial_state(1, nothing.dtype)
        states, updates = [], []
        for _ in range(steps):
            states.append(state)
            state, update = followed.step(state, nothing)
            updates.append(update)
        path = torch.cat(updates)
        with torch.no_grad():
            nudge = NUDGE * scale
            _, nudged = followed.step(torch.cat(states), path.new_full((steps,), nudge))
            rates = ((nudged - path) / nudge).square()
            rates = rates.clamp_min(LEAST**2 * rates.mean()).clamp_min(torch.finfo(rates.dtype).tiny)
        penalty = (path.square() / rates).mean() / scale**2
        gradients = torch.autograd.grad(penalty, list(theta.values()), allow_unused=True)
    return float(penalty.detach()), {
        name: torch.zeros_like(tensor) if gradient is None else gradient
        for (name, tensor), gradient in zip(theta.items(), gradients, strict=True)
    }
