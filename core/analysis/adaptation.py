"""Learning-rate adaptation: what a constant gradient does to the state, and the state to the learning rate.

Over a constant gradient g the state settles at h*(g). Two slopes belong to a point of that curve, and they mean different things:

- the *effective learning rate* of the state, −∂u/∂g(h*(g), 0): it falls where the state answers large gradients with smaller steps, as
  RMSProp's second moment does. This is adaptation (Maheswaranathan et al., arXiv 2011.02159, section 4.4);
- the *local slope* −∂u/∂g(h*(g), g): it also falls wherever the update function saturates, which is clipping.

Closed forms: gradient descent and momentum keep α; RMSProp has α/(√γ |g| + ε); Adam without bias correction
(1 − β₁) α/(√β₂ |g| + ε). A curve may fold back over g: then each gradient has several fixed points, one a sheet, and a number here is
that of the first passage from g = 0 outwards along the curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from core.analysis.continuation import Branch
from core.analysis.fixed_points import find_fixed_points
from core.analysis.jacobians import update_slope
from core.analysis.update_function import effective_learning_rate
from core.late import torch
from core.optimizers.base import Optimizer

if TYPE_CHECKING:
    from torch import Tensor

SIZES = 12  # sizes of gradient, even on a log scale, that an exponent is fitted over
NEAR = 0.05  # how far, by its own norm, the fixed point at a gradient may lie from where the curve passes it


def rates_along(optimizer: Optimizer, branch: Branch, width: float = 0.0) -> Tensor:
    """The effective learning rate −∂u/∂g(h*(g), 0) of the state at every point of a branch, [p].

    Args:
        optimizer: any optimizer, in float64.
        branch: a curve of fixed points.
        width: for `effective_learning_rate`, where the update jumps at g = 0.
    """
    return effective_learning_rate(optimizer, branch.states, width)


def local_slopes_along(optimizer: Optimizer, branch: Branch) -> Tensor:
    """The local slope −∂u/∂g(h*(g), g) at every point of a branch, [p].

    Args:
        optimizer: any optimizer, in float64.
        branch: a curve of fixed points.
    """
    return -update_slope(optimizer, branch.states, branch.gradients)


@dataclass(frozen=True)
class Passage:
    """Where a curve first passes a gradient, outwards from the point it was followed from.

    Attributes:
        gradient: the gradient.
        state: h* there, [S].
        sheet: 1 before the first fold on the way, 2 between the first and the second, and so on.
    """

    gradient: float
    state: Tensor
    sheet: int


def passage(optimizer: Optimizer, branch: Branch, gradient: float) -> Passage | None:
    """The first passage of a gradient along the curve, exact: Newton's method from where two neighbouring points enclose it.

    Args:
        optimizer: any optimizer, in float64.
        branch: a curve of fixed points.
        gradient: g.

    Returns:
        None where the curve ends before it gets there: nothing is extrapolated.
    """
    g = branch.gradients
    outwards = 1 if gradient >= float(g[branch.start]) else -1
    order = range(branch.start, len(g)) if outwards > 0 else range(branch.start, -1, -1)
    indices = list(order)
    sheet, direction = 1, outwards
    for here, there in pairwise(indices):
        low, high = float(g[here]), float(g[there])
        if high != low and (high > low) != (direction > 0):
            sheet, direction = sheet + 1, -direction
        if min(low, high) <= gradient <= max(low, high):
            share = 0.0 if high == low else (gradient - low) / (high - low)
            return Passage(gradient, _settled(optimizer, branch, here, there, share, gradient), sheet)
    if len(indices) == 1 and float(g[branch.start]) == gradient:
        return Passage(gradient, branch.states[branch.start], 1)
    return None


def _settled(optimizer: Optimizer, branch: Branch, here: int, there: int, share: float, gradient: float) -> Tensor:
    """The fixed point at a gradient between two points of the curve; the straight line between them where Newton leaves it."""
    between = branch.states[here] + share * (branch.states[there] - branch.states[here])
    settled = find_fixed_points(optimizer, between[None], gradient, free=0)
    if not len(settled.states) or not bool(settled.converged[0]):
        return between
    apart = float((branch.states[there] - branch.states[here]).norm()) + NEAR * float(between.norm()) + 1e-12
    return settled.states[0] if float((settled.states[0] - between).norm()) <= apart else between


@dataclass(frozen=True)
class Adaptation:
    """Slopes along the curve, from 0 outwards.

    Attributes:
        at_zero: at g = 0.
        at_typical: at the typical size of gradient, the mean of both arms; None where the curve does not reach it.
        exponent: −d ln(slope) / d ln|g| between two sizes, by least squares over both arms; None where the curve does not reach far
            enough or slopes are not positive.
        sheets: the sheet at the typical gradient, on the arm of negative and of positive g; None where it is not reached.
    """

    at_zero: float | None
    at_typical: float | None
    exponent: float | None
    sheets: tuple[int | None, int | None]


def adaptation_of(
    optimizer: Optimizer,
    branches: list[Branch],
    zero: Tensor,
    typical: float,
    between: tuple[float, float],
    width: float = 0.0,
    *,
    local: bool = False,
) -> Adaptation:
    """The effective learning rate along the curve, or the local slope.

    Args:
        optimizer: any optimizer, in float64.
        branches: the curve through g = 0, or one curve for each sign where the optimizer jumps there.
        zero: the state at g = 0, [S].
        typical: the size of gradient to report.
        between: sizes between which the exponent is taken.
        width: for `effective_learning_rate`, where the update jumps at g = 0.
        local: whether to take the slope at (h*(g), g) in place of that at (h*(g), 0).
    """

    def slope(passages: list[Passage]) -> Tensor:
        states = torch.stack([found.state for found in passages])
        if not local:
            return effective_learning_rate(optimizer, states, width)
        return -update_slope(optimizer, states, states.new_tensor([found.gradient for found in passages]))

    at_zero = _finite(float(effective_learning_rate(optimizer, zero[None], width)[0]))
    arms = [_first(optimizer, branches, sign * typical) for sign in (-1, 1)]
    sheets = tuple(None if arm is None else arm.sheet for arm in arms)
    both = [arm for arm in arms if arm is not None]
    at_typical = _finite(float(slope(both).mean())) if len(both) == 2 else None
    low, high = between
    sizes = np.geomspace(low, high, SIZES) if 0 < low < high else np.array([])
    points = [_first(optimizer, branches, sign * float(size)) for sign in (-1, 1) for size in sizes]
    reached = [point for point in points if point is not None]
    exponent = None
    if len(reached) == len(points) > 0:
        slopes = slope(reached)
        if bool((slopes > 0).all()) and bool(torch.isfinite(slopes).all()):
            exponent = rate_exponent(torch.tensor([point.gradient for point in reached], dtype=torch.float64), slopes)
    return Adaptation(at_zero, at_typical, exponent, (sheets[0], sheets[1]))


def _first(optimizer: Optimizer, branches: list[Branch], gradient: float) -> Passage | None:
    """The first passage on the branch of the gradient's sign."""
    for branch in branches:
        start = float(branch.gradients[branch.start])
        if len(branches) > 1 and start * gradient < 0:
            continue
        found = passage(optimizer, branch, gradient)
        if found is not None:
            return found
    return None


def rate_exponent(gradients: Tensor, rates: Tensor) -> float:
    """−d ln(rate) / d ln|g| by least squares: 0 for momentum, 1 for RMSProp far out.

    Args:
        gradients: [p], none of them 0.
        rates: positive, [p].
    """
    slope, _ = np.polyfit(torch.log(gradients.abs()).numpy(), torch.log(rates).numpy(), 1)
    return -float(slope)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
