"""Which of several problems is typical of a task: where every optimizer does about as well as it usually does."""

from collections.abc import Mapping

import torch
from torch import Tensor

from core.errors import InputError


def most_typical(meta_losses: Mapping[str, Tensor]) -> int:
    """The position of the most typical problem.

    Args:
        meta_losses: of each optimizer on the same problems, [problems] each; not finite where it diverged.

    Returns:
        the position of the problem on which the logarithms of the meta-losses are nearest to their medians over the problems, by the sum of
        squares over optimizers.

    Raises:
        InputError: every problem makes some optimizer diverge.
    """
    logs = torch.stack([losses.double() for losses in meta_losses.values()]).log()
    usual = logs.nan_to_num(nan=torch.inf).median(1, keepdim=True).values
    away = (logs - usual).square().sum(0)
    away = torch.where(torch.isfinite(away), away, torch.inf)
    if not bool(torch.isfinite(away).any()):
        raise InputError("no problem is typical: on each of them some optimizer diverges")
    return int(away.argmin())
