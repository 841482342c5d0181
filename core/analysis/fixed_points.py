"""Fixed points of an optimizer's dynamics: h* with F(h*, g) = h*, from any set of start states.

The speed of a state is q = ½‖F(h, g) − h‖² (Sussillo & Barak, Neural Computation 25, 2013). Some steps of the dynamics move
the starts close to their limits, close states are merged, and damped Newton with exact Jacobians finds the fixed points. If it
gets stuck, Levenberg–Marquardt minimises the speed. A state entry that only counts steps (Adam's) has no
fixed point: it keeps its start value and is left out of the search, the speed and the spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from core.analysis.jacobians import derivatives, moving_entries
from core.errors import InputError
from core.late import torch
from core.optimizers.base import Optimizer

if TYPE_CHECKING:
    from torch import Tensor

CONVERGED = 1e-20  # speed at or below which a state counts as a fixed point …
ROUNDING = 4 * 2.0**-52  # … or the rounding error ‖F(h) − h‖ / ‖h‖ of a large state
MARGINAL = 1e-6  # a largest |λ| this close to 1 is neither stable nor unstable
DESCENT = 300  # largest number of steps of Levenberg–Marquardt
FARTHEST = 2.0  # longest step of Newton's method, in norms of the state (or of a typical one, if that is larger)
STATIONARY = 1e-7  # of a slow point: ‖∇q‖ at most this share of ‖F(h) − h‖ · max(1, ‖J − I‖)
FURTHER = 4  # how many times as many free steps a failed search is given
ROUND = 20  # free steps after which close states are merged
BLOCK = 32  # rows whose distances to all others are in memory at a time
ENTRIES_AT_ONCE = 4_000_000  # of Jacobians in memory at a time

Status = Literal["converged", "slow", "failed"]
Stability = Literal["stable", "unstable", "marginal", "unknown"]


@dataclass(frozen=True)
class FixedPoints:
    """The m fixed and slow points reached from n starts, without duplicates: fixed points first, each kind sorted by its number of starts.

    Attributes:
        states: h* of each point, [m, S], float64.
        gradients: the constant gradient of each point, [m].
        speeds: q = ½‖F(h, g) − h‖² of each point, [m].
        converged: whether each is a fixed point, bool [m]: q is at most 1e-20 (or at rounding error, for norms above 1e5). Otherwise it is a
            slow point, a local minimum of the speed.
        counts: number of starts that reached each point, [m].
        eigenvalues: λ of ∂F/∂h at each point without the clock, sorted by falling modulus, complex [m, M].
        stability: of each point: "stable" if every |λ| is below 1 − 1e-6, "unstable" if one is above 1 + 1e-6, otherwise
            "marginal"; "unknown" where the Jacobian is.
        status: of each start: "converged", "slow" or "failed".
        reasons: why each start failed; "" if it did not.
        point: index of the point that each start reached, [n]; −1 if it failed.
    """

    states: Tensor
    gradients: Tensor
    speeds: Tensor
    converged: Tensor
    counts: Tensor
    eigenvalues: Tensor
    stability: tuple[Stability, ...]
    status: tuple[Status, ...]
    reasons: tuple[str, ...]
    point: Tensor


def speed(optimizer: Optimizer, states: Tensor, gradients: Tensor) -> Tensor:
    """The speed q = ½‖F(h, g) − h‖² without the clock (Sussillo & Barak 2013; arXiv 2011.02159, section 4.1).

    Args:
        optimizer: any optimizer, in the states' precision.
        states: h, [n, S].
        gradients: g, [n].

    Returns:
        q, [n]; infinite instead of NaN.
    """
    with torch.no_grad():
        following, _ = optimizer.step(states, gradients)
    moving = moving_entries(optimizer)
    return _half_square((following - states)[:, moving])


def is_fixed_point(optimizer: Optimizer, states: Tensor, speeds: Tensor) -> Tensor:
    """Whether states [n, S] with these speeds [n] count as fixed points, [n]."""
    return speeds <= (0.5 * (ROUNDING * states[:, moving_entries(optimizer)].norm(dim=1)) ** 2).clamp_min(CONVERGED)


def stability_of(eigenvalues: Tensor) -> Stability:
    """The stability of a fixed point with eigenvalues [M]; stable without any."""
    largest = float(eigenvalues.abs().max()) if len(eigenvalues) else 0.0
    if largest != largest:
        return "unknown"
    if abs(largest - 1) <= MARGINAL:
        return "marginal"
    return "unstable" if largest > 1 else "stable"


def find_fixed_points(
    optimizer: Optimizer,
    starts: Tensor,
    gradients: float | Tensor = 0.0,
    *,
    free: int = 100,
    longest: int = 10_000,
    newton: int = 60,
    near: float = 1e-3,
    merge: float = 1e-6,
) -> FixedPoints:
    """The fixed points h* = F(h*, g), or slow points, that starts reach at a constant gradient (arXiv 2011.02159, section 4.1).

    With many free steps, starts reach attracting points; with none, also unstable points near them.

    Args:
        optimizer: any optimizer, in float64.
        starts: [n, S], float64.
        gradients: the constant gradient, one number for all starts, or [n]; starts at different gradients are never merged.
        free: steps of the dynamics before the search; undone for a start if they did not lower its speed.
        longest: free steps in all for a start from which the search failed; some optimizers drift for thousands. None more if
            ``free`` is 0.
        newton: maximum number of Newton steps.
        near: distance at which starts are merged after some free steps, relative to the typical norm.
        merge: distance at which fixed points are merged, relative to the typical norm; slow points are merged at ``near``.

    Raises:
        InputError: the starts or gradients have the wrong shape or precision.
    """
    if starts.ndim != 2 or starts.shape[1] != optimizer.state_size or starts.dtype is not torch.float64:
        size = optimizer.state_size
        raise InputError(f"start states must be float64 of shape [n, {size}], not {list(starts.shape)} {starts.dtype}")
    g = torch.as_tensor(gradients, dtype=torch.float64).expand(len(starts)).contiguous()
    search = _Search(optimizer)
    near_rest, q = search.relax(starts, g, free, near)
    lost = ~torch.isfinite(q)
    search.scale = _typical_norm(near_rest[~lost][:, search.moving])
    leader = _merged(near_rest[:, search.moving], search.keys(starts, g), near * search.scale, ~lost)
    chosen = torch.unique(leader[~lost])
    going, gone = near_rest[chosen], free
    ends = search.settle(going, g[chosen], newton)
    while free and gone < longest and "failed" in ends.status:
        further = min(longest, FURTHER * gone)
        ends = search.go_on(ends, going, g[chosen], further - gone, newton)
        gone = further
    end_of = torch.full((len(starts),), -1)
    end_of[~lost] = torch.searchsorted(chosen, leader[~lost])
    return _collect(search, starts, g, ends, end_of, merge, near)


@dataclass(frozen=True)
class _Ends:
    """The ends of k searches: states [k, S], speeds [k], status and reasons."""

    states: Tensor
    speeds: Tensor
    status: list[Status]
    reasons: list[str]


class _Search:
    """Free steps, damped Newton and Levenberg–Marquardt on the entries that move."""

    def __init__(self, optimizer: Optimizer):
        self.optimizer = optimizer
        self.moving = moving_entries(optimizer)
        self.at_once = max(1, ENTRIES_AT_ONCE // max(1, len(self.moving)) ** 2)
        self.scale = 1.0  # norm of a typical state

    def speed(self, states: Tensor, g: Tensor) -> Tensor:
        return speed(self.optimizer, states, g)

    def keys(self, starts: Tensor, g: Tensor) -> Tensor:
        """What must be equal for two starts to be merged: the gradient, the clock and what is read, [n, 1 or more]."""
        held = [i for i in range(starts.shape[1]) if i not in self.moving]
        return torch.cat([g[:, None], starts[:, held]], 1)

    def relax(self, starts: Tensor, g: Tensor, free: int, near: float) -> tuple[Tensor, Tensor]:
        """The starts after the free steps, or unchanged if those did not lower the speed; and their speeds."""
        states, clocks, keys = starts, list(self.optimizer.clocks), self.keys(starts, g)
        rows, going_on_as = torch.arange(len(starts)), torch.arange(len(starts))
        with torch.no_grad():
            for count in range(1, free + 1):
                states = self.optimizer.step(states, g[rows])[0]
                if clocks:
                    states[:, clocks] = starts[rows][:, clocks]
                if count % ROUND == 0 and len(rows) > 1:
                    part = states[:, self.moving]
                    finite = torch.isfinite(part).all(1)
                    leader = _merged(part, keys[rows], near * _typical_norm(part[finite]), finite)
                    leader = torch.where(finite, leader, torch.arange(len(rows)))
                    kept, place = leader.unique(return_inverse=True)
                    states, rows, going_on_as = states[kept], rows[kept], place[going_on_as]
        states = states[going_on_as]
        before, after = self.speed(starts, g), self.speed(states, g)
        lower = (after <= before) & torch.isfinite(after)
        return torch.where(lower[:, None], states, starts), torch.where(lower, after, before)

    def settle(self, states: Tensor, g: Tensor, limit: int) -> _Ends:
        """Continue the search from each state [k, S]."""
        points, q = self._newton(states, g, limit)
        status: list[Status] = ["converged"] * len(points)
        reasons = [""] * len(points)
        stuck = torch.nonzero(~is_fixed_point(self.optimizer, points, q))[:, 0]
        for rows in stuck.split(self.at_once):
            lower, slow = self._levenberg_marquardt(points[rows], g[rows])
            points[rows], q[rows] = self._newton(lower, g[rows], limit)
            settled = is_fixed_point(self.optimizer, points[rows], q[rows])
            for row, i in enumerate(rows.tolist()):
                if not bool(settled[row]):
                    status[i] = "slow" if bool(slow[row]) else "failed"
                    reasons[i] = (
                        ""
                        if bool(slow[row])
                        else f"the search stopped at speed {float(q[i]):.1e}, which is not a minimum"
                    )
        return _Ends(points, q, status, reasons)

    def go_on(self, ends: _Ends, going: Tensor, g: Tensor, free: int, limit: int) -> _Ends:
        """The ends with the failed searches taken up again after more free steps; ``going`` [k, S], where they are, moves along."""
        rows = torch.tensor([i for i, status in enumerate(ends.status) if status == "failed"])
        going[rows] = self.relax(going[rows], g[rows], free, 0.0)[0]
        again = self.settle(going[rows], g[rows], limit)
        states, speeds, status, reasons = (
            ends.states.clone(),
            ends.speeds.clone(),
            list(ends.status),
            list(ends.reasons),
        )
        states[rows], speeds[rows] = again.states, again.speeds
        for place, i in enumerate(rows.tolist()):
            status[i], reasons[i] = again.status[place], again.reasons[place]
        return _Ends(states, speeds, status, reasons)

    def residual(self, states: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """F(h) − h [k, M] and J − I [k, M, M] on the entries that move."""
        found = derivatives(self.optimizer, states, g)
        moving = self.moving
        slopes = found.j_h[:, moving][:, :, moving]
        slopes.diagonal(dim1=1, dim2=2).sub_(1)
        return (found.next_state - states)[:, moving], slopes

    def _newton(self, states: Tensor, g: Tensor, limit: int) -> tuple[Tensor, Tensor]:
        """Damped Newton from each state until its speed stops falling: states and speeds."""
        points, q = states.clone(), self.speed(states, g)
        active = torch.arange(len(points))
        for _ in range(limit):
            rounding = 0.5 * (torch.finfo(torch.float64).eps * points[active].norm(dim=1)) ** 2
            active = active[(q[active] > rounding) & torch.isfinite(q[active])]
            if not len(active):
                break
            improved = [self._one_step(points, q, g, part) for part in active.split(self.at_once)]
            active = active[torch.cat(improved)]
        return points, q

    def _one_step(self, points: Tensor, q: Tensor, g: Tensor, rows: Tensor) -> Tensor:
        """Move these rows in place along Newton's direction while the speed falls; returns which of them moved."""
        residual, slopes = self.residual(points[rows], g[rows])
        direction = torch.linalg.solve_ex(slopes, -residual[:, :, None])[0][:, :, 0]
        longest = FARTHEST * points[rows][:, self.moving].norm(dim=1).clamp_min(self.scale)
        direction = direction * (longest / direction.norm(dim=1)).clamp(max=1.0)[:, None]
        waiting = torch.nonzero(torch.isfinite(direction).all(1))[:, 0]
        moved = torch.zeros(len(rows), dtype=torch.bool)
        size = 1.0
        while len(waiting) and size > 1e-3:
            trial = points[rows[waiting]]
            trial[:, self.moving] += size * direction[waiting]
            reached = self.speed(trial, g[rows[waiting]])
            here = q[rows[waiting]]
            lower = reached < (1 - 1e-4 * size) * here
            taken = rows[waiting[lower]]
            points[taken], q[taken], moved[waiting[lower]] = trial[lower], reached[lower], True
            settled = is_fixed_point(self.optimizer, points[rows[waiting]], here)
            waiting = waiting[~lower & ~settled]  # a fixed point is refined only by whole steps
            size /= 2
        return moved

    def _levenberg_marquardt(self, states: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """States of lower speed, [k, S], and which of them are minima of it (Madsen, Nielsen & Tingleff 2004, algorithm 3.16)."""
        points, q = states.clone(), self.speed(states, g)
        minima = torch.zeros(len(points), dtype=torch.bool)
        damping, growth = torch.full_like(q, torch.nan), torch.full_like(q, 2.0)
        active = torch.nonzero(torch.isfinite(q))[:, 0]
        for _ in range(DESCENT):
            residual, slopes = self.residual(points[active], g[active])
            downhill = (slopes.mT @ residual[:, :, None])[:, :, 0]
            size = torch.linalg.matrix_norm(slopes).clamp_min(1.0) * residual.norm(dim=1)
            minima[active] = downhill.norm(dim=1) <= STATIONARY * size
            going = ~minima[active] & torch.isfinite(size) & ~is_fixed_point(self.optimizer, points[active], q[active])
            active, slopes, downhill = active[going], slopes[going], downhill[going]
            if not len(active):
                break
            normal = slopes.mT @ slopes
            first = 1e-3 * normal.diagonal(dim1=1, dim2=2).amax(1)
            mu = torch.where(torch.isnan(damping[active]), first, damping[active])
            normal.diagonal(dim1=1, dim2=2).add_(mu[:, None])
            step = -torch.cholesky_solve(downhill[:, :, None], torch.linalg.cholesky_ex(normal)[0])[:, :, 0]
            trial = points[active]
            trial[:, self.moving] += step
            reached = self.speed(trial, g[active])
            gain = (q[active] - reached) / (0.5 * (step * (mu[:, None] * step - downhill)).sum(1))
            better = (gain > 0) & (reached < q[active])
            taken = active[better]
            points[taken], q[taken] = trial[better], reached[better]
            damping[active] = mu * torch.where(better, (1 - (2 * gain - 1) ** 3).clamp_min(1 / 3), growth[active])
            growth[active] = torch.where(better, 2.0, 2 * growth[active])
            active = active[growth[active] < 1e9]  # the speed has stopped falling, up to rounding
        return points, minima


def _collect(
    search: _Search, starts: Tensor, g: Tensor, ends: _Ends, end_of: Tensor, merge: float, near: float
) -> FixedPoints:
    """Merge the ends, and assign every start its point; `end_of` [n] is −1 for a start that failed before the search."""
    moving = search.moving
    kept = torch.nonzero(end_of >= 0)[:, 0]
    used = torch.zeros(len(ends.states), dtype=g.dtype)
    used[end_of[kept]] = g[kept]
    leader = torch.full((len(ends.states),), -1)
    for kind, tolerance in (("converged", merge), ("slow", max(merge, near))):
        these = torch.tensor([status == kind for status in ends.status], dtype=torch.bool)
        size = max(search.scale, _typical_norm(ends.states[these][:, moving]))
        alike = _merged(ends.states[:, moving], used[:, None], tolerance * size, these, ends.speeds)
        leader = torch.where(these, alike, leader)
    chosen = torch.unique(leader[leader >= 0])
    per_end = torch.bincount(end_of[kept], minlength=len(ends.states))
    counts = [int(per_end[leader == i].sum()) for i in chosen.tolist()]
    order = sorted(range(len(chosen)), key=lambda i: (ends.status[chosen[i]] == "slow", -counts[i], i))
    chosen = chosen[order]
    points = ends.states[chosen]
    number = torch.full((len(ends.states) + 1,), -1)  # the last entry is for failed starts
    for place, i in enumerate(chosen.tolist()):
        number[:-1][leader == i] = place
    eigenvalues = _spectra(search, points, used[chosen])
    lost = "the speed is not finite at this start" if search.moving else "the start is not finite"
    finite = torch.isfinite(starts).all(1).tolist()
    index = end_of.tolist()
    return FixedPoints(
        points,
        used[chosen],
        ends.speeds[chosen],
        is_fixed_point(search.optimizer, points, ends.speeds[chosen]),
        torch.tensor([counts[i] for i in order], dtype=torch.long),
        eigenvalues,
        tuple(stability_of(row) for row in eigenvalues),
        tuple(ends.status[i] if i >= 0 else "failed" for i in index),
        tuple(
            ends.reasons[i] if i >= 0 else (lost if whole else "the start state is not finite")
            for i, whole in zip(index, finite, strict=True)
        ),
        number[end_of],
    )


def _spectra(search: _Search, states: Tensor, g: Tensor) -> Tensor:
    """Eigenvalues of the Jacobian at each state by falling modulus, [m, S] -> complex [m, M]."""
    size = len(search.moving)
    spectra = [torch.zeros(0, size, dtype=torch.complex128)]
    for i in range(len(states)):
        _, slopes = search.residual(states[i : i + 1], g[i : i + 1])
        known = bool(torch.isfinite(slopes).all())
        found = (
            torch.linalg.eigvals(slopes) + 1
            if known
            else torch.full_like(slopes[..., 0], torch.nan).to(torch.complex128)
        )
        spectra.append(found.gather(1, found.abs().argsort(1, descending=True)))
    return torch.cat(spectra)


def _half_square(residual: Tensor) -> Tensor:
    q = 0.5 * (residual**2).sum(1)
    return torch.where(torch.isnan(q), torch.inf, q)


def _typical_norm(states: Tensor) -> float:
    """The median norm of rows; 1 if it is 0 or there are no rows."""
    norms = states.norm(dim=1)
    return (float(norms.median()) if len(norms) else 0.0) or 1.0


def _merged(states: Tensor, keys: Tensor, tolerance: float, wanted: Tensor, order: Tensor | None = None) -> Tensor:
    """The leader of each wanted row: the first row within the tolerance with the same keys; −1 for the others.

    Args:
        states: [n, M].
        keys: [n, k]; only rows with equal keys are merged.
        tolerance: largest distance.
        wanted: [n], bool.
        order: [n]; the row with the smallest value leads; by default the order of the rows.
    """
    rows = torch.nonzero(wanted)[:, 0]
    if order is not None:
        rows = rows[order[rows].argsort(stable=True)]
    points, same = states[rows].contiguous(), keys[rows]
    first = np.full(len(rows), -1)  # by place in rows
    for block in np.split(np.arange(len(rows)), range(BLOCK, len(rows), BLOCK)):
        ahead = block[first[block] < 0]
        close = torch.cdist(points[ahead], points, compute_mode="donot_use_mm_for_euclid_dist") <= tolerance
        close &= (same[ahead][:, None] == same).all(2)
        for i, near in zip(ahead.tolist(), close.numpy(), strict=True):
            if first[i] < 0:
                first[near & (first < 0)] = i
                first[i] = i  # also if the distance overflows
    leader = torch.full((len(states),), -1)
    leader[rows] = rows[torch.from_numpy(first)]
    return leader
