"""The interface of tasks: distributions of optimization problems, drawn in batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from pydantic import BaseModel, ConfigDict

from core.late import torch
from core.seeds import Purpose, generator

if TYPE_CHECKING:
    from torch import Tensor

LARGE = 1000  # inner parameters: of larger problems fewer are run, and in fewer places


@dataclass(frozen=True)
class Plane:
    """A plane through parameter space, to draw a trajectory over the loss.

    The plane is ``origin + a * axes[0] + b * axes[1]`` with orthonormal axes; ``project`` gives (a, b).

    Attributes:
        origin: [parameters].
        axes: [2, parameters], orthonormal rows.
        labels: axis titles of the two coordinates.
        window: ((a_low, a_high), (b_low, b_high)) the visible window; None to fit the trajectories.
        minimum: (a, b) of the minimum.
        whole: whether the plane is the whole parameter space, so that every point can be a start point.
    """

    origin: Tensor
    axes: Tensor
    labels: tuple[str, str]
    window: tuple[tuple[float, float], tuple[float, float]] | None
    minimum: tuple[float, float]
    whole: bool

    def project(self, x: Tensor) -> Tensor:
        """[..., parameters] -> [..., 2]."""
        return (x - self.origin) @ self.axes.T

    def lift(self, point: Tensor) -> Tensor:
        """[..., 2] -> [..., parameters]: the point of the plane with these coordinates."""
        return self.origin + point @ self.axes


class Problems(ABC):
    """A batch of problems of one task.

    Attributes:
        x0: start points, [problems, parameters].
    """

    x0: Tensor

    @abstractmethod
    def loss(self, x: Tensor) -> Tensor:
        """[problems, parameters] -> [problems]: f(x) of each problem."""

    @abstractmethod
    def loss_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """f(x) [problems] and its gradient [problems, parameters].

        Both are differentiable in x, so that back-propagation through an unroll is exact.
        """

    @abstractmethod
    def hessian_vector_product(self, x: Tensor, v: Tensor) -> Tensor:
        """∇²f(x) v of each problem, [problems, parameters] each; need not be differentiable."""

    @abstractmethod
    def starting_at(self, x0: Tensor) -> Problems:
        """The same problems with other start points, [problems, parameters]."""

    @abstractmethod
    def part(self, start: int, stop: int) -> Problems:
        """Problems ``start`` to ``stop`` (excluded) of the batch."""

    @abstractmethod
    def repeated(self, times: int) -> Problems:
        """The whole batch repeated: [times * problems] problems."""

    @abstractmethod
    def component_names(self) -> list[str]:
        """A short name for each inner parameter, [parameters]."""

    @abstractmethod
    def watched_components(self) -> list[int]:
        """Indices of the inner parameters offered for display: all, or a few if there are many."""

    def tensor_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the tensors that the inner parameters are, in order, for optimizers that see whole tensors; by default one vector."""
        return [(self.dimension,)]

    @final
    def gradient(self, x: Tensor) -> Tensor:
        """[problems, parameters] -> [problems, parameters]: the gradient of f at x, differentiable."""
        return self.loss_and_gradient(x)[1]

    @final
    @property
    def count(self) -> int:
        """The number of problems in the batch."""
        return self.x0.shape[0]

    @final
    @property
    def dimension(self) -> int:
        """The number of inner parameters of each problem."""
        return self.x0.shape[1]

    @final
    @property
    def large(self) -> bool:
        """Whether each problem has so many inner parameters that few problems have to represent a task."""
        return self.dimension > LARGE


class PlanarProblems(Problems):
    """Problems whose loss can be drawn over a plane."""

    @abstractmethod
    def plane(self) -> Plane:
        """The plane for drawing the first problem of the batch."""

    @abstractmethod
    def surface(self, x: Tensor) -> Tensor:
        """Loss of the first problem at many points, [points, parameters] -> [points]."""


class ClassifierProblems(Problems):
    """Problems that train a classifier of points in the plane.

    Attributes:
        points: [data, 2].
        labels: [data], 0 or 1.
    """

    points: Tensor
    labels: Tensor

    @abstractmethod
    def logits(self, x: Tensor, points: Tensor) -> Tensor:
        """The classifiers with parameters x [problems, parameters] at points [data, 2] -> [problems, data]."""


class Task(BaseModel, ABC):
    """A distribution of problems. Its fields are the task's parameters.

    Attributes:
        name: in links and commands.
        title: in menus.
        target: the f(x_k)/f(x_0) whose first inner step is counted in held-out comparisons.
        minimum: a lower bound of the loss, above which losses are compared; None if it is not known (see `core.tasks.bound`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]
    title: ClassVar[str]
    target: ClassVar[float] = 0.01
    minimum: ClassVar[float | None] = None

    @abstractmethod
    def sample(self, count: int, generator: torch.Generator, dtype: torch.dtype = ...) -> Problems:
        """Draw problems.

        Args:
            count: number of problems.
            generator: source of all randomness.
            dtype: precision of the problems, float32 by default.

        Returns:
            problems with x0 [count, parameters]."""


def is_large(task: Task) -> bool:
    """Whether a task's problems have so many inner parameters that few of them have to represent it."""
    return task.sample(1, generator(Purpose.VIEW, 0)).large


def autograd_loss_and_gradient(problems: Problems, x: Tensor) -> tuple[Tensor, Tensor]:
    """f and its gradient by automatic differentiation, for tasks without a closed form.

    Args:
        problems: the batch; only its ``loss`` is used.
        x: [problems, parameters].
    """
    differentiable = torch.is_grad_enabled() and x.requires_grad
    with torch.enable_grad():
        leaf = x if x.requires_grad else x.detach().requires_grad_()
        loss = problems.loss(leaf)
        (gradient,) = torch.autograd.grad(loss.sum(), leaf, create_graph=differentiable)
    return (loss, gradient) if differentiable else (loss.detach(), gradient)


def autograd_hessian_vector_product(problems: Problems, x: Tensor, v: Tensor) -> Tensor:
    """∇²f(x) v by automatic differentiation of the gradient, for tasks without a closed form.

    Args:
        problems: the batch.
        x: [problems, parameters].
        v: [problems, parameters].
    """
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        gradient = problems.gradient(leaf)
        if not gradient.requires_grad:  # it is the same everywhere
            return torch.zeros_like(v)
        (product,) = torch.autograd.grad(gradient, leaf, v, materialize_grads=True)
    return product
