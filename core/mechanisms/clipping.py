"""Gradient clipping: the update function over the gradients of the task.

(Maheswaranathan et al., arXiv 2011.02159, section 4.2.)
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.analysis.jacobians import update_slope
from core.analysis.update_function import effective_learning_rate, update_function
from core.bundle import Arrays, Bundle
from core.mechanisms.context import Context, grid

GRADIENTS = 201
SIZES = 160
DECADES = 6  # of sizes below the largest gradient at which slopes are drawn
BINS = 60


def clipping_view(context: Context) -> Bundle:
    """Update functions and their slopes at h₀ and h*, and the density of the gradients met.

    Arrays: ``gradients`` [G] and ``updates`` [states, G]; ``sizes`` [SIZES], and ``slopes`` [states, 2, SIZES] (−∂u/∂g at ± each
    size) beside ``slope_at_zero`` [states]; ``density`` [BINS] (share of all gradients in each bin) between ``edges`` [BINS + 1].
    """
    optimizer, met = context.double, context.met
    states = [("h₀", context.start)] + ([("h*", context.rest)] if context.rest is not None and context.moving else [])
    gradients = grid(context, GRADIENTS, 3 * met.largest)
    rows = torch.stack([state for _, state in states])
    top = np.log10(3 * met.largest)
    sizes = torch.logspace(float(top) - DECADES, float(top), SIZES, dtype=torch.float64)
    edges = grid(context, BINS + 1).numpy()
    density, _ = np.histogram(met.gradients.numpy(), edges)
    arrays: Arrays = {
        "gradients": gradients.float().numpy(),
        "updates": update_function(optimizer, rows, gradients).float().numpy(),
        "sizes": sizes.float().numpy(),
        "slopes": _slopes(context, rows, torch.stack([sizes, -sizes]).reshape(-1)).view(-1, 2, SIZES).float().numpy(),
        "slope_at_zero": effective_learning_rate(optimizer, rows, met.scale).float().numpy(),
        "density": (density / max(1, len(met.gradients))).astype(np.float32),
        "edges": edges.astype(np.float32),
    }
    about: dict[str, Any] = {
        "states": [name for name, _ in states],
        "scale": met.scale,
        "typical": met.typical,
        "largest": met.largest,
        "count": len(met.gradients),
        "nonfinite": met.nonfinite,
        "smooth": optimizer.smooth,
    }
    return Bundle(arrays, about)


def _slopes(context: Context, states: Tensor, gradients: Tensor) -> Tensor:
    """−∂u/∂g at every state and gradient, [states, G]."""
    count = len(gradients)
    slopes = -update_slope(context.double, states.repeat_interleave(count, 0), gradients.repeat(len(states)))
    return slopes.view(len(states), count)
