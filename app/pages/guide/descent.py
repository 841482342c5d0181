"""Gradient descent with momentum on a small quadratic: its path, its loss, and the linear system that both make together."""

from dataclasses import dataclass

import numpy as np
import torch

from app.shared.pictures import Surface
from core.optimizers import make_hand_designed
from core.seeds import Purpose, generator
from core.tasks.linear_regression import LinearRegression, LinearRegressionProblems
from core.unroll import unroll

STEPS = 100
GRID = 48
SEED = 2  # of the problem shown
SMALLEST = 0.02  # curvature of the flat direction; that of the steep one is 1
RATES = (0.02, 4.2)  # of the slider for the learning rate
FASTEST = 0.999  # of the slider for the momentum constant


@dataclass(frozen=True)
class Descent:
    """A run, and how it must end.

    Attributes:
        scene: the loss over the plane, with the path, [K + 1, 2].
        losses: f(x_k), [K + 1].
        velocity: of the flat and the steep direction, [K + 1, 2].
        curvatures: of the two directions, [2].
        factors: for each direction, by what its slower part is multiplied in a step, [2]; above 1 it diverges.
    """

    scene: Surface
    losses: np.ndarray
    velocity: np.ndarray
    curvatures: np.ndarray
    factors: np.ndarray


def problem() -> LinearRegressionProblems:
    """A quadratic of two parameters, one direction much flatter than the other; f ∈ float64."""
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
    """The learning rate at a position of its slider, even in the logarithm; three digits."""
    low, high = RATES
    return float(f"{low * (high / low) ** (position / last):.3g}")


def descend(rate: float, momentum: float) -> Descent:
    """Run it.

    Args:
        rate: α, above 0.
        momentum: β, from 0 to 1.
    """
    quadratic = problem()
    plane = quadratic.plane()
    with torch.no_grad():
        ran = unroll(
            make_hand_designed("momentum", {"learning_rate": rate, "momentum": momentum}),
            quadratic,
            STEPS,
            record=("x", "states"),
        )
    assert ran.x is not None and ran.states is not None
    basis = quadratic.basis[0]
    side = np.linspace(-1.35, 1.35, GRID)
    points = torch.tensor(np.stack(np.meshgrid(side, side), -1).reshape(-1, 2))
    loss = quadratic.surface(plane.lift(points)).numpy().reshape(GRID, GRID)
    curvatures = quadratic.eigenvalues[0].numpy()
    return Descent(
        scene=Surface(side, side, loss, plane.project(ran.x[:, 0]).numpy(), plane.minimum),
        losses=ran.losses[:, 0].numpy(),
        velocity=(ran.states[:, 0, :, 0] @ basis).numpy(),
        curvatures=curvatures,
        factors=np.array([factor(float(c), rate, momentum) for c in curvatures]),
    )
