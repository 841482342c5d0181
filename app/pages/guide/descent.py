"""Gradient descent with momentum on a small quadratic: its path, its loss, and the linear system that governs both."""

from dataclasses import dataclass

import numpy as np

from app.shared.pictures import Surface
from core.late import torch
from core.optimizers import make_hand_designed
from core.seeds import Purpose, generator
from core.tasks.linear_regression import LinearRegression, LinearRegressionProblems
from core.unroll import unroll

STEPS = 100
GRID = 48
SEED = 2  # of the problem shown
SMALLEST = 0.02  # curvature of the flat direction; that of the steep one is 1
RATES = (0.02, 4.2)  # range of the learning-rate slider
FASTEST = 0.999  # end of the momentum slider


@dataclass(frozen=True)
class Descent:
    """A run of gradient descent with momentum, and the factors that decide how it ends.

    Attributes:
        scene: the loss over the plane, with the path, [K + 1, 2].
        losses: f(x_k), [K + 1].
        velocity: of the flat and the steep direction, [K + 1, 2].
        curvatures: of the two directions, [2].
        factors: by which the slower part of each direction is multiplied in one step, [2]; it diverges above 1.
    """

    scene: Surface
    losses: np.ndarray
    velocity: np.ndarray
    curvatures: np.ndarray
    factors: np.ndarray


def problem() -> LinearRegressionProblems:
    """A quadratic of two parameters, with one direction much flatter than the other, in float64."""
    task = LinearRegression(parameters=2, smallest_eigenvalue=SMALLEST)
    drawn = task.sample(1, generator(Purpose.VIEW, SEED), torch.float64)
    ends = torch.tensor([[SMALLEST, 1.0]], dtype=torch.float64)
    centred = torch.zeros(1, 2, dtype=torch.float64)
    start = torch.tensor([[-1.0, 0.9]], dtype=torch.float64) @ drawn.basis[0].T
    return LinearRegressionProblems(ends, drawn.basis, centred, start)


def factor(curvature: float, rate: float, momentum: float) -> float:
    """The largest |λ| of (x, v) under gradient descent with momentum on f(x) = ½ c x²: v ← βv + cx, x ← x − αv."""
    system = np.array([[1 - rate * curvature, -rate * momentum], [curvature, momentum]])
    return float(np.abs(np.linalg.eigvals(system)).max())


def fastest(curvatures: tuple[float, float]) -> tuple[float, float]:
    """Learning rate and momentum constant that shrink the slowest direction fastest (Polyak 1964)."""
    low, high = curvatures[0] ** 0.5, curvatures[1] ** 0.5
    return 4 / (high + low) ** 2, ((high - low) / (high + low)) ** 2


def rate_at(position: int, last: int) -> float:
    """The learning rate at a position of its slider: log-spaced, rounded to three digits."""
    low, high = RATES
    return float(f"{low * (high / low) ** (position / last):.3g}")


def descend(rate: float, momentum: float) -> Descent:
    """Run gradient descent with momentum on the quadratic.

    Args:
        rate: α, above 0.
        momentum: β, from 0 to 1.
    """
    quadratic = problem()
    plane = quadratic.plane()
    with torch.no_grad():
        trajectory = unroll(
            make_hand_designed("momentum", {"learning_rate": rate, "momentum": momentum}),
            quadratic,
            STEPS,
            record=("x", "states"),
        )
    assert trajectory.x is not None and trajectory.states is not None
    basis = quadratic.basis[0]
    side = np.linspace(-1.35, 1.35, GRID)
    points = torch.tensor(np.stack(np.meshgrid(side, side), -1).reshape(-1, 2))
    loss = quadratic.surface(plane.lift(points)).numpy().reshape(GRID, GRID)
    curvatures = quadratic.eigenvalues[0].numpy()
    return Descent(
        scene=Surface(side, side, loss, plane.project(trajectory.x[:, 0]).numpy(), plane.minimum),
        losses=trajectory.losses[:, 0].numpy(),
        velocity=(trajectory.states[:, 0, :, 0] @ basis).numpy(),
        curvatures=curvatures,
        factors=np.array([factor(float(c), rate, momentum) for c in curvatures]),
    )
