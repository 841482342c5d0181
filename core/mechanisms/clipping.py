"""Gradient clipping: the update function over the gradients of the task.

(Maheswaranathan et al., arXiv 2011.02159, section 4.2.)
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel

from core.analysis.clipping import half_slope, largest_update, share_beyond
from core.analysis.jacobians import update_slope
from core.analysis.update_function import effective_learning_rate, update_function
from core.bundle import Arrays, Bundle
from core.late import torch
from core.mechanisms.context import Context, grid

if TYPE_CHECKING:
    from torch import Tensor

GRADIENTS = 201
SIZES = 160
DECADES = 6  # of sizes below the largest gradient at which slopes are drawn
BINS = 60


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
    """h₀ and, if there is one, h*, by name, [S] each."""
    found = {"h₀": context.start}
    return found | ({"h*": context.fixed_point} if context.fixed_point is not None and context.moving else {})


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


def clipping_view(context: Context) -> Bundle:
    """Update functions and their slopes at h₀ and h*, and the density of the observed gradients (arXiv 2011.02159, section 4.2).

    Args:
        context: the optimizer on its task.

    Returns:
        a bundle with the arrays below, and the saturation at each state.

    Arrays: ``gradients`` [G] and ``updates`` [states, G]; ``sizes`` [SIZES], and ``slopes`` [states, 2, SIZES] (−∂u/∂g at ± each
    size) beside ``slope_at_zero`` [states]; ``density`` [BINS] (share of all gradients in each bin) between ``edges`` [BINS + 1].
    """
    optimizer, observed = context.double, context.observed
    states = states_of(context)
    rows = torch.stack(list(states.values()))
    top = np.log10(3 * observed.largest)
    sizes = torch.logspace(float(top) - DECADES, float(top), SIZES, dtype=torch.float64)
    even = grid(context, GRADIENTS, 3 * observed.largest)
    small = sizes[sizes < even[GRADIENTS // 2 + 1]]  # an update function may saturate within one step of the grid
    gradients = torch.cat([even, small, -small]).sort().values
    edges = grid(context, BINS + 1).numpy()
    density, _ = np.histogram(observed.gradients.numpy(), edges)
    arrays: Arrays = {
        "gradients": gradients.float().numpy(),
        "updates": update_function(optimizer, rows, gradients).float().numpy(),
        "sizes": sizes.float().numpy(),
        "slopes": _slopes(context, rows, torch.stack([sizes, -sizes]).reshape(-1)).view(-1, 2, SIZES).float().numpy(),
        "slope_at_zero": effective_learning_rate(optimizer, rows, observed.scale).float().numpy(),
        "density": (density / max(1, len(observed.gradients))).astype(np.float32),
        "edges": edges.astype(np.float32),
    }
    about: dict[str, Any] = {
        "states": list(states),
        "saturation": [saturation(context, state).model_dump(mode="json") for state in states.values()],
        "scale": observed.scale,
        "typical": observed.typical,
        "largest": observed.largest,
        "count": len(observed.gradients),
        "nonfinite": observed.nonfinite,
        "smooth": optimizer.smooth,
    }
    return Bundle(arrays, about)


def _slopes(context: Context, states: Tensor, gradients: Tensor) -> Tensor:
    """−∂u/∂g at every state and gradient, [states, G]."""
    count = len(gradients)
    slopes = -update_slope(context.double, states.repeat_interleave(count, 0), gradients.repeat(len(states)))
    return slopes.view(len(states), count)
