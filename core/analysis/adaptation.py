"""Learning-rate adaptation: the effective learning rate along the curve of fixed points over a constant gradient.

(Maheswaranathan et al., arXiv 2011.02159, section 4.4.)
"""

import numpy as np
import torch
from torch import Tensor

from core.analysis.continuation import Branch
from core.analysis.jacobians import update_slope
from core.optimizers.base import Optimizer


def rates_along(optimizer: Optimizer, branch: Branch) -> Tensor:
    """−∂u/∂g at (h*(g), g) for every point of a branch (arXiv 2011.02159, section 4.4).

    Args:
        optimizer: any optimizer, in float64.
        branch: of fixed points, p of them.

    Returns:
        [p], in the optimizer's own units (SGD: its learning rate).
    """
    return -update_slope(optimizer, branch.states, branch.gradients)


def rate_at(gradients: Tensor, rates: Tensor, at: float) -> float:
    """The effective learning rate of a curve at one gradient, by linear interpolation between its points.

    Args:
        gradients: g of the points, [p].
        rates: their effective learning rates, [p].
        at: the gradient.
    """
    order = gradients.argsort()
    return float(np.interp(at, gradients[order].numpy(), rates[order].numpy()))


def rate_exponent(gradients: Tensor, rates: Tensor, low: float, high: float) -> float | None:
    """−d ln(rate) / d ln|g|, fitted by least squares over both arms: 0 for momentum, 1 for RMSProp at large gradients.

    Args:
        gradients: g of the points, [p].
        rates: their effective learning rates, [p].
        low: smallest |g| of the fit.
        high: largest |g| of the fit.

    Returns:
        the exponent; None if fewer than four points with a positive rate are in the range.
    """
    sizes = gradients.abs()
    kept = (sizes >= low) & (sizes <= high) & (rates > 0)
    if int(kept.sum()) < 4:
        return None
    slope, _ = np.polyfit(torch.log(sizes[kept]).numpy(), torch.log(rates[kept]).numpy(), 1)
    return -float(slope)
