"""Gradient clipping: the update function over the gradients of the task.

(Maheswaranathan et al., arXiv 2011.02159, section 4.2.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from core.analysis.jacobians import update_slope
from core.analysis.update_function import effective_learning_rate, update_function
from core.bundle import Arrays, Bundle
from core.late import torch
from core.mechanisms.context import Context, grid
from core.mechanisms.counters import CLIPPING, clipping_along, sentences_of
from core.mechanisms.saturation import saturation, states_of

if TYPE_CHECKING:
    from torch import Tensor

GRADIENTS = 201
SIZES = 160
DECADES = 6  # of sizes below the largest gradient at which slopes are drawn
BINS = 60


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
        "counters": sentences_of(context, clipping_along(context), CLIPPING),
    }
    return Bundle(arrays, about)


def _slopes(context: Context, states: Tensor, gradients: Tensor) -> Tensor:
    """−∂u/∂g at every state and gradient, [states, G]."""
    count = len(gradients)
    slopes = -update_slope(context.double, states.repeat_interleave(count, 0), gradients.repeat(len(states)))
    return slopes.view(len(states), count)
