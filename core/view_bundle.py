"""The bundle of one view in the browser: an optimizer, the tuned baselines, and one problem."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.analysis.fixed_points import find_fixed_points
from core.analysis.general import meet, update_functions
from core.analysis.jacobians import moving_entries
from core.analysis.projection import principal_components
from core.analysis.update_function import effective_learning_rate, update_function
from core.bundle import Arrays, Bundle
from core.late import torch
from core.optimizers.base import Optimizer
from core.optimizers.precision import double
from core.tasks.base import ClassifierProblems, PlanarProblems, Problems
from core.unroll import Trajectory, unroll

if TYPE_CHECKING:
    from torch import Tensor

PLACES, COARSE = 12, 16  # steps and gradients at which an optimizer of whole tensors is asked
PLACES_LARGE, COARSE_LARGE = 6, 8  # of a large problem
SMALL = 0.05  # of the median gradient: where its learning rate is taken
GRID = 65  # gradients of the drawn update function
BINS = 60  # of the gradient density
SURFACE = 201  # grid lines of a landscape, each way
ROUGH = 1.5  # times the loss in the middle of a cell that its corners may have on average
FIELD = (26, 42)  # rows and columns of a classifier's logits
LOGIT_RANGE = 6.0  # logits beyond are as sure: they are cut off there
LEVELS = 127  # of int8: logits are stored as whole multiples of a unit of their step


@dataclass(frozen=True)
class Recorded:
    """One optimizer on one problem.

    Attributes:
        optimizer: the optimizer.
        trajectory: losses, inner parameters, gradients, and the states of the watched components.
        drawn: what the landscape shows of it: its path in the plane [K + 1, 2], or its classifier's logits on a grid
            [K + 1, rows, columns]; None where the problem has no landscape.
    """

    optimizer: Optimizer
    trajectory: Trajectory
    drawn: Tensor | None


def record(optimizer: Optimizer, problem: Problems, steps: int) -> Recorded:
    """Run an optimizer on a single problem and keep what a bundle needs."""
    kept = ("x", "gradients", "states")
    trajectory = unroll(optimizer, problem, steps, record=kept, components=problem.watched_components())
    assert trajectory.x is not None
    x = trajectory.x[:, 0]
    drawn = None
    if isinstance(problem, PlanarProblems):
        drawn = problem.plane().project(x)
    elif isinstance(problem, ClassifierProblems):
        drawn = _logits(problem, x)
    return Recorded(optimizer, trajectory, drawn)


def _grid(problem: ClassifierProblems) -> tuple[Tensor, Tensor]:
    """Where logits are kept: first inputs [columns] and second inputs [rows]."""
    low, high = problem.points.amin(0) - 0.25, problem.points.amax(0) + 0.25
    rows, columns = FIELD
    like = problem.points.dtype
    xs = torch.linspace(float(low[0]), float(high[0]), columns, dtype=like)
    ys = torch.linspace(float(low[1]), float(high[1]), rows, dtype=like)
    return xs, ys


def _logits(problem: ClassifierProblems, x: Tensor) -> Tensor:
    grid = torch.stack(torch.meshgrid(*_grid(problem), indexing="xy"), -1).view(-1, 2)
    with torch.no_grad():
        logits = torch.cat([problem.logits(part, grid) for part in x.split(8)])
    return torch.nan_to_num(logits, nan=0.0).clamp(-LOGIT_RANGE, LOGIT_RANGE).view(-1, *FIELD)


Measured = tuple[Arrays, dict[str, Any]]  # arrays, and their description


def measure(problem: Problems, item: Recorded) -> Measured:
    """State space, update functions, gradients and effective learning rates of the optimizer under the microscope."""
    return _subject(problem, item, problem.watched_components())


def make_bundle(
    problem: Problems,
    recorded: Mapping[str, Recorded],
    bound: float = 0.0,
    measured: Measured | None = None,
    beside: Collection[str] = (),
) -> Bundle:
    """Everything one view shows.

    Args:
        problem: a batch of one.
        recorded: by name; the first is the one under the microscope.
        bound: of the task's loss; ``losses`` are above it.
        measured: what `measure` gives for the first, if it is known already.
        beside: names of those whose paths the landscape's window does not follow.
    """
    names = list(recorded)
    losses = torch.stack([item.trajectory.losses[:, 0] for item in recorded.values()]) - bound
    watched = problem.watched_components()
    labels = problem.component_names()
    about: dict[str, Any] = {
        "optimizers": names,
        "steps": losses.shape[1] - 1,
        "components": [labels[i] for i in watched],
        "dimension": problem.dimension,
        "loss_bound": bound,
        "first_nonfinite": {name: _first_nonfinite(row) for name, row in zip(names, losses, strict=True)},
    }
    arrays: Arrays = {"losses": _f32(losses)}
    own = measured or measure(problem, recorded[names[0]])
    for part in (_landscape(problem, recorded, beside), own, _reference_rates(problem, recorded)):
        arrays |= part[0]
        about |= part[1]
    return Bundle(arrays, about)


def _f32(tensor: Tensor) -> np.ndarray:
    return tensor.detach().to(torch.float32).numpy()


def _first_nonfinite(losses: Tensor) -> int | None:
    """The first inner step at which a loss is not finite."""
    bad = torch.nonzero(~torch.isfinite(losses))
    return int(bad[0]) if len(bad) else None


def _states(item: Recorded) -> Tensor:
    """States of the watched components in float64, [components, K + 1, S]."""
    assert item.trajectory.states is not None
    return item.trajectory.states[:, 0].transpose(0, 1).double()


def _landscape(
    problem: Problems, recorded: Mapping[str, Recorded], beside: Collection[str]
) -> tuple[Arrays, dict[str, Any]]:
    drawn = [item.drawn for item in recorded.values() if item.drawn is not None]
    if isinstance(problem, PlanarProblems):
        followed = [name not in beside for name, item in recorded.items() if item.drawn is not None]
        return _plane(problem, torch.stack(drawn), followed)
    if isinstance(problem, ClassifierProblems):
        return _field(problem, torch.stack(drawn))
    return {}, {"landscape": "none", "startable": False}


def _plane(problem: PlanarProblems, paths: Tensor, followed: list[bool]) -> tuple[Arrays, dict[str, Any]]:
    plane = problem.plane()
    window = plane.window or _fit(paths[followed], plane.minimum)
    axes = [torch.linspace(low, high, SURFACE, dtype=paths.dtype) for low, high in window]
    points = torch.cartesian_prod(*axes)
    surface = problem.surface(plane.lift(points)).view(SURFACE, SURFACE).T
    between = [(axis[1:] + axis[:-1]) / 2 for axis in axes]
    centres = problem.surface(plane.lift(torch.cartesian_prod(*between))).view(SURFACE - 1, SURFACE - 1).T
    arrays = {
        "paths": _f32(paths),
        "surface": _f32(surface),
        "surface_x": _f32(axes[0]),
        "surface_y": _f32(axes[1]),
    }
    about = {
        "landscape": "plane",
        "plane_labels": list(plane.labels),
        "plane_window": [list(axis) for axis in window],
        "minimum": list(plane.minimum),
        "startable": plane.whole,
        "surface_floor": resolved(surface, centres),
    }
    return arrays, about


def resolved(surface: Tensor, centres: Tensor) -> float:
    """The least loss down to which a grid shows the valleys of a surface; contours below it would be strings of beads.

    Args:
        surface: losses at the lines of the grid, [n, n].
        centres: losses in the middle of its cells, [n − 1, n − 1].
    """
    corners = (surface[1:, 1:] + surface[1:, :-1] + surface[:-1, 1:] + surface[:-1, :-1]) / 4
    missed = centres[corners > ROUGH * centres]
    return float(missed.double().quantile(0.95)) if len(missed) else 0.0


def _field(problem: ClassifierProblems, logits: Tensor) -> tuple[Arrays, dict[str, Any]]:
    xs, ys = _grid(problem)
    # Each step has a unit of its own: the logits of an untrained network are small, and so is what its decision turns on.
    units = (logits.abs().amax((-2, -1)) / LEVELS).clamp(min=torch.finfo(logits.dtype).tiny)
    whole = (logits / units[..., None, None]).round().clamp(-LEVELS, LEVELS).to(torch.int8)
    arrays = {
        "logits": whole.numpy(),
        "logit_units": _f32(units),
        "points": _f32(problem.points),
        "labels": _f32(problem.labels),
    }
    window = [[float(xs[0]), float(xs[-1])], [float(ys[0]), float(ys[-1])]]
    return arrays, {"landscape": "field", "plane_window": window, "startable": False}


def _fit(paths: Tensor, minimum: tuple[float, float]) -> tuple[tuple[float, float], tuple[float, float]]:
    """A window around the minimum and all trajectories; one that runs away far beyond the others does not widen it."""
    bounds = []
    for i in range(2):
        reach = []
        for path in paths[..., i]:
            finite = path[torch.isfinite(path)]
            reach.append((min(minimum[i], float(finite.min())), max(minimum[i], float(finite.max()))))
        spans = sorted(high - low for low, high in reach)
        usual = 3 * spans[len(spans) // 2]
        kept = [(low, high) for low, high in reach if high - low <= usual] or reach
        low, high = min(low for low, _ in kept), max(high for _, high in kept)
        margin = 0.08 * (high - low) or 1.0
        bounds.append((low - margin, high + margin))
    return bounds[0], bounds[1]


def _subject(problem: Problems, item: Recorded, watched: list[int]) -> tuple[Arrays, dict[str, Any]]:
    optimizer = double(item.optimizer.fitted(problem))
    states = _states(item)
    every = item.trajectory.gradients
    assert every is not None
    gradients = every[:, 0].double()
    seen = gradients[:, watched].T
    arrays, about = _state_space(optimizer, states)
    scales = gradient_scales(gradients)
    scale, grid = scales.scale, scales.grid(GRID)
    answers = _answers_of_tensors if optimizer.together is not None else _answers
    update, applied, rate = answers(problem, item, watched, grid, scale)
    shares, edges = histogram(gradients, scale, scales.stretched)
    arrays |= {
        "gradient_grid": _f32(grid),
        "update": _f32(update),
        "gradient": _f32(seen),
        "applied": _f32(applied),
        "histogram": shares,
        "histogram_edges": edges,
        "rate": _f32(rate),
    }
    about |= {
        "gradient_scale": scale,
        "gradient_typical": max(
            scales.typical, gradient_scales(seen).typical
        ),  # some watched ones meet larger ones than most
        "nonfinite_gradients": int((~torch.isfinite(gradients)).sum()),
        "gradients": gradients.numel(),
        "smooth": optimizer.smooth,
    }
    return arrays, about


def _answers(
    problem: Problems, item: Recorded, watched: list[int], grid: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Update functions [components, K + 1, G], updates applied and effective learning rates [components, K + 1] of the watched components."""
    every = item.trajectory.gradients
    assert every is not None and item.trajectory.states is not None
    drawn = item.trajectory.states[:, 0].transpose(0, 1)  # curves are for the eye: single precision serves
    seen = every[:, 0, watched].T
    with torch.no_grad():
        applied = item.optimizer.step(drawn.reshape(seen.numel(), -1), seen.reshape(-1))[1].view(seen.shape)
    update = update_function(item.optimizer, drawn, grid.to(drawn.dtype))
    return update, applied, effective_learning_rate(double(item.optimizer), _states(item), scale)


def _answers_of_tensors(
    problem: Problems, item: Recorded, watched: list[int], grid: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The same for an optimizer that sees whole tensors: looked at in `PLACES` steps and `COARSE` gradients, and drawn through them."""
    every = item.trajectory.gradients
    assert every is not None
    steps = len(every)
    places = sorted({round(k) for k in np.linspace(0, steps - 2, PLACES_LARGE if problem.large else PLACES)})
    met = meet(item.optimizer, problem, steps - 1, places)
    coarse_grid = grid[:: max(1, len(grid) // (COARSE_LARGE if problem.large else COARSE))]
    asked = torch.cat([coarse_grid, grid.new_tensor([SMALL * scale, -SMALL * scale])]).to(met.x.dtype)
    nearest = torch.tensor([min(range(len(places)), key=lambda i: abs(places[i] - k)) for k in range(steps)])
    found = torch.stack([update_functions(met, k, watched, asked) for k in places], 1).double()[:, nearest]
    coarse, ends = found[..., :-2], found[..., -2:]
    spread = [np.arcsinh(values.numpy() / scale) for values in (asked[:-2], grid)]
    update = np.apply_along_axis(lambda row: np.interp(spread[1], spread[0], row), 2, coarse.numpy())
    moved = item.trajectory.x
    assert moved is not None
    applied = torch.cat(
        [moved[1:, 0, watched] - moved[:-1, 0, watched], moved.new_full((1, len(watched)), torch.nan)]
    ).T
    rate = -(ends[..., 0] - ends[..., 1]) / (2 * SMALL * scale)
    return torch.from_numpy(update), applied, rate


def _state_space(optimizer: Optimizer, states: Tensor) -> tuple[Arrays, dict[str, Any]]:
    moving = moving_entries(optimizer)
    projection = principal_components(states[..., moving].reshape(states.shape[:2].numel(), len(moving)))
    about: dict[str, Any] = {
        "explained": [round(float(value), 6) for value in projection.explained],
        "state_names": [optimizer.state_names[i] for i in moving],
        "fixed_point": None,
    }
    arrays = {"state": _f32(projection(states[..., moving]))}
    start = states[:, -1][torch.isfinite(states[:, -1]).all(1)]
    if moving and len(start) and optimizer.together is None:
        fixed_point = find_fixed_points(optimizer, start[:1])
        if len(fixed_point.states):
            arrays["fixed_point"] = _f32(projection(fixed_point.states[0, moving]))
            about["fixed_point"] = {"speed": float(fixed_point.speeds[0]), "converged": bool(fixed_point.converged[0])}
    return arrays, about


@dataclass(frozen=True)
class GradientScales:
    """How the gradients of a run are spread over an axis.

    Attributes:
        scale: where the axis turns from linear to logarithmic, the median size.
        largest: the largest on the axis.
        typical: what 98 % of them stay below.
    """

    scale: float
    largest: float
    typical: float

    @property
    def stretched(self) -> float:
        """The end of the axis in asinh(g / scale)."""
        return float(np.arcsinh(self.largest / self.scale))

    def grid(self, count: int) -> Tensor:
        """Gradients evenly spaced on the axis, [count]."""
        return self.scale * torch.sinh(torch.linspace(-self.stretched, self.stretched, count, dtype=torch.float64))


def gradient_scales(gradients: Tensor) -> GradientScales:
    """How gradients are spread over an axis; those that are not finite do not count."""
    reach = gradients[torch.isfinite(gradients)].abs()
    scale = float(reach[reach > 0].median()) if (reach > 0).any() else 1.0
    largest = max(float(reach.max()) if len(reach) else 1.0, 2 * scale)
    return GradientScales(scale, largest, float(np.quantile(reach.numpy(), 0.98)) if len(reach) else largest)


def histogram(gradients: Tensor, scale: float, stretched: float) -> tuple[np.ndarray, np.ndarray]:
    """Gradients observed up to each step, as shares of those of the whole run: [K + 1, bins], and the bins' edges [bins + 1]."""
    steps = gradients.shape[0]
    values = gradients.numpy()
    finite = np.isfinite(values)
    position = (np.arcsinh(values[finite] / scale) / stretched + 1) / 2  # 0 … 1 over the bins
    column = np.clip((position * BINS).astype(np.int64), 0, BINS - 1)
    row = np.nonzero(finite)[0]
    counts = np.bincount(row * BINS + column, minlength=steps * BINS).reshape(steps, BINS)
    shares = counts.cumsum(0) / max(1, finite.sum())
    edges = np.linspace(-stretched, stretched, BINS + 1)
    return shares.astype(np.float32), (scale * np.sinh(edges)).astype(np.float32)


def _reference_rates(problem: Problems, recorded: Mapping[str, Recorded]) -> tuple[Arrays, dict[str, Any]]:
    """Effective learning rate of the other optimizers, median over the watched components, [optimizers − 1, K + 1]."""
    others = list(recorded.values())[1:]
    if not others:
        return {}, {}
    rates = [_median_rate(problem, item) for item in others]
    return {"rate_reference": _f32(torch.stack(rates))}, {}


def _median_rate(problem: Problems, item: Recorded) -> Tensor:
    """Effective learning rate over the steps, median over the watched components, [K + 1]."""
    if item.optimizer.together is None:
        return effective_learning_rate(double(item.optimizer), _states(item), 1e-3).median(0).values
    ends = torch.tensor([-1e-2, 1e-2], dtype=torch.float64)
    return _answers_of_tensors(problem, item, problem.watched_components()[:3], ends, 1e-2)[2].median(0).values
