"""Linear regression: random convex quadratics with a constant Hessian.

f(x) = ½‖Ax − b‖², shifted so that its minimum is 0. As in the published code of Maheswaranathan et al.
(arXiv 2011.02159), a problem is drawn by its Hessian AᵀA (eigenvalues log-uniform in [1e-3, 1], a random orthogonal
basis) and its linear term −Aᵀb ~ N(0, I); x0 ~ N(0, I).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

from pydantic import Field, model_validator

from core.late import torch
from core.tasks.base import PlanarProblems, Plane, Task
from core.tasks.variant import Variant

if TYPE_CHECKING:
    from torch import Tensor


@final
class LinearRegressionProblems(PlanarProblems):
    """Quadratics f(x) = ½ xᵀHx + cᵀx − min.

    Args:
        eigenvalues: of the Hessian, ascending, [problems, parameters].
        basis: its eigenvectors as columns, [problems, parameters, parameters].
        linear: the linear term c, [problems, parameters].
        x0: [problems, parameters].
    """

    def __init__(self, eigenvalues: Tensor, basis: Tensor, linear: Tensor, x0: Tensor):
        self.eigenvalues = eigenvalues
        self.basis = basis
        self.linear = linear
        self.x0 = x0
        self.hessian = (basis * eigenvalues[:, None, :]) @ basis.mT
        self.minimum = -torch.einsum("pij,pj->pi", basis, torch.einsum("pij,pi->pj", basis, linear) / eigenvalues)

    def loss(self, x: Tensor) -> Tensor:
        return self.loss_and_gradient(x)[0]

    def loss_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        displacement = x - self.minimum
        gradient = torch.bmm(self.hessian, displacement[:, :, None])[:, :, 0]
        return 0.5 * (displacement * gradient).sum(1), gradient

    def hessian_vector_product(self, x: Tensor, v: Tensor) -> Tensor:
        return torch.bmm(self.hessian, v[:, :, None])[:, :, 0]

    def starting_at(self, x0: Tensor) -> LinearRegressionProblems:
        return LinearRegressionProblems(self.eigenvalues, self.basis, self.linear, x0)

    def _at(self, rows: slice | Tensor) -> LinearRegressionProblems:
        return LinearRegressionProblems(self.eigenvalues[rows], self.basis[rows], self.linear[rows], self.x0[rows])

    def part(self, start: int, stop: int) -> LinearRegressionProblems:
        return self._at(slice(start, stop))

    def repeated(self, times: int) -> LinearRegressionProblems:
        return self._at(torch.arange(self.count).repeat(times))

    def component_names(self) -> list[str]:
        return [f"x{i + 1}" for i in range(self.dimension)]

    def watched_components(self) -> list[int]:
        return list(range(min(self.dimension, 12)))

    def plane(self) -> Plane:
        values = self.eigenvalues[0]
        return Plane(
            origin=self.minimum[0],
            axes=torch.stack([self.basis[0, :, 0], self.basis[0, :, -1]]),
            labels=(f"flattest direction (curvature {values[0]:.2g})", f"steepest (curvature {values[-1]:.2g})"),
            window=None,
            minimum=(0.0, 0.0),
            whole=self.dimension == 2,
        )

    def surface(self, x: Tensor) -> Tensor:
        displacement = x - self.minimum[0]
        return 0.5 * ((displacement @ self.hessian[0]) * displacement).sum(1)


@final
class LinearRegression(Task):
    """Random convex quadratics.

    Attributes:
        parameters: how many inner parameters.
        smallest_eigenvalue: lower end of the log-uniform spectrum of the Hessian.
        largest_eigenvalue: its upper end.
    """

    name: ClassVar[str] = "linear_regression"
    title: ClassVar[str] = "Linear regression"
    minimum: ClassVar[float | None] = 0.0
    other_problems: ClassVar[Sequence[Variant]] = (
        Variant("curvatures from 0.1 to 1", "conditioning", {"smallest_eigenvalue": 1e-1}),
        Variant("curvatures from 0.01 to 1", "conditioning", {"smallest_eigenvalue": 1e-2}),
        Variant("curvatures from 0.0001 to 1", "conditioning", {"smallest_eigenvalue": 1e-4}),
        Variant("curvatures from 0.00001 to 1", "conditioning", {"smallest_eigenvalue": 1e-5}),
        Variant("curvatures from 0.001 to 10", "conditioning", {"largest_eigenvalue": 10.0}),
        Variant("2 parameters", "size", {"parameters": 2}),
        Variant("20 parameters", "size", {"parameters": 20}),
        Variant("100 parameters", "size", {"parameters": 100}),
    )

    parameters: int = Field(default=5, ge=2, le=1000)
    smallest_eigenvalue: float = Field(default=1e-3, gt=0, allow_inf_nan=False)
    largest_eigenvalue: float = Field(default=1.0, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _ordered(self) -> LinearRegression:
        if self.smallest_eigenvalue > self.largest_eigenvalue:
            raise ValueError("smallest_eigenvalue must not exceed largest_eigenvalue")
        return self

    def sample(
        self, count: int, generator: torch.Generator, dtype: torch.dtype | None = None
    ) -> LinearRegressionProblems:
        n = self.parameters
        kind = dtype or torch.float32

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        low, high = math.log(self.smallest_eigenvalue), math.log(self.largest_eigenvalue)
        uniform = torch.rand(count, n, generator=generator, dtype=torch.float64)
        eigenvalues = torch.exp(low + (high - low) * uniform).sort(1).values
        q, r = torch.linalg.qr(normal(count, n, n))
        basis = q * torch.sign(torch.diagonal(r, dim1=1, dim2=2))[:, None, :]  # Haar-distributed (Mezzadri 2007)
        linear = normal(count, n)
        x0 = normal(count, n)
        return LinearRegressionProblems(eigenvalues.to(kind), basis.to(kind), linear.to(kind), x0.to(kind))
