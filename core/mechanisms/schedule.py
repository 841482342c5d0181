"""The learning-rate schedule: where the optimizer drifts when the gradient stays 0, and what that does to its learning rate.

(Maheswaranathan et al., arXiv 2011.02159, section 4.3.)
"""

from typing import Any

import torch
from torch import Tensor

from core.analysis.projection import principal_components
from core.analysis.update_function import effective_learning_rate, update_function
from core.bundle import Arrays, Bundle
from core.mechanisms.context import STEPS, Context, grid

GRADIENTS = 41


def schedule_view(context: Context) -> Bundle:
    """The autonomous trajectory from h₀ and the effective learning rate along it.

    Arrays: ``path`` [K + 1, 2] in its first two principal components, ``rates`` [K + 1], ``updates`` [K + 1, G] over
    ``gradients`` [G], and ``rest`` [2] if there is a fixed point.
    """
    optimizer, met = context.double, context.met
    states = _autonomous(context)
    moving = states[:, context.moving]
    gradients = grid(context, GRADIENTS, met.typical)
    about: dict[str, Any] = {
        "smooth": optimizer.smooth,
        "scale": met.scale,
        "states": len(context.moving),
        "explained": [],
    }
    arrays: Arrays = {
        "rates": effective_learning_rate(optimizer, states, met.scale).float().numpy(),
        "gradients": gradients.float().numpy(),
        "updates": update_function(optimizer, states, gradients).float().numpy(),
    }
    if context.moving:
        projection = principal_components(moving)
        arrays["path"] = projection(moving).float().numpy()
        about["explained"] = [float(value) for value in projection.explained]
        if context.rest is not None:
            arrays["rest"] = projection(context.rest[context.moving]).float().numpy()
    return Bundle(arrays, about)


def _autonomous(context: Context) -> Tensor:
    """h₀ and what follows when every gradient is 0, [K + 1, S]."""
    states = [context.start]
    nothing = torch.zeros(1, dtype=torch.float64)
    with torch.no_grad():
        for _ in range(STEPS):
            states.append(context.double.step(states[-1][None], nothing)[0][0])
    return torch.stack(states)
