"""The Rosenbrock function, f(x, y) = (1 − x)² + 100 (y − x²)²: a curved valley, minimum 0 at (1, 1).

A problem is a start point, uniform over x in [−2, 2], y in [−1, 3].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, final

from core.late import torch
from core.tasks.base import PlanarProblems, Plane, Task

if TYPE_CHECKING:
    from torch import Tensor

WINDOW = ((-2.0, 2.0), (-1.0, 3.0))


@final
class RosenbrockProblems(PlanarProblems):
    """The Rosenbrock function from many start points, x0 [problems, 2]."""

    def __init__(self, x0: Tensor):
        self.x0 = x0

    def loss(self, x: Tensor) -> Tensor:
        return self.loss_and_gradient(x)[0]

    def loss_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        a, b = x[:, 0], x[:, 1]
        valley = b - a * a
        loss = (1 - a) ** 2 + 100 * valley**2
        gradient = torch.stack([-2 * (1 - a) - 400 * a * valley, 200 * valley], dim=1)
        return loss, gradient

    def hessian_vector_product(self, x: Tensor, v: Tensor) -> Tensor:
        a, b = x[:, 0], x[:, 1]
        mixed = -400 * a
        first = (2 + 1200 * a * a - 400 * b) * v[:, 0] + mixed * v[:, 1]
        return torch.stack([first, mixed * v[:, 0] + 200 * v[:, 1]], dim=1)

    def starting_at(self, x0: Tensor) -> RosenbrockProblems:
        return RosenbrockProblems(x0)

    def part(self, start: int, stop: int) -> RosenbrockProblems:
        return RosenbrockProblems(self.x0[start:stop])

    def repeated(self, times: int) -> RosenbrockProblems:
        return RosenbrockProblems(self.x0.repeat(times, 1))

    def component_names(self) -> list[str]:
        return ["x", "y"]

    def watched_components(self) -> list[int]:
        return [0, 1]

    def plane(self) -> Plane:
        return Plane(
            origin=self.x0.new_zeros(2),
            axes=torch.eye(2, dtype=self.x0.dtype),
            labels=("x", "y"),
            window=WINDOW,
            minimum=(1.0, 1.0),
            whole=True,
        )

    def surface(self, x: Tensor) -> Tensor:
        return self.loss(x)


@final
class Rosenbrock(Task):
    """The Rosenbrock function from a random start point."""

    name: ClassVar[str] = "rosenbrock"
    title: ClassVar[str] = "Rosenbrock"
    minimum: ClassVar[float | None] = 0.0
    suited: ClassVar[Mapping[str, Any]] = {"architecture": {"features": "symlog", "output_scale": 0.1}}

    def sample(self, count: int, generator: torch.Generator, dtype: torch.dtype | None = None) -> RosenbrockProblems:
        uniform = torch.rand(count, 2, generator=generator, dtype=torch.float64)
        low = torch.tensor([axis[0] for axis in WINDOW], dtype=torch.float64)
        high = torch.tensor([axis[1] for axis in WINDOW], dtype=torch.float64)
        return RosenbrockProblems((low + (high - low) * uniform).to(dtype or torch.float32))
