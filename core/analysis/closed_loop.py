"""The closed loop: optimizer and problem together, as one linear system, and how fast it converges at each curvature.

On a quadratic of curvature λ the gradient is λx, so one component's state and parameter follow

    h' = F(h, λx),        x' = x + u(h, λx).

The loop rests where F(h, g) = h and u(h, g) = 0. A learned optimizer's u(h*, 0) is not 0, so the gradient g* at which it rests is not
0 either: it is biased, and the loss on a quadratic of Hessian A goes flat at ½ g*² 1ᵀA⁻¹1. Linearised at its rest,

    z = (h, x):        z' = M(λ) z,        M(λ) = [[J_h, λ J_g], [U_h, 1 + λ U_g]],

and the spectral radius ρ(λ) of M is the factor by which the distance to the minimum shrinks with every step. Gradient descent has
|1 − αλ|; momentum the larger root of z² − (1 + β − αλ) z + β. An optimizer that reads the parameter adds ∂F/∂x and ∂u/∂x to the last column
(weight decay w: |1 − αλ − w|). No method of that kind does better over [ℓ, L], κ = L/ℓ, than
(κ − 1)/(κ + 1) and (√κ − 1)/(√κ + 1) (Polyak 1964).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from core.analysis.jacobians import Derivatives, derivatives, moving_entries
from core.late import torch
from core.optimizers.base import Optimizer

if TYPE_CHECKING:
    from torch import Tensor

Rate: TypeAlias = Callable[["Tensor"], "Tensor"]

NEWTON = 50
CONVERGED = 1e-11  # ‖(F − h, u)‖ at the rest, relative to the state's and the update's own sizes
BISECTIONS = 50
BEYOND = 30.0  # curvatures up to this multiple of the largest one are searched for the end of stability


@dataclass(frozen=True)
class Rest:
    """Where optimizer and problem together come to rest.

    Attributes:
        state: [S].
        gradient: g*: 0 for an optimizer without bias.
        converged: whether Newton's method reached it; otherwise it is the best point found.
    """

    state: Tensor
    gradient: float
    converged: bool


@dataclass(frozen=True)
class ClosedLoop:
    """How fast an optimizer converges on quadratics.

    Attributes:
        rest: where the loop rests.
        curvatures: λ, [L], ascending.
        rates: ρ(λ), [L]: below 1 it converges, by this factor a step.
        stable_from, stable_to: ends of the stretch of curvatures at which the loop converges (the one that begins at the lowest curvature
            given, if it converges there); None where that end lies beyond what was searched, or nowhere does it converge.
    """

    rest: Rest
    curvatures: Tensor
    rates: Tensor
    stable_from: float | None
    stable_to: float | None

    def between(self, low: float, high: float) -> Tensor:
        """The rates at curvatures from low to high, [l]."""
        inside = (self.curvatures >= low * (1 - 1e-9)) & (self.curvatures <= high * (1 + 1e-9))
        return self.rates[inside]


def rest_of_loop(optimizer: Optimizer, state: Tensor) -> Rest:
    """The rest of the closed loop, by damped Newton's method on (F(h, g) − h, u(h, g)) = 0 from h at g = 0.

    Args:
        optimizer: any optimizer, in float64; a clock is held at its value in the state.
        state: where to start, [S]: a fixed point at g = 0.
    """
    moving = moving_entries(optimizer)

    def residual(z: Tensor) -> tuple[Tensor, Derivatives]:
        full = state.clone()
        full[moving] = z[:-1]
        at = derivatives(optimizer, full[None], z[-1:])
        return torch.cat([at.next_state[0, moving] - z[:-1], at.update]), at

    z = torch.cat([state[moving], state.new_zeros(1)])
    left, at = residual(z)
    slope = float(at.u_g.abs()) or 1.0
    for _ in range(NEWTON):
        if float(left.norm()) == 0:
            break
        matrix = _loop(at, moving, state.new_ones(1))[0]
        matrix.diagonal().sub_(1)
        step, failure = torch.linalg.solve_ex(matrix, -left)
        if int(failure) or not bool(torch.isfinite(step).all()):
            break
        length = 1.0
        while length > 1e-6:
            tried, following = residual(z + length * step)
            if float(tried.norm()) < float(left.norm()):
                break
            length /= 2
        else:
            break
        z, left, at = z + length * step, tried, following
    full = state.clone()
    full[moving] = z[:-1]
    scale = float(z[:-1].norm()) + slope * float(z[-1].abs()) + 1e-3 * slope
    return Rest(full, float(z[-1]), float(left.norm()) <= CONVERGED * max(scale, 1e-12))


def _loop(at: Derivatives, moving: list[int], curvatures: Tensor, parameter: int | None = None) -> Tensor:
    """M(λ) of one row, without the clock, [L, M + 1, M + 1]; ``parameter`` is the entry of the state where x is read."""
    size = len(moving)
    matrix = at.j_h.new_zeros(len(curvatures), size + 1, size + 1)
    matrix[:, :size, :size] = at.j_h[0][moving][:, moving]
    matrix[:, :size, size] = curvatures[:, None] * at.j_g[0, moving]
    matrix[:, size, :size] = at.u_h[0, moving]
    matrix[:, size, size] = 1 + curvatures * at.u_g[0]
    if parameter is not None:
        matrix[:, :size, size] += at.j_h[0, moving, parameter]
        matrix[:, size, size] += at.u_h[0, parameter]
    return matrix


def convergence_rates(optimizer: Optimizer, rest: Rest, curvatures: Tensor, width: float = 0.0) -> Tensor:
    """ρ(λ) at curvatures [L] -> [L]; infinite where derivatives are not finite.

    Args:
        optimizer: any optimizer, in float64.
        rest: where to linearise.
        curvatures: λ, [L].
        width: where the optimizer jumps at g = 0 and rests there, derivatives by g are secants between ±width.
    """
    at = derivatives_at(optimizer, rest, width)
    matrices = _loop(at, moving_entries(optimizer), curvatures, optimizer.reads.get("parameter"))
    finite = torch.isfinite(matrices).all(-1).all(-1)
    rates = torch.full_like(curvatures, torch.inf)
    if bool(finite.any()):
        rates[finite] = torch.linalg.eigvals(matrices[finite]).abs().amax(-1)
    return rates


def derivatives_at(optimizer: Optimizer, rest: Rest, width: float = 0.0) -> Derivatives:
    """The derivatives of one step at the rest of the loop; secants by g where the optimizer jumps there.

    Args:
        optimizer: any optimizer, in float64.
        rest: where to linearise.
        width: half the width of those secants.
    """
    state, g = rest.state[None], rest.state.new_tensor([rest.gradient])
    at = derivatives(optimizer, state, g)
    if optimizer.smooth or abs(rest.gradient) > width:
        return at
    with torch.no_grad():
        ends, updates = optimizer.step(state.expand(2, -1), g + state.new_tensor([width, -width]))
    j_g, u_g = (ends[0] - ends[1])[None] / (2 * width), (updates[0] - updates[1])[None] / (2 * width)
    return Derivatives(at.next_state, at.update, at.j_h, j_g, at.u_h, u_g)


def closed_loop(optimizer: Optimizer, state: Tensor, curvatures: Tensor, width: float = 0.0) -> ClosedLoop:
    """Convergence rates over curvatures, and the range in which the loop is stable.

    Args:
        optimizer: any optimizer, in float64.
        state: a fixed point at g = 0, [S].
        curvatures: λ > 0, [L], ascending.
        width: as for `convergence_rates`.
    """
    rest = rest_of_loop(optimizer, state)
    rates = convergence_rates(optimizer, rest, curvatures, width)
    low, high = _stable_range(lambda values: convergence_rates(optimizer, rest, values, width), curvatures, rates)
    return ClosedLoop(rest, curvatures, rates, low, high)


def _stable_range(rate: Rate, curvatures: Tensor, rates: Tensor) -> tuple[float | None, float | None]:
    """Ends of the stretch of stable curvatures that begins at the lowest one, or lies around the best if that one is not stable."""
    stable = rates < 1
    if not bool(stable.any()):
        return None, None
    best = 0 if bool(stable[0]) else int(rates.argmin())
    low = best
    while low > 0 and bool(stable[low - 1]):
        low -= 1
    high = best
    while high < len(rates) - 1 and bool(stable[high + 1]):
        high += 1
    below = None if low == 0 else _crossing(rate, float(curvatures[low]), float(curvatures[low - 1]))
    if high < len(rates) - 1:
        return below, _crossing(rate, float(curvatures[high]), float(curvatures[high + 1]))
    further = torch.logspace(0, float(np.log10(BEYOND)), 40, dtype=torch.float64) * curvatures[-1]
    beyond = torch.nonzero(~(rate(further) < 1))[:, 0]
    if not len(beyond):
        return below, None
    first = int(beyond[0])
    return below, _crossing(rate, float(further[max(first - 1, 0)]), float(further[first]))


def _crossing(rate: Rate, inside: float, outside: float) -> float:
    """The curvature between a stable and an unstable one at which ρ is 1."""
    for _ in range(BISECTIONS):
        middle = (inside * outside) ** 0.5
        if float(rate(torch.tensor([middle], dtype=torch.float64))) < 1:
            inside = middle
        else:
            outside = middle
    return inside


def contraction_along(optimizer: Optimizer, states: Tensor, curvatures: Tensor, width: float = 0.0) -> Tensor:
    """What is left of x after each step of the autonomous path, so that a schedule counts: the product of the loop's matrices.

    Args:
        optimizer: any optimizer, in float64.
        states: h̄₀ … h̄_K at g = 0, [K + 1, S].
        curvatures: λ, [L].
        width: where the optimizer jumps at g = 0, derivatives by g are secants between ±width.

    Returns:
        |x_k| / |x_0| from x_0 = 1 and a state on the path, to first order, [L, K + 1].
    """
    moving, parameter = moving_entries(optimizer), optimizer.reads.get("parameter")
    z = states.new_zeros(len(curvatures), len(moving) + 1)
    z[:, -1] = 1
    left = [z[:, -1].abs()]
    every = _derivatives_along(optimizer, states[:-1], width)
    for k in range(len(states) - 1):
        row = slice(k, k + 1)
        at = Derivatives(
            every.next_state[row], every.update[row], every.j_h[row], every.j_g[row], every.u_h[row], every.u_g[row]
        )
        z = torch.einsum("lij,lj->li", _loop(at, moving, curvatures, parameter), z)
        left.append(z[:, -1].abs())
    return torch.stack(left, 1)


def _derivatives_along(optimizer: Optimizer, states: Tensor, width: float) -> Derivatives:
    """The derivatives of one step at g = 0 from every state [n, S]; secants by g where the optimizer jumps there."""
    at = derivatives(optimizer, states, states.new_zeros(len(states)))
    if optimizer.smooth:
        return at
    with torch.no_grad():
        ends = [optimizer.step(states, states.new_full((len(states),), sign * width)) for sign in (1, -1)]
    j_g, u_g = (ends[0][0] - ends[1][0]) / (2 * width), (ends[0][1] - ends[1][1]) / (2 * width)
    return Derivatives(at.next_state, at.update, at.j_h, j_g, at.u_h, u_g)


def whole_loop(optimizer: Optimizer, states: Tensor, gradients: Tensor, hessian: Tensor) -> Tensor:
    """Eigenvalues of optimizer and problem together at states of a real run, each component at its own: complex [n (M + 1)].

    Args:
        optimizer: any optimizer, in float64.
        states: of the n components, [n, S].
        gradients: of the components, [n].
        hessian: of the problem there, [n, n].
    """
    moving, parameter, loss = moving_entries(optimizer), optimizer.reads.get("parameter"), optimizer.reads.get("loss")
    n, size = len(states), len(moving)
    at = derivatives(optimizer, states, gradients)
    matrix = states.new_zeros(n * (size + 1), n * (size + 1))
    x = torch.arange(n) + n * size
    for i in range(n):
        rows = torch.arange(i * size, (i + 1) * size)
        matrix[rows[:, None], rows] = at.j_h[i][moving][:, moving]
        matrix[rows[:, None], x] = at.j_g[i, moving][:, None] * hessian[i]
        matrix[x[i], rows] = at.u_h[i, moving]
        matrix[x[i], x] = at.u_g[i] * hessian[i]
        if parameter is not None:
            matrix[rows, x[i]] += at.j_h[i, moving, parameter]
            matrix[x[i], x[i]] += at.u_h[i, parameter]
        if loss is not None:  # it changes with every component by the gradient
            matrix[rows[:, None], x] += at.j_h[i, moving, loss][:, None] * gradients
            matrix[x[i], x] += at.u_h[i, loss] * gradients
    matrix[x, x] += 1
    return torch.linalg.eigvals(matrix)


def loss_floor(gradient: float, hessian: Tensor) -> Tensor:
    """½ g*² 1ᵀA⁻¹1: where the loss on quadratics goes flat if every component rests at the gradient g*.

    Args:
        gradient: g*.
        hessian: A, [..., n, n], positive definite.

    Returns:
        [...], above the minimum.
    """
    ones = torch.ones(hessian.shape[-1], dtype=hessian.dtype)
    return 0.5 * gradient**2 * torch.linalg.solve(hessian, ones.expand(hessian.shape[:-1])[..., None])[..., 0].sum(-1)


def best_heavy_ball(low: float, high: float) -> float:
    """(√κ − 1)/(√κ + 1): no momentum with fixed constants converges faster at every curvature of a range (Polyak 1964).

    Args:
        low: the smallest curvature.
        high: the largest.

    Returns:
        the factor by which the distance to the minimum shrinks with a step.
    """
    root = (high / low) ** 0.5
    return (root - 1) / (root + 1)


def best_gradient_descent(low: float, high: float) -> float:
    """(κ − 1)/(κ + 1): the same for plain gradient descent.

    Args:
        low: the smallest curvature.
        high: the largest.

    Returns:
        the factor by which the distance to the minimum shrinks with a step.
    """
    ratio = high / low
    return (ratio - 1) / (ratio + 1)
