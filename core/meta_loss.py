"""The meta-loss: the score of an optimizer over a whole unroll."""

from torch import Tensor


def meta_loss(losses: Tensor) -> Tensor:
    """Mean over inner steps of f(x_k) / f(x_0), the start included, one value per problem.

    Args:
        losses: f(x_k), k = 0 … K, [K + 1, problems].

    Returns:
        [problems]. A problem that diverged has a non-finite value; it is not replaced.
    """
    return (losses / losses[0]).mean(0)
