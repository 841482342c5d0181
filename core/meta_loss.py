"""The meta-loss: the score of an optimizer over a whole unroll."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from core.late import torch

if TYPE_CHECKING:
    from torch import Tensor

Objective = Literal["mean", "log"]  # what outer training minimizes: the meta-loss, or the mean over inner steps of ln f
LOG_FLOOR = 1e-12  # added to f(x_k) / f(x_0) before its logarithm: below it, about float32's own rounding, nothing more is gained


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


def objective(relative: Tensor, kind: Objective = "mean") -> Tensor:
    """What outer training minimizes the mean of, step by step.

    Args:
        relative: f(x_k) / f(x_0), of any shape.
        kind: "mean" leaves them as they are; "log" takes ln(f(x_k) / f(x_0) + LOG_FLOOR), to which late steps, where losses are small,
            count as much as early ones.
    """
    return relative if kind == "mean" else torch.log(relative.clamp(min=0) + LOG_FLOOR)


def objective_slope(relative: Tensor, kind: Objective = "mean") -> Tensor:
    """Derivative of `objective` with respect to f(x_k) / f(x_0)."""
    return torch.ones_like(relative) if kind == "mean" else (relative >= 0) / (relative.clamp(min=0) + LOG_FLOOR)
