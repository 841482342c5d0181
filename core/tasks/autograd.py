"""Problems of a user's task that defines only the loss."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Self

from core.late import torch
from core.tasks.base import Problems, autograd_hessian_vector_product, autograd_loss_and_gradient

if TYPE_CHECKING:
    from torch import Tensor

WATCHED = 8  # components offered for display if there are many


class AutogradProblems(Problems):
    """A batch of problems from start points and data; subclasses define ``loss``, and autograd gives its derivatives.

    Args:
        x0: start points, [problems, parameters].
        data: tensors by name, [problems, ...] each.
    """

    def __init__(self, x0: Tensor, data: Mapping[str, Tensor]):
        self.x0 = x0
        self.data = dict(data)

    @abstractmethod
    def loss(self, x: Tensor) -> Tensor:
        """[problems, parameters] -> [problems]: f(x) of each problem, from torch operations."""

    def loss_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return autograd_loss_and_gradient(self, x)

    def hessian_vector_product(self, x: Tensor, v: Tensor) -> Tensor:
        return autograd_hessian_vector_product(self, x, v)

    def _with(self, x0: Tensor, change: Callable[[Tensor], Tensor]) -> Self:
        return type(self)(x0, {name: change(tensor) for name, tensor in self.data.items()})

    def starting_at(self, x0: Tensor) -> Self:
        return self._with(x0, lambda tensor: tensor)

    def part(self, start: int, stop: int) -> Self:
        return self._with(self.x0[start:stop], lambda tensor: tensor[start:stop])

    def repeated(self, times: int) -> Self:
        def repeat(tensor: Tensor) -> Tensor:
            return tensor.repeat(times, *(1,) * (tensor.ndim - 1))

        return self._with(repeat(self.x0), repeat)

    def component_names(self) -> list[str]:
        return [f"x{i + 1}" for i in range(self.dimension)]

    def watched_components(self) -> list[int]:
        if self.dimension <= WATCHED:
            return list(range(self.dimension))
        return torch.linspace(0, self.dimension - 1, WATCHED).round().int().tolist()
