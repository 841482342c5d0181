"""An optimizer as a linear system near one state: its modes, their effect on the update, and the linear model itself.

Near (h₀, g₀), with δh = h − h₀ and δg = g − g₀:

    h' = F(h₀, g₀) + J_h δh + J_g δg        u' = u(h₀, g₀) + U_h δh + U_g δg

With J_h = R Λ L (L R = 1), the gradient of one step changes the update n steps later by U_g for n = 0 and by
Σ_j (U_h R_j) λ_jⁿ⁻¹ (L_j J_g) for n ≥ 1. Momentum (v ← βv + g, u = −αv) answers −α βⁿ for every n ≥ 0, so mode j is
momentum with decay λ_j and learning rate

    α_j = −(U_h R_j)(L_j J_g) / λ_j,        and        α_direct = −U_g − Σ_j α_j

remains: the memoryless part of the update. If the update only reads the next state, u = s (w · h') + …, U_h = s wᵀ J_h and
α_j = −s (wᵀ R_j)(L_j J_g), as in Maheswaranathan et al. (arXiv 2011.02159, section 4.1), and nothing is left. SGD is all
direct; Nesterov momentum (u = −α(g + βv')) is a mode β with learning rate αβ beside a direct α. A mode with λ_j = 0 has no
memory, and its share is direct.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from core.analysis.jacobians import Derivatives, derivatives, moving_entries
from core.errors import InputError
from core.late import torch
from core.optimizers.base import Optimizer

if TYPE_CHECKING:
    from torch import Tensor

MEMORYLESS = 1e-9  # a mode with |λ| at most this has no memory
DEFECTIVE = 1e7  # condition of an eigenvalue at or above which the Jacobian counts as near-defective
PARALLEL = 1e-6  # modes are nearly parallel where 1 − |cos| of their right vectors is at most this


@dataclass(frozen=True)
class Linearization:
    """The linear system at one state, with M modes sorted by falling |λ|; M is S without the clock.

    h' = F(h₀, g₀) + J_h δh + J_g δg and u' = u(h₀, g₀) + U_h δh + U_g δg (arXiv 2011.02159, section 4.1). Rates are in the optimizer's own
    units (SGD: its learning rate).

    Attributes:
        state: h₀, [S].
        gradient: g₀.
        next_state: F(h₀, g₀), [S]; equal to h₀ (except for the clock) at a fixed point.
        update: u(h₀, g₀).
        j_h: ∂F/∂h, [S, S]; 0 in the clock's row and column.
        j_g: ∂F/∂g, [S].
        u_h: ∂u/∂h, [S]; 0 for the clock.
        u_g: ∂u/∂g.
        eigenvalues: λ_j, complex [M].
        right: right eigenvectors R_j of norm 1 in columns, complex [S, M].
        left: left eigenvectors L_j in rows, complex [M, S].
        rates: learning rates α_j = −(U_h R_j)(L_j J_g) / λ_j, complex [M]; real, or in conjugate pairs.
        direct: α_direct = −U_g − Σ_j α_j, the memoryless part.
        timescales: τ_j = −1/ln|λ_j| in inner steps, [M]: 0 if λ_j = 0, infinite if |λ_j| = 1, negative if the mode grows.
        conditions: ‖L_j‖ ‖R_j‖, [M]: the sensitivity of λ_j to rounding (1 for a normal Jacobian; infinite for a defective one).
        parallel: pairs of modes whose right vectors nearly coincide.
    """

    state: Tensor
    gradient: float
    next_state: Tensor
    update: float
    j_h: Tensor
    j_g: Tensor
    u_h: Tensor
    u_g: float
    eigenvalues: Tensor
    right: Tensor
    left: Tensor
    rates: Tensor
    direct: float
    timescales: Tensor
    conditions: Tensor
    parallel: tuple[tuple[int, int], ...]

    @property
    def near_defective(self) -> bool:
        """Whether modes nearly coincide: their rates are then large, of opposite sign, and not individually meaningful."""
        return bool(self.parallel) or bool((self.conditions >= DEFECTIVE).any())


def linearize(optimizer: Optimizer, state: Tensor, gradient: float = 0.0, *, width: float = 0.0) -> Linearization:
    """The linear system near a state, usually a fixed point, at a constant gradient (arXiv 2011.02159, section 4.1).

    Args:
        optimizer: any optimizer, in float64.
        state: h₀, [S], float64.
        gradient: g₀.
        width: half-width of the secants that replace J_g and U_g if the optimizer jumps at g = 0 (``optimizer.smooth`` is False)
            and g₀ is 0. It must be positive then.

    Raises:
        InputError: the state or the derivatives there are not finite, or a width is needed and missing.
    """
    if not bool(torch.isfinite(state).all()):
        raise InputError("an optimizer can only be linearised at a finite state")
    at = derivatives(optimizer, state[None], torch.tensor([gradient], dtype=state.dtype))
    j_g, u_g = at.j_g[0], float(at.u_g[0])
    if not optimizer.smooth and gradient == 0:
        j_g, u_g = _secant(optimizer, state, width)
    moving = moving_entries(optimizer)
    j_h, u_h = _without_held(optimizer, at)
    part = j_h[moving][:, moving]
    if not bool(torch.isfinite(j_h).all() and torch.isfinite(j_g).all() and torch.isfinite(u_h).all()) or u_g != u_g:
        raise InputError("the optimizer's derivatives are not finite at this state")
    j_g = j_g.clone()
    j_g[[i for i in range(len(j_g)) if i not in moving]] = 0
    values, vectors = torch.linalg.eig(part)
    order = values.abs().argsort(descending=True, stable=True)
    values, vectors = values[order], vectors[:, order]
    inverse, failure = torch.linalg.inv_ex(vectors)
    if int(failure):
        inverse = torch.linalg.pinv(vectors)
    right = vectors.new_zeros(len(state), len(moving))
    left = vectors.new_zeros(len(moving), len(state))
    right[moving], left[:, moving] = vectors, inverse
    remembers = values.abs() > MEMORYLESS
    shares = (u_h.to(right.dtype) @ right) * (left @ j_g.to(left.dtype))
    rates = torch.where(remembers, -shares / torch.where(remembers, values, 1), 0)
    conditions = inverse.norm(dim=1) * vectors.norm(dim=0)
    return Linearization(
        state=state,
        gradient=gradient,
        next_state=at.next_state[0],
        update=float(at.update[0]),
        j_h=j_h,
        j_g=j_g,
        u_h=u_h,
        u_g=u_g,
        eigenvalues=values,
        right=right,
        left=left,
        rates=rates,
        direct=-u_g - float(rates.sum().real),
        timescales=-1 / torch.where(values.abs() == 1, -0.0, values.abs().log()),
        conditions=torch.full_like(conditions, torch.inf) if int(failure) else conditions,
        parallel=_parallel(vectors),
    )


def _secant(optimizer: Optimizer, state: Tensor, width: float) -> tuple[Tensor, float]:
    """J_g and U_g as secants between g = ±width."""
    if not width > 0:
        raise InputError("this optimizer jumps at gradient 0: give a positive width to take the slope over")
    with torch.no_grad():
        following, update = optimizer.step(state.expand(2, -1), torch.tensor([width, -width], dtype=state.dtype))
    return (following[0] - following[1]) / (2 * width), float(update[0] - update[1]) / (2 * width)


def _without_held(optimizer: Optimizer, at: Derivatives) -> tuple[Tensor, Tensor]:
    """J_h and U_h of the first row with the clock and what is read held: they go on, but nothing depends on them."""
    j_h, u_h = at.j_h[0].clone(), at.u_h[0].clone()
    moving = moving_entries(optimizer)
    for i in set(range(optimizer.state_size)).difference(moving):
        j_h[:, i] = j_h[i] = u_h[i] = 0
        j_h[i, i] = 1
    return j_h, u_h


def _parallel(vectors: Tensor) -> tuple[tuple[int, int], ...]:
    """Pairs of columns of norm 1 that nearly coincide."""
    overlap = (vectors.mH @ vectors).abs().triu(1)
    return tuple((int(i), int(j)) for i, j in torch.nonzero(overlap >= 1 - PARALLEL).tolist())


@final
class LinearOptimizer(Optimizer):
    """The linear system of a `Linearization` as an optimizer, from the original optimizer's initial state.

    Args:
        optimizer: the original optimizer.
        linearization: its linear system at one state.
    """

    def __init__(self, optimizer: Optimizer, linearization: Linearization):
        self.linearization = linearization
        self._name = f"{optimizer.name}, linear"
        self._state_names = optimizer.state_names
        self._initial = optimizer.initial_state(1, torch.float64)[0]

    @property
    def name(self) -> str:
        return self._name

    @property
    def state_names(self) -> tuple[str, ...]:
        return self._state_names

    @property
    def smooth(self) -> bool:
        return True

    def initial_state(self, n: int, dtype: torch.dtype | None = None) -> Tensor:
        return self._initial.to(dtype or torch.float32).expand(n, -1)

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        at = self.linearization
        away, push = state - at.state.to(state.dtype), gradient - at.gradient
        following = at.next_state.to(state.dtype) + away @ at.j_h.T.to(state.dtype)
        following = following + push[:, None] * at.j_g.to(state.dtype)
        return following, at.update + away @ at.u_h.to(state.dtype) + at.u_g * push


@dataclass(frozen=True)
class Following:
    """Two optimizers on the same gradients.

    Attributes:
        updates: of the real one, [K, n].
        linear: of the linear one, [K, n].
        error: ‖linear − real‖ / ‖real‖ over the n rows at every step, [K]: 0 is perfect; NaN where neither moves.
        distance: distance of the two states over that of the real one from h₀, mean over rows, before every step, [K].
    """

    updates: Tensor
    linear: Tensor
    error: Tensor
    distance: Tensor


def following(
    optimizer: Optimizer, linear: LinearOptimizer, gradients: Tensor, start: Tensor | None = None
) -> Following:
    """How far the linear model follows the real optimizer.

    Args:
        optimizer: the real one, in float64.
        linear: its linear model.
        gradients: what both are fed, [K, n], float64.
        start: where both start, [n, S]; by default the optimizer's initial state.
    """
    moving = moving_entries(optimizer)
    state = optimizer.initial_state(gradients.shape[1], torch.float64) if start is None else start
    other, fixed_point = state, linear.linearization.state
    real, modelled, distance = [], [], []
    with torch.no_grad():
        for g in gradients:
            apart, away = (other - state)[:, moving].norm(dim=1), (state - fixed_point)[:, moving].norm(dim=1)
            distance.append((apart / away).mean())
            state, update = optimizer.step(state, g)
            other, guess = linear.step(other, g)
            real.append(update)
            modelled.append(guess)
    updates, guesses = torch.stack(real), torch.stack(modelled)
    error = (guesses - updates).norm(dim=1) / updates.norm(dim=1)
    return Following(updates, guesses, error, torch.stack(distance))
