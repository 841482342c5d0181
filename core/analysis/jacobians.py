"""Derivatives of an optimizer's step: in closed form for GRU, LSTM and vanilla cells and for formulas, by reverse mode for all others.

Where reverse mode gives no number (√ at 0 in somebody's graph) or there is no graph, difference quotients take its place
(core/optimizers/differences.py); what they cannot tell either is NaN.

Components are independent rows, so in reverse mode one backward pass over S + 1 copies of a state gives its whole Jacobian, and
one over plain rows the slope of every row. (`torch.func` would do the same, but its first use imports torch's compiler, two
seconds.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from core.analysis.formula_jacobians import formula_derivatives
from core.late import torch
from core.optimizers.base import Optimizer
from core.optimizers.cells import Weights
from core.optimizers.differences import difference_quotients
from core.optimizers.features import FEATURES
from core.optimizers.formula import Formula
from core.optimizers.recurrent import Architecture, RecurrentOptimizer

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Derivatives:
    """One step of n rows, h' = F(h, g) and u(h, g), and its first derivatives.

    Attributes:
        next_state: h', [n, S].
        update: u, [n].
        j_h: ∂F/∂h, the recurrent Jacobian, [n, S, S]; row i is the derivative of entry i of h'.
        j_g: ∂F/∂g, the input Jacobian, [n, S].
        u_h: ∂u/∂h, [n, S].
        u_g: ∂u/∂g, [n].
    """

    next_state: Tensor
    update: Tensor
    j_h: Tensor
    j_g: Tensor
    u_h: Tensor
    u_g: Tensor


def moving_entries(optimizer: Optimizer) -> list[int]:
    """Indices of the state entries that move: all except clocks, which only count steps, constants, and what it reads."""
    held = {*optimizer.clocks, *optimizer.constants, *optimizer.reads.values()}
    return [i for i in range(optimizer.state_size) if i not in held]


def derivatives(optimizer: Optimizer, states: Tensor, gradients: Tensor) -> Derivatives:
    """The step h' = F(h, g), u(h, g) and its Jacobians at n states and gradients (arXiv 2011.02159, section 4.1).

    If an optimizer is not smooth (its features jump at g = 0), derivatives by g at g = 0 ignore the jump.

    Args:
        optimizer: any optimizer, in the states' precision.
        states: h, [n, S].
        gradients: g, [n].
    """
    if isinstance(optimizer, RecurrentOptimizer) and _closed_form(optimizer.architecture) is not None:
        return _of_cell(optimizer, states.detach(), gradients.detach())
    if isinstance(optimizer, Formula):
        return Derivatives(*formula_derivatives(optimizer, states.detach(), gradients.detach()))
    if not optimizer.differentiable:
        return _by_differences(optimizer, states, gradients)
    found = _by_reverse_mode(optimizer, states, gradients)
    lost = _without_number(found)
    if not bool(lost.any()):
        return found
    again = _by_differences(optimizer, states[lost], gradients[lost])
    for name in ("j_h", "j_g", "u_h", "u_g"):
        exact = getattr(found, name)
        exact[lost] = torch.where(torch.isfinite(exact[lost]), exact[lost], getattr(again, name))
    return found


def _without_number(found: Derivatives) -> Tensor:
    """Rows with a finite step and a derivative that is not finite, bool [n]."""
    moved = torch.isfinite(found.next_state).all(1) & torch.isfinite(found.update)
    slopes = torch.isfinite(found.j_h).all(2).all(1) & torch.isfinite(found.u_h).all(1)
    return moved & ~(slopes & torch.isfinite(found.j_g).all(1) & torch.isfinite(found.u_g))


def _by_differences(optimizer: Optimizer, states: Tensor, gradients: Tensor) -> Derivatives:
    """Clocks are left out: nothing asks for their derivative, and they take whole numbers."""
    size = states.shape[1]
    h, g = states.detach().double(), gradients.detach().double()
    inputs = [i for i in range(size) if i not in optimizer.clocks] + [size]
    found = difference_quotients(optimizer.step, h, g, inputs, optimizer.rounding_of(h)).values
    slopes = h.new_zeros(len(h), size + 1, size + 1)
    slopes[:, :, inputs] = found
    for clock in optimizer.clocks:
        slopes[:, clock, clock] = 1
    with torch.no_grad():
        following, update = optimizer.step(states.detach(), gradients.detach())
    slopes = slopes.to(states.dtype)
    return Derivatives(
        following, update, slopes[:, :-1, :-1], slopes[:, :-1, -1], slopes[:, -1, :-1], slopes[:, -1, -1]
    )


def update_slope(optimizer: Optimizer, states: Tensor, gradients: Tensor) -> Tensor:
    """The slope ∂u/∂g(h, g) of the update function, without the other derivatives.

    Args:
        optimizer: any optimizer, in the states' precision.
        states: h, [n, S].
        gradients: g, [n].

    Returns:
        [n]; the local learning rate with the opposite sign.
    """
    if not optimizer.differentiable:
        return _slope_by_differences(optimizer, states, gradients)
    with torch.enable_grad():
        g = gradients.detach().requires_grad_()
        _, update = optimizer.step(states, g)
        if not update.requires_grad:  # it answers with what it remembers only
            return torch.zeros_like(gradients)
        (slope,) = torch.autograd.grad(update.sum(), g, materialize_grads=True)
    lost = ~torch.isfinite(slope) & torch.isfinite(update.detach())
    if bool(lost.any()):
        slope = slope.clone()
        slope[lost] = _slope_by_differences(optimizer, states[lost], gradients[lost])
    return slope


def _slope_by_differences(optimizer: Optimizer, states: Tensor, gradients: Tensor) -> Tensor:
    h, g = states.detach().double(), gradients.detach().double()
    found = difference_quotients(optimizer.step, h, g, [states.shape[1]], optimizer.rounding_of(h))
    return found.values[:, -1, 0].to(states.dtype)


def _by_reverse_mode(optimizer: Optimizer, states: Tensor, gradients: Tensor) -> Derivatives:
    n, size = states.shape
    copies = size + 1  # one copy for every entry of the next state, one for the update
    with torch.enable_grad():
        h = states.detach().repeat_interleave(copies, 0).requires_grad_()
        g = gradients.detach().repeat_interleave(copies, 0).requires_grad_()
        following, update = optimizer.step(h, g)
        seeds = torch.eye(copies, dtype=states.dtype).repeat(n, 1)
        outputs, weights = [update], [seeds[:, -1]]
        if size:
            outputs.append(following)
            weights.append(seeds[:, :-1])
        by_h, by_g = torch.autograd.grad(outputs, (h, g), weights, materialize_grads=True)
    by_h, by_g = by_h.view(n, copies, size), by_g.view(n, copies)
    first = slice(None, None, copies)
    return Derivatives(
        following.detach()[first], update.detach()[first], by_h[:, :-1], by_g[:, :-1], by_h[:, -1], by_g[:, -1]
    )


CellDerivatives: TypeAlias = tuple[
    "Tensor", "Tensor", "Tensor"
]  # next state [n, S], its derivative by the state and by the features


def _of_cell(optimizer: RecurrentOptimizer, states: Tensor, gradients: Tensor) -> Derivatives:
    """By the chain rule through features, cell and readout."""
    architecture, theta = optimizer.architecture, optimizer.theta
    features, scale = FEATURES[architecture.features], architecture.feature_scale
    cell = _closed_form(architecture)
    assert cell is not None
    with torch.no_grad():
        following, j_h, by_features = cell(theta, states, features.map(gradients, scale))
        j_g = (by_features @ features.slope(gradients, scale)[:, :, None])[:, :, 0]
        readout = architecture.output_scale * theta["readout_weight"]
        units = architecture.units
        update = following[:, :units] @ readout + architecture.output_scale * theta["readout_bias"]
        u_h = torch.einsum("i,nij->nj", readout, j_h[:, :units])
        return Derivatives(following, update, j_h, j_g, u_h, j_g[:, :units] @ readout)


def _closed_form(architecture: Architecture) -> Callable[[Weights, Tensor, Tensor], CellDerivatives] | None:
    if architecture.cell == "gru" and architecture.reset == "before":
        return None
    return {"gru": _gru, "lstm": _lstm, "vanilla": _vanilla}[architecture.cell]


def _through(weight: Tensor, *slopes: Tensor) -> Tensor:
    """Σ over gates of diag(slope) W: weight [gates · units, k] and a slope [n, units] a gate -> [n, units, k]."""
    blocks = weight.view(len(slopes), -1, weight.shape[1])
    total = slopes[0][:, :, None] * blocks[0]
    for slope, block in zip(slopes[1:], blocks[1:], strict=True):
        total.addcmul_(slope[:, :, None], block)
    return total


def _gru(theta: Weights, h: Tensor, z: Tensor) -> CellDerivatives:
    """h' = c + u (h − c), c = tanh(a + r b), with a of the input and b of the state."""
    from_input = torch.addmm(theta["bias_ih"], z, theta["weight_ih"].T).chunk(3, 1)
    from_state = torch.addmm(theta["bias_hh"], h, theta["weight_hh"].T).chunk(3, 1)
    reset, keep = (torch.sigmoid(from_input[i] + from_state[i]) for i in (0, 1))
    candidate = torch.tanh(from_input[2] + reset * from_state[2])
    by_keep = (h - candidate) * keep * (1 - keep)
    by_candidate = (1 - keep) * (1 - candidate**2)
    by_reset = by_candidate * from_state[2] * reset * (1 - reset)
    j_h = _through(theta["weight_hh"], by_reset, by_keep, by_candidate * reset)
    j_h.diagonal(dim1=1, dim2=2).add_(keep)
    by_features = _through(theta["weight_ih"], by_reset, by_keep, by_candidate)
    return torch.lerp(candidate, h, keep), j_h, by_features


def _lstm(theta: Weights, state: Tensor, z: Tensor) -> CellDerivatives:
    """c' = f c + i a, h' = o tanh c'; state (h, c)."""
    h, c = state.chunk(2, 1)
    bias = theta["bias_ih"] + theta["bias_hh"]
    gates = (z @ theta["weight_ih"].T + h @ theta["weight_hh"].T + bias).chunk(4, 1)
    enter, forget, out = (torch.sigmoid(gates[i]) for i in (0, 1, 3))
    cell = torch.tanh(gates[2])
    c = forget * c
    next_c = c + enter * cell
    squashed = torch.tanh(next_c)
    by_gates = (enter * (1 - enter) * cell, c * (1 - forget), enter * (1 - cell**2))
    by_out = out * (1 - out) * squashed
    by_c = out * (1 - squashed**2)

    def both(weight: Tensor) -> Tensor:
        through_c = _through(weight[: -len(weight) // 4], *by_gates)
        through_out = _through(weight[-len(weight) // 4 :], by_out)
        return torch.cat([through_out + by_c[:, :, None] * through_c, through_c], 1)

    through_cell = torch.cat([torch.diag_embed(by_c * forget), torch.diag_embed(forget)], 1)
    j_h = torch.cat([both(theta["weight_hh"]), through_cell], 2)
    return torch.cat([out * squashed, next_c], 1), j_h, both(theta["weight_ih"])


def _vanilla(theta: Weights, h: Tensor, z: Tensor) -> CellDerivatives:
    """h' = tanh(W h + V z + b)."""
    bias = theta["bias_ih"] + theta["bias_hh"]
    following = torch.tanh(z @ theta["weight_ih"].T + h @ theta["weight_hh"].T + bias)
    slope = 1 - following**2
    return following, _through(theta["weight_hh"], slope), _through(theta["weight_ih"], slope)
