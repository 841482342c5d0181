"""The learning-rate schedule: the drift of the state when the gradient stays 0, and the learning rate along it.

(Maheswaranathan et al., arXiv 2011.02159, section 4.3.)
"""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite
from typing import Any

from core.analysis.autonomous import autonomous_trajectory, schedule_of
from core.analysis.projection import principal_components
from core.analysis.update_function import effective_learning_rate, update_function
from core.bundle import Arrays, Bundle
from core.mechanisms.context import Context, grid

GRADIENTS = 41


def schedule_view(context: Context) -> Bundle:
    """The autonomous trajectory from h₀ and the effective learning rate along it (arXiv 2011.02159, section 4.3).

    Args:
        context: the optimizer on its task.

    Returns:
        a bundle with the arrays below, and the shape of the schedule.

    Arrays: ``path`` [K + 1, 2] in its first two principal components, ``rates`` [K + 1], ``updates`` [K + 1, G] over
    ``gradients`` [G], and ``fixed_point`` [2] if there is a fixed point.
    """
    optimizer, observed = context.double, context.observed
    states = autonomous_trajectory(optimizer)
    moving = states[:, context.moving]
    gradients = grid(context, GRADIENTS, observed.typical)
    about: dict[str, Any] = {
        "smooth": optimizer.smooth,
        "scale": observed.scale,
        "states": len(context.moving),
        "clock": bool(context.counting),
        "explained": [],
    }
    rates = effective_learning_rate(optimizer, states, observed.scale)
    found = asdict(schedule_of(rates))
    about["schedule"] = {name: value if isfinite(value) else None for name, value in found.items()}
    arrays: Arrays = {
        "rates": rates.float().numpy(),
        "gradients": gradients.float().numpy(),
        "updates": update_function(optimizer, states, gradients).float().numpy(),
    }
    if context.moving:
        projection = principal_components(moving)
        arrays["path"] = projection(moving).float().numpy()
        about["explained"] = [float(value) for value in projection.explained]
        if context.fixed_point is not None:
            arrays["fixed_point"] = projection(context.fixed_point[context.moving]).float().numpy()
    return Bundle(arrays, about)
