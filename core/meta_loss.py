"""The meta-loss: the score of an optimizer over a whole unroll."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.late import torch

if TYPE_CHECKING:
    from torch import Tensor


def heights(losses: Tensor, bound: float = 0.0) -> Tensor:
    """What losses above a bound are divided by: f(x_0) − bound, [K + 1, problems] -> [problems].

    Infinite for a problem that starts at the bound or below: it has no height to lose, and drops out of every sum.
    """
    start = losses[0] - bound
    return torch.where(start <= 0, torch.inf, start)


def relative_losses(losses: Tensor, bound: float = 0.0) -> Tensor:
    """(f(x_k) − bound) / (f(x_0) − bound), [K + 1, problems]; NaN for a problem that starts at the bound."""
    start = losses[0] - bound
    return (losses - bound) / torch.where(start <= 0, torch.nan, start)


def meta_loss(losses: Tensor, bound: float = 0.0) -> Tensor:
    """Mean over inner steps of f(x_k) / f(x_0), both above a bound, the start included, one value per problem.

    Args:
        losses: f(x_k), k = 0 … K, [K + 1, problems].
        bound: of the task's loss (`core.tasks.bound.loss_bound`).

    Returns:
        [problems]. A problem that diverged has a non-finite value; it is not replaced. One that starts at the bound has NaN.
    """
    return relative_losses(losses, bound).mean(0)
