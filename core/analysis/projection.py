"""Principal components of an optimizer's states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.late import torch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Projection:
    """An affine map from state space to its first two principal components.

    Attributes:
        mean: [S].
        axes: [2, S], orthonormal rows (zero rows if the states span fewer than two dimensions).
        explained: share of the variance along each axis, [2].
    """

    mean: Tensor
    axes: Tensor
    explained: Tensor

    def __call__(self, states: Tensor) -> Tensor:
        """[..., S] -> [..., 2]."""
        return (states - self.mean) @ self.axes.T


def principal_components(states: Tensor) -> Projection:
    """The first two principal components of states.

    The signs are fixed so that the largest entry of each axis is positive.

    Args:
        states: [rows, S]; rows with a non-finite entry are ignored.
    """
    rows = states.double()
    rows = rows[torch.isfinite(rows).all(1)]
    size = states.shape[1]
    axes, explained = torch.zeros(2, size, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    if len(rows) == 0 or size == 0:
        return Projection(torch.zeros(size, dtype=torch.float64), axes, explained)
    mean = rows.mean(0)
    _, singular, right = torch.linalg.svd(rows - mean, full_matrices=False)
    variance = singular**2
    for i in range(min(2, len(variance))):
        if variance[i] > 1e-28 * max(1.0, float((mean**2).sum())) * len(rows):
            axes[i] = right[i] * torch.sign(right[i][right[i].abs().argmax()])
            explained[i] = variance[i] / variance.sum()
    return Projection(mean, axes, explained)
