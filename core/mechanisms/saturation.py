"""How an update function saturates at one state: its slope, where that has halved, and how large an update can be.

(Maheswaranathan et al., arXiv 2011.02159, section 4.2.)
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from pydantic import BaseModel

from core.analysis.clipping import half_slope, largest_update, share_beyond
from core.analysis.update_function import effective_learning_rate
from core.mechanisms.context import Context

if TYPE_CHECKING:
    from torch import Tensor


class Saturation(BaseModel):
    """The update function at one state.

    Attributes:
        slope: effective learning rate at g = 0.
        half_slope: |g| for g > 0 and g < 0 at which the slope has halved; null where it never does, and where the update
            jumps at 0, so that the question does not apply.
        largest_update: the largest |u|; null if updates still grow at the largest gradient scanned.
        share_beyond: share of the observed gradients beyond the half-slope; null without one.
    """

    slope: float | None
    half_slope: tuple[float | None, float | None]
    largest_update: float | None
    share_beyond: float | None

    @property
    def nearest(self) -> float | None:
        """The smaller half-slope of the two sides; None if there is none."""
        return min((one for one in self.half_slope if one is not None), default=None)


def states_of(context: Context) -> dict[str, Tensor]:
    """h₀ and, if there is one, h* (of what only counts, its state at `Context.step`), by name, [S] each."""
    found, changes = {"h₀": context.start}, context.moving or context.counting
    return found | ({"h*": context.fixed_point} if context.fixed_point is not None and changes else {})


def largest_gradient_scanned(context: Context) -> float:
    """Size of the largest gradient scanned for saturation."""
    return 1e3 * context.observed.largest


def saturation(context: Context, state: Tensor) -> Saturation:
    """The saturation of the update function at one state (arXiv 2011.02159, section 4.2).

    Args:
        context: the optimizer on its task.
        state: h, [S], float64.
    """
    optimizer, observed = context.double, context.observed
    low, high = 1e-9 * observed.largest, largest_gradient_scanned(context)
    slope = float(effective_learning_rate(optimizer, state, observed.scale))
    right = left = None
    if optimizer.smooth:
        right, left = (half_slope(optimizer, state, sign, low, high, observed.scale) for sign in (1, -1))
    size, _, grows = largest_update(optimizer, state, low, high)
    nearer = min((one for one in (right, left) if one is not None), default=None)
    return Saturation(
        slope=slope if isfinite(slope) else None,
        half_slope=(right, left),
        largest_update=None if grows or not isfinite(size) else size,
        share_beyond=None if nearer is None else share_beyond(observed.gradients, nearer),
    )
