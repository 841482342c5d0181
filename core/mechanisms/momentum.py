"""Momentum: the fixed point at g = 0, the modes around it, and the update functions along a mode.

(Maheswaranathan et al., arXiv 2011.02159, section 4.1.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from core.analysis.linearization import Linearization
from core.analysis.projection import Projection, principal_components
from core.analysis.update_function import update_function, update_functions_between
from core.bundle import Arrays, Bundle
from core.errors import InputError
from core.late import torch
from core.mechanisms.context import Context, grid
from core.mechanisms.counters import MOMENTUM, momentum_along, sentences_of

if TYPE_CHECKING:
    from torch import Tensor

KEPT_MODES = 64  # slowest modes whose update functions are drawn
SHIFTS = 9
GRADIENTS = 41
PATHS = 8  # components whose states are drawn
KERNEL = 61  # steps of the memory kernel that are drawn


def momentum_view(context: Context) -> Bundle:
    """State space around h*, its modes, and update functions shifted along the slowest ones (arXiv 2011.02159, section 4.1).

    Args:
        context: the optimizer on its task.

    Returns:
        a bundle with the arrays below, and a description of the fixed points.

    Arrays: ``paths`` [components, K + 1, 2] and ``fixed_point`` [2] in the first two principal components of the observed states;
    ``eigenvalues`` and ``rates`` [M, 2] (real, imaginary), ``timescales`` [M], ``conditions`` [M], ``contributions`` [M] (the share of
    each mode in the memory kernel); the memory ``kernel`` [KERNEL]; for the kept modes
    ``directions`` [modes, 2, 2] (ends of the shift in the projection), ``shifts`` [SHIFTS] from −1 to 1, and ``updates``
    [modes, SHIFTS, G] over ``gradients`` [G].
    """
    optimizer, observed, fixed_point = context.double, context.observed, context.fixed_point
    about: dict[str, Any] = {
        "state_names": [optimizer.state_names[i] for i in context.moving],
        "smooth": optimizer.smooth,
        "fixed_points": [
            {"speed": float(q), "converged": bool(ok), "stability": kind, "starts": int(n)}
            for q, ok, kind, n in zip(
                context.fixed_points.speeds,
                context.fixed_points.converged,
                context.fixed_points.stability,
                context.fixed_points.counts,
                strict=True,
            )
        ],
        "failed": sum(status == "failed" for status in context.fixed_points.status),
        "scale": observed.scale,
        "typical": observed.typical,
    }
    gradients = grid(context, GRADIENTS, observed.typical)
    arrays: Arrays = {"gradients": gradients.float().numpy()}
    about["kernel"], about["counters"] = None, sentences_of(context, momentum_along(context), MOMENTUM)
    try:
        kernel = context.kernel
        arrays["kernel"] = kernel.values[:KERNEL].float().numpy()
        names = ("total", "horizon", "memory", "alpha", "beta", "r2", "exponentials")
        about["kernel"] = {name: getattr(kernel, name) for name in names}
    except InputError as error:
        about["why"] = str(error)
    if fixed_point is None or not context.moving:
        about["modes"] = 0
        state = context.start if fixed_point is None else fixed_point
        arrays["updates"] = update_function(optimizer, state[None, None], gradients).float().numpy()
        return Bundle(arrays, about)
    moving = context.moving
    drawn = observed.states[:, :PATHS].transpose(0, 1)[..., moving]
    projection = principal_components(drawn.reshape(-1, len(moving)))
    found = context.linearized
    modes = list(range(min(KEPT_MODES, len(found.eigenvalues))))
    reach = _reach(context, found, fixed_point, modes)
    about |= {
        "modes": len(modes),
        "direct": found.direct,
        "near_defective": found.near_defective,
        "explained": [float(value) for value in projection.explained],
        "reach": reach,
    }
    shifts = torch.linspace(-1, 1, SHIFTS, dtype=torch.float64)
    moved = torch.stack(
        [fixed_point + shifts[:, None] * length * _direction(found, j) for j, length in zip(modes, reach, strict=True)]
    )
    arrays |= {
        "paths": projection(drawn).float().numpy(),
        "fixed_point": projection(fixed_point[moving]).float().numpy(),
        "eigenvalues": torch.view_as_real(found.eigenvalues).float().numpy(),
        "rates": torch.view_as_real(found.rates).float().numpy(),
        "timescales": found.timescales.float().numpy(),
        "conditions": found.conditions.float().numpy(),
        "contributions": context.kernel.contributions.float().numpy(),
        "directions": _ends(projection, moved[..., moving]).numpy(),
        "shifts": shifts.float().numpy(),
        "updates": update_functions_between(optimizer, moved[:, 0], moved[:, -1], (shifts + 1) / 2, gradients)
        .float()
        .numpy(),
    }
    return Bundle(arrays, about)


def _direction(found: Linearization, mode: int) -> Tensor:
    """The real part of R_j, of norm 1, [S]; a conjugate pair spans a plane, and this is one direction in it."""
    real = found.right[:, mode].real
    size = torch.linalg.vector_norm(real)
    return real / size if size > 0 else found.right[:, mode].imag


def _reach(context: Context, found: Linearization, fixed_point: Tensor, modes: list[int]) -> list[float]:
    """The distance of observed states from h* along each mode: the largest |L_j (h − h*)| of 98 % of them."""
    away = (context.visited - fixed_point).to(found.left.dtype)
    sizes = (away @ found.left.T).abs()[:, modes].numpy()
    return [max(float(np.quantile(column, 0.98)), 1e-6) if len(column) else 1.0 for column in sizes.T]


def _ends(projection: Projection, moved: Tensor) -> Tensor:
    """First and last shifted state of each mode in the projection, [modes, 2, 2]."""
    return projection(moved[:, [0, -1]]).float()
