"""A user's task: quadratics whose curvatures span a given range.

loptscope train --plugin docs/examples/quadratic.py --task quadratic --units 8 --outer-steps 50 --run runs/quadratic
loptscope serve --plugin docs/examples/quadratic.py
"""

from typing import ClassVar, final

import torch
from pydantic import Field
from torch import Tensor

import loptscope as ls


@final
class Quadratics(ls.AutogradProblems):
    """f(x) = ½ Σᵢ λᵢ xᵢ², with the curvatures λ as data."""

    def loss(self, x: Tensor) -> Tensor:
        return 0.5 * (self.data["curvatures"] * x**2).sum(1)


@ls.register_task
@final
class Quadratic(ls.Task):
    """Quadratics in ``dimension`` parameters with a condition number of ``condition``; start points are random."""

    name: ClassVar[str] = "quadratic"
    title: ClassVar[str] = "Quadratic, condition 100"

    dimension: int = Field(default=4, ge=1, le=1000)
    condition: float = Field(default=100.0, ge=1, le=1e6)

    def sample(self, count: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Quadratics:
        shares = torch.linspace(0, 1, self.dimension, dtype=torch.float64)
        jitter = 0.1 * torch.randn(count, self.dimension, generator=generator, dtype=torch.float64)
        curvatures = self.condition ** (shares - 1) * torch.exp(jitter)
        x0 = torch.randn(count, self.dimension, generator=generator, dtype=torch.float64)
        return Quadratics(x0.to(dtype), {"curvatures": curvatures.to(dtype)})
