"""The curve of fixed points h*(g) over the gradient, through folds: pseudo-arclength continuation (Keller 1977).

A point of the curve is z = (h, t) with F(h, g(t)) = h. The coordinate t = asinh(g / scale) / range is linear for gradients below
the scale and logarithmic above, of both signs, and runs over a length of 1 from the low to the high end. Arclength is measured by
ds² = ‖dh‖² / σ² + dt², with σ the norm of the state there (or how far one gradient of size ``scale`` moves the start, if that is
more), so that a state that grows over decades is traced in steps of equal ratio. A step goes along the tangent, then Newton
corrects it at right angles. It is shortened if Newton needs too many steps or the curve turns too fast. At a fold, the tangent's t
component changes sign; regula falsi finds its zero. The clock of an optimizer that counts steps keeps its value in the
start state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from core.analysis.fixed_points import CONVERGED, MARGINAL, is_fixed_point, speed
from core.analysis.jacobians import derivatives, moving_entries
from core.errors import InputError
from core.late import torch
from core.optimizers.base import Optimizer

if TYPE_CHECKING:
    from torch import Tensor

FIRST, LONGEST, SHORTEST = 0.01, 0.03, 1e-8  # arclength of a step
EASY = 0.2  # length of a change of the state by its own norm, beside 1 for the whole range of g
TURN = 0.97  # smallest cosine between the tangents at both ends of a step
CORRECTIONS = 8  # Newton steps at a point before the step is shortened
TIGHT = 1e-9  # arclength of the last correction
FLAT = 1e-9  # |dt/ds| at a fold
WHOLE = 150  # entries up to which all eigenvalues are computed; above, the largest ones by Arnoldi's method

End = Literal["range", "jump", "closed", "stuck", "points"]


@dataclass(frozen=True)
class Fold:
    """A fold: the curve turns back in g, and a pair of fixed points appears or disappears.

    Attributes:
        gradient: g at the fold.
        state: h at the fold, [S].
    """

    gradient: float
    state: Tensor


@dataclass(frozen=True)
class Branch:
    """A curve of p fixed points in order of arclength; at the start point, g increases along it.

    Attributes:
        gradients: g of each point, [p].
        states: h*(g) of each point, [p, S].
        radii: the spectral radius of ∂F/∂h without the clock, [p].
        unstable: number of eigenvalues with a modulus above 1 + 1e-6, int64 [p].
        folds: the folds in the same order.
        start: index of the start point.
        ended: why it ended at the first and at the last point: "range" (g reached an end of the range), "jump" (g reached 0,
            where the optimizer is not continuous), "closed" (it returned to its start), "stuck" (Newton failed at the shortest
            step, for example because gates saturate and J is 1 up to rounding), "points" (the maximum number of points).
    """

    gradients: Tensor
    states: Tensor
    radii: Tensor
    unstable: Tensor
    folds: tuple[Fold, ...]
    start: int
    ended: tuple[End, End]


class _Point(NamedTuple):
    """A point z = (h, t) of the curve, the tangent there (of arclength 1), and J − I."""

    z: Tensor
    tangent: Tensor
    slopes: Tensor


def continue_fixed_points(
    optimizer: Optimizer,
    state: Tensor,
    gradient: float,
    low: float,
    high: float,
    *,
    scale: float | None = None,
    points: int = 500,
) -> Branch:
    """The curve of fixed points h*(g) = F(h*(g), g) through one of them, in both directions, until g leaves [low, high].

    The S-curve of arXiv 2011.02159, section 4.4, by pseudo-arclength continuation (Keller 1977), through folds.

    Args:
        optimizer: any optimizer, in float64.
        state: the fixed point, [S], float64.
        gradient: its g.
        low: smallest g.
        high: largest g.
        scale: g up to which steps are linear in g (logarithmic beyond); by default a thousandth of the largest |g|, or the
            smallest |g| if the range excludes 0.
        points: maximum number of points in each direction.

    Raises:
        InputError: the state is not a fixed point, the range is empty or excludes g, or the optimizer jumps at g = 0 and g is 0.
    """
    if not low <= gradient <= high or not low < high or not max(-low, high) < float("inf"):
        raise InputError(f"low and high must include the start gradient {gradient} (got {low} to {high})")
    reach = max(abs(low), abs(high))
    even = scale or (min(abs(low), abs(high)) if low * high > 0 else 1e-3 * reach)
    jumps: tuple[bool, bool] = (False, False)
    if not optimizer.smooth and low <= 0 <= high:
        if gradient == 0:
            raise InputError("this optimizer jumps at gradient 0: start from a gradient above or below it")
        jumps = (gradient > 0, gradient < 0)
        low, high = (1e-6 * min(even, gradient), high) if gradient > 0 else (low, 1e-6 * max(-even, gradient))
    q = speed(optimizer, state[None], torch.tensor([gradient], dtype=state.dtype))
    if not bool(is_fixed_point(optimizer, state[None], q)):
        raise InputError(
            f"continuation starts from a fixed point, of speed {CONVERGED} or less (this state's is {float(q):.1e})"
        )
    curve = _Curve(optimizer, state, gradient, low, high, even)
    ahead, folds_ahead, ended_ahead = curve.trace(1, points)
    back, folds_back, ended_back = curve.trace(-1, points if ended_ahead != "closed" else 0)
    if ended_ahead == "closed":
        ended_back = "closed"
    every = [*back[:0:-1], *ahead]
    spectra = [_largest(point.slopes) for point in every]
    ended = [
        ("jump" if jump and end == "range" else end) for jump, end in zip(jumps, (ended_back, ended_ahead), strict=True)
    ]
    return Branch(
        torch.tensor([curve.gradient(point.z) for point in every], dtype=torch.float64),
        torch.stack([curve.state(point.z) for point in every]),
        torch.tensor([radius for radius, _ in spectra], dtype=torch.float64),
        torch.tensor([count for _, count in spectra]),
        tuple(Fold(curve.gradient(z), curve.state(z)) for z in [*reversed(folds_back), *folds_ahead]),
        len(back) - 1,
        (ended[0], ended[1]),
    )


class _Curve:
    """F(h, g(t)) = h over the entries that move, and how to walk along it."""

    def __init__(self, optimizer: Optimizer, state: Tensor, gradient: float, low: float, high: float, scale: float):
        self.optimizer = optimizer
        self.template = state
        self.moving = moving_entries(optimizer)
        self.scale = scale
        self.low, self.high = low, high
        self.origin = float(np.arcsinh(low / scale))
        self.range = float(np.arcsinh(high / scale)) - self.origin
        with torch.no_grad():
            pushes = torch.tensor([gradient - scale, gradient + scale], dtype=state.dtype)
            pushed = optimizer.step(state.expand(2, -1), pushes)[0][:, self.moving]
        self.floor = float((pushed - state[self.moving]).norm(dim=1).max()) or 1.0
        first = (float(np.arcsinh(gradient / scale)) - self.origin) / self.range
        z = torch.cat([state[self.moving], torch.tensor([first], dtype=state.dtype)])
        border = torch.cos(
            torch.arange(1.0, len(z) + 1, dtype=z.dtype)
        )  # at right angles to a tangent only by accident
        _, direction, slopes = self._solve(z, border / self._weights(z).sqrt())
        self.start = _Point(z, self._unit(z, direction if direction[-1] >= 0 else -direction), slopes)

    def gradient(self, z: Tensor) -> float:
        """g at z."""
        t = float(z[-1])
        if t in (0.0, 1.0):
            return self.high if t else self.low
        return self.scale * float(np.sinh(self.origin + self.range * t))

    def state(self, z: Tensor) -> Tensor:
        """The whole state at z, [S]."""
        full = self.template.clone()
        full[self.moving] = z[:-1]
        return full

    def trace(self, sign: int, limit: int) -> tuple[list[_Point], list[Tensor], End]:
        """Points from the start one way, the start included, the folds between them, and why it ended."""
        at = self.start._replace(tangent=sign * self.start.tangent)
        points, folds = [at], list["Tensor"]()
        size = FIRST
        travelled = 0.0
        while len(points) <= limit:
            if (at.z[-1] >= 1 and at.tangent[-1] > 0) or (at.z[-1] <= 0 and at.tangent[-1] < 0):
                return points, folds, "range"
            found, quick = self._advance(at, size)
            if found is None:
                size /= 2
                if size < SHORTEST:
                    return points, folds, "stuck"
                continue
            if float(at.tangent[-1]) * float(found.tangent[-1]) < 0:
                folds.append(self._fold(at, found))
            at = found
            points.append(at)
            self.floor = max(self.floor, 0.1 * float(at.z[:-1].norm()))
            travelled += size
            if travelled > 4 * size and self._returned(at, size):
                return points, folds, "closed"
            size = min(LONGEST, 1.6 * size) if quick else size
        return points, folds, "points"

    def _advance(self, at: _Point, size: float) -> tuple[_Point | None, bool]:
        """The point about `size` further on (nearer, where an end of the range comes first), and whether it came easily."""
        found, corrections = self._correct(at.z + size * at.tangent, at.tangent)
        if found is None:
            return None, False
        t = float(found.z[-1])
        if not 0 <= t <= 1:
            edge = 0.0 if t < 0 else 1.0
            before = float(at.z[-1])
            guess = at.z + (found.z - at.z) * ((edge - before) / (t - before))
            guess[-1] = edge
            found, corrections = self._correct(guess, at.tangent, hold=True)
            if found is None:
                return None, False
        cosine = (
            self._product(found.z, found.tangent, at.tangent) / self._product(found.z, at.tangent, at.tangent) ** 0.5
        )
        return (found, corrections <= 4 and cosine > (1 + TURN) / 2) if cosine >= TURN else (None, False)

    def _correct(self, z: Tensor, tangent: Tensor, *, hold: bool = False) -> tuple[_Point | None, int]:
        """Newton at right angles to the tangent, or with t held: the point, with its tangent the same way, and how many steps."""
        border = self._weights(z) * tangent
        if hold:
            border = torch.zeros_like(z)
            border[-1] = 1.0
        last = LONGEST
        for count in range(1, CORRECTIONS + 1):
            step, direction, slopes = self._solve(z, border)
            length = self._product(z, step, step) ** 0.5
            if not length <= last:
                return None, count
            z = z + step
            if length <= TIGHT:
                forward = self._product(z, direction, tangent) >= 0
                return _Point(z, self._unit(z, direction if forward else -direction), slopes), count
            last = 0.5 * length if count > 1 else length
        return None, CORRECTIONS

    def _solve(self, z: Tensor, border: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Newton's step at z with border · step = 0, a direction along the curve, and J − I, from one factorisation."""
        g = self.gradient(z)
        at = derivatives(self.optimizer, self.state(z)[None], torch.tensor([g], dtype=z.dtype))
        slopes = at.j_h[0][self.moving][:, self.moving]
        slopes.diagonal().sub_(1)
        size = len(z)
        matrix = z.new_empty(size, size)
        matrix[:-1, :-1] = slopes
        matrix[:-1, -1] = at.j_g[0, self.moving] * (self.range * float(np.hypot(g, self.scale)))  # dg/dt
        matrix[-1] = border
        sides = z.new_zeros(size, 2)
        sides[:-1, 0] = z[:-1] - at.next_state[0, self.moving]
        sides[-1, 1] = 1
        step, direction = torch.linalg.solve_ex(matrix, sides)[0].unbind(1)
        return step, direction, slopes

    def _fold(self, before: _Point, after: _Point) -> Tensor:
        """z where the curve turns back in t, between two neighbouring points of it whose tangents do (Illinois method)."""
        ends = [before, after]
        values = [float(before.tangent[-1]), float(after.tangent[-1])]
        last = -1
        for _ in range(60):
            base = ends[0]
            across = self._product(base.z, ends[1].z - base.z, base.tangent)
            found, _ = self._correct(base.z + across * values[0] / (values[0] - values[1]) * base.tangent, base.tangent)
            if found is None:
                break
            value = float(found.tangent[-1])
            side = 0 if value * values[0] > 0 else 1
            ends[side], values[side] = found, value
            if side == last:
                values[1 - side] /= 2  # or that end would never move
            last = side
            if abs(value) <= FLAT:
                break
        return min(ends, key=lambda point: abs(float(point.tangent[-1]))).z

    def _returned(self, at: _Point, size: float) -> bool:
        apart = self.start.z - at.z
        near = self._product(at.z, apart, apart) <= size**2
        return near and self._product(at.z, at.tangent, self.start.tangent) ** 2 > TURN**2

    def _weights(self, z: Tensor) -> Tensor:
        """The diagonal of the metric at z."""
        weights = torch.full_like(z, (EASY / max(float(z[:-1].norm()), self.floor)) ** 2)
        weights[-1] = 1
        return weights

    def _product(self, z: Tensor, a: Tensor, b: Tensor) -> float:
        return float((self._weights(z) * a * b).sum())

    def _unit(self, z: Tensor, direction: Tensor) -> Tensor:
        return direction / self._product(z, direction, direction) ** 0.5


def _largest(slopes: Tensor) -> tuple[float, int]:
    """The spectral radius of J, and how many eigenvalues lie outside the unit circle, from J − I [M, M]."""
    size = len(slopes)
    if size == 0:
        return 0.0, 0
    if size > WHOLE:
        modulus = _arnoldi(slopes.numpy() + np.eye(size))
        if modulus is not None and modulus.min() < 1:
            return float(modulus.max()), int((modulus > 1 + MARGINAL).sum())
    modulus = (torch.linalg.eigvals(slopes) + 1).abs().numpy()
    return float(modulus.max()), int((modulus > 1 + MARGINAL).sum())


def _arnoldi(jacobian: np.ndarray) -> np.ndarray | None:
    """The four largest |λ|, or None where the iteration does not soon converge."""
    from scipy.sparse.linalg import ArpackError, eigs

    start = np.cos(np.arange(1.0, len(jacobian) + 1))
    try:
        return np.abs(eigs(jacobian, k=4, ncv=32, maxiter=10, v0=start, tol=1e-9, return_eigenvectors=False))
    except ArpackError:
        return None
