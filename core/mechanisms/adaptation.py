"""Learning-rate adaptation: the S-curve of fixed points over a constant gradient, and the effective learning rate along it.

(Maheswaranathan et al., arXiv 2011.02159, section 4.4.)
"""

from math import isfinite
from typing import Any

import torch
from torch import Tensor

from core.analysis.adaptation import rate_at, rates_along
from core.analysis.projection import principal_components
from core.analysis.update_function import update_function
from core.bundle import Arrays, Bundle
from core.errors import InputError
from core.mechanisms.context import Context, grid

CURVES = 61  # points of the S-curve whose update functions are drawn
GRADIENTS = 61


def adaptation_view(context: Context) -> Bundle:
    """The curve h*(g), its stability, and −∂u/∂g at (h*(g), g) (arXiv 2011.02159, section 4.4).

    Args:
        context: the optimizer on its task.

    Returns:
        a bundle with the arrays below, and a description of the curve; the arrays are missing if there is no curve.

    Arrays: ``g`` [p], ``curve`` [p, 3] (three principal components), ``rates`` [p], ``radii`` [p], ``unstable`` [p], ``folds`` [f] and,
    for ``chosen`` [c] points of the curve, ``updates`` [c, G] over ``gradients`` [G].
    """
    about: dict[str, Any] = {
        "scale": context.observed.scale,
        "typical": context.observed.typical,
        "why": "",
        "ended": [],
    }
    if not context.moving:
        return Bundle({}, about | {"why": "it has no state, so nothing can adapt"})
    try:
        branches = context.branches
    except InputError as error:
        return Bundle({}, about | {"why": str(error)})
    if not branches:
        return Bundle({}, about | {"why": "no fixed point was found to start from"})
    g, rates = rates_of(context)
    near, far = fall(g, rates, context.observed.typical)
    states = torch.cat([branch.states for branch in branches])
    moving = states[:, context.moving]
    axes = _three(moving)
    chosen = torch.linspace(0, len(g) - 1, min(CURVES, len(g))).round().long()
    gradients = grid(context, GRADIENTS, context.observed.typical)
    arrays: Arrays = {
        "g": g.float().numpy(),
        "curve": axes.float().numpy(),
        "rates": rates.float().numpy(),
        "radii": torch.cat([branch.radii for branch in branches]).float().numpy(),
        "unstable": torch.cat([branch.unstable for branch in branches]).float().numpy(),
        "folds": torch.tensor([fold.gradient for branch in branches for fold in branch.folds]).float().numpy(),
        "chosen": chosen.float().numpy(),
        "gradients": gradients.float().numpy(),
        "updates": update_function(context.double, states[chosen], gradients).float().numpy(),
    }
    explained = principal_components(moving).explained
    about |= {"explained": [float(v) for v in explained], "ended": [end for branch in branches for end in branch.ended]}
    about |= {"rate_at_zero": near if isfinite(near) else None, "rate_at_typical": far if isfinite(far) else None}
    about["breaks"] = [len(branch.gradients) for branch in branches]
    return Bundle(arrays, about)


def rates_of(context: Context) -> tuple[Tensor, Tensor]:
    """Gradients of the curve's points and the effective learning rates there, [p] each."""
    g = torch.cat([branch.gradients for branch in context.branches])
    return g, torch.cat([rates_along(context.double, branch) for branch in context.branches])


def fall(g: Tensor, rates: Tensor, typical: float) -> tuple[float, float]:
    """The effective learning rate nearest to g = 0, and at the typical size of gradient as the mean of both arms."""
    return float(rates[g.abs().argmin()]), (rate_at(g, rates, typical) + rate_at(g, rates, -typical)) / 2


def _three(states: Tensor) -> Tensor:
    """The first three principal components, [p, 3]; zeros where there are fewer."""
    centred = states - states.mean(0)
    _, _, right = torch.linalg.svd(centred, full_matrices=False)
    axes = right[:3] * torch.sign(right[:3].gather(1, right[:3].abs().argmax(1, keepdim=True)))
    out = states.new_zeros(len(states), 3)
    out[:, : len(axes)] = centred @ axes.T
    return out
