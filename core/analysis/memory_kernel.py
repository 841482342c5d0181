"""The memory kernel of an optimizer: how the update at each later step answers one gradient.

Near a fixed point h*, with J_h, J_g, U_h, U_g the derivatives of the state and of the update by the state and by the gradient,

    K(j) = −∂u[k+j]/∂g[k],        K(0) = −U_g,        K(j) = −U_h J_hʲ⁻¹ J_g  for j ≥ 1.

It is exact, and it is the evidence for momentum: v ← βv + g, u = −αv has K(j) = αβʲ, gradient descent K = (α, 0, 0, …). The modes of
`linearize` are its decomposition, K(j) = Σ_m α_m λ_mʲ plus what is direct at j = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from core.analysis.autonomous import autonomous_trajectory
from core.analysis.jacobians import derivatives, moving_entries
from core.analysis.linearization import Linearization
from core.late import torch
from core.optimizers.base import Optimizer

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 200  # J
ENOUGH = 0.99  # R² that counts as the whole kernel
GRID = 400  # decays tried for the best exponential before the last one is refined


@final
@dataclass(frozen=True)
class MemoryKernel:
    """K(0) … K(J) and what it amounts to.

    Attributes:
        values: [J + 1], in the optimizer's units (a learning rate).
        total: Σ K over all steps to infinity, −U_g − U_h (1 − J_h)⁻¹ J_g; None where a mode does not decay.
        horizon: mean age of the gradients in an update, Σ j |K(j)| / Σ |K(j)|, in steps; None for a kernel of zeros.
        memory: Σ K(j) over the largest |K(j)|: 1 without memory, 1 / (1 − β) for momentum; None for a kernel of zeros.
        alpha, beta: of the exponential α βʲ that fits best by least squares; None for a kernel of zeros.
        r2: share of Σ K² that this exponential explains.
        exponentials: how many of the modes reach an R² of 0.99 together, greedily chosen; None if all do not.
        contributions: ‖α_m λ_mʲ‖ of every mode over ‖K‖, [M]: what each contributes.
    """

    values: Tensor
    total: float | None
    horizon: float | None
    memory: float | None
    alpha: float | None
    beta: float | None
    r2: float | None
    exponentials: int | None
    contributions: Tensor


def memory_kernel(linear: Linearization, steps: int = STEPS) -> MemoryKernel:
    """The kernel of an optimizer near the state it was linearised at.

    Args:
        linear: the linear system there.
        steps: J.
    """
    values = torch.empty(steps + 1, dtype=torch.float64)
    values[0] = -linear.u_g
    pushed = linear.j_g.clone()
    for j in range(1, steps + 1):
        values[j] = -(linear.u_h @ pushed)
        pushed = linear.j_h @ pushed
    sizes = values.abs()
    largest, size = float(sizes.max()), float(sizes.sum())
    contributions = _contributions(linear, values)
    if largest == 0 or not bool(torch.isfinite(values).all()):
        return MemoryKernel(values, _total(linear), None, None, None, None, None, None, contributions)
    ages = torch.arange(steps + 1, dtype=torch.float64)
    alpha, beta, r2 = _exponential(values.numpy())
    return MemoryKernel(
        values=values,
        total=_total(linear),
        horizon=float((ages * sizes).sum()) / size,
        memory=effective_memory(values),
        alpha=alpha,
        beta=beta,
        r2=r2,
        exponentials=_exponentials(linear, values.numpy()),
        contributions=contributions,
    )


def running_kernel(optimizer: Optimizer, state: Tensor, steps: int = STEPS) -> Tensor:
    """K(0) … K(J) from a state on while its clock runs and the gradient stays 0, [J + 1]: where a step's linear system changes with its number.

    Args:
        optimizer: any optimizer, in float64.
        state: before the step whose gradient it is about, [S].
        steps: J.
    """
    at = derivatives(optimizer, autonomous_trajectory(optimizer, steps, state), state.new_zeros(steps + 1))
    values = torch.empty(steps + 1, dtype=torch.float64)
    values[0] = -at.u_g[0]
    pushed = at.j_g[0].clone()
    moving = moving_entries(optimizer)
    for j in range(1, steps + 1):
        values[j] = -(at.u_h[j, moving] @ pushed[moving])
        pushed[moving] = at.j_h[j][moving][:, moving] @ pushed[moving]
    return values


def effective_memory(values: Tensor) -> float | None:
    """How many steps a gradient acts: Σ K(j) over the largest |K(j)|; None for a kernel of zeros, or that is not finite.

    Args:
        values: K(0) … K(J), [J + 1].
    """
    largest = float(values.abs().max())
    return float(values.sum()) / largest if largest > 0 and bool(torch.isfinite(values).all()) else None


def _total(linear: Linearization) -> float | None:
    """Σ K to infinity, where every mode decays."""
    if len(linear.eigenvalues) and float(linear.eigenvalues.abs().max()) >= 1:
        return None
    moves = torch.nonzero((linear.left.abs().sum(0) > 0) | (linear.right.abs().sum(1) > 0))[:, 0]
    if not len(moves):
        return -linear.u_g
    j_h = linear.j_h[moves][:, moves]
    gathered = torch.linalg.solve(torch.eye(len(moves), dtype=j_h.dtype) - j_h, linear.j_g[moves])
    return -linear.u_g - float(linear.u_h[moves] @ gathered)


def _fit(values: np.ndarray, beta: float) -> tuple[float, float]:
    """The best α for a decay, and the squares that α βʲ leaves."""
    powers = beta ** np.arange(len(values))
    alpha = float(values @ powers) / float(powers @ powers)
    return alpha, float(((values - alpha * powers) ** 2).sum())


def _exponential(values: np.ndarray) -> tuple[float, float, float]:
    """(α, β, R²) of the best α βʲ with 0 ≤ β < 1."""
    from scipy.optimize import minimize_scalar  # takes half a second to load

    grid = 1 - np.geomspace(1, 1e-4, GRID)  # closer to 1, where decays differ more
    best = int(np.argmin([_fit(values, beta)[1] for beta in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, GRID - 1)]
    found = minimize_scalar(
        lambda beta: _fit(values, beta)[1], bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    )
    beta = float(min((found.x, grid[best]), key=lambda beta: _fit(values, beta)[1]))
    alpha, left = _fit(values, beta)
    return alpha, beta, 1 - left / float(values @ values)


def _contributions(linear: Linearization, values: Tensor) -> Tensor:
    """‖α_m λ_mʲ‖₂ over j = 0 … J, relative to ‖K‖₂, [M]."""
    size = float(values.norm())
    powers = linear.eigenvalues.abs()[:, None] ** torch.arange(len(values), dtype=torch.float64)
    own = linear.rates.abs() * powers.norm(dim=1)
    return own / size if size > 0 else torch.zeros_like(own)


def _exponentials(linear: Linearization, values: np.ndarray) -> int | None:
    """How few modes explain 99 % of the kernel: chosen one after the other by what is left, their sizes fitted anew each time.

    What is direct (j = 0) is always in; a conjugate pair counts as two.
    """
    ages = np.arange(len(values))
    columns = [np.where(ages == 0, 1.0, 0.0)]
    candidates = {
        m: np.stack([(value**ages).real, (value**ages).imag][: 2 if abs(value.imag) > 0 else 1], 1)
        for m, value in enumerate(linear.eigenvalues.numpy())
        if value.imag >= 0 and abs(value) > 1e-6
    }
    whole, count = float(values @ values), 0
    while True:
        matrix = np.concatenate([column.reshape(len(values), -1) for column in columns], 1)
        left = values - matrix @ np.linalg.lstsq(matrix, values, rcond=None)[0]
        if 1 - float(left @ left) / whole >= ENOUGH:
            return count
        if not candidates:
            return None
        norms = {m: np.abs(left @ (block / np.linalg.norm(block, axis=0))).max() for m, block in candidates.items()}
        chosen = max(norms, key=lambda m: norms[m])
        columns.append(candidates.pop(chosen))
        count += columns[-1].shape[1]
