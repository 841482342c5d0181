"""Optimizers that see whole tensors: norms of a layer, rows and columns of a matrix, everything at once.

Such an optimizer is fitted to problems, whose parameters it then sees as the task shapes them (two moons: eight tensors), and steps
each problem as a whole. It runs forward only: a step is taken from the state that the step before it left. Components cannot be
stepped alone, so what needs that (fixed points, curves over a constant gradient) does not apply; `core.analysis.general` measures the
rest by going back to a copy of the run.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from core.errors import InputError
from core.late import torch
from core.optimizers.base import INPUTS, Input, Optimizer
from core.optimizers.kept_numbers import copies_of, numbers_in, others_in, set_numbers_in
from core.tasks.base import Problems

if TYPE_CHECKING:
    from torch import Tensor

Shapes = Sequence[tuple[int, ...]]


def as_tensors(flat: Tensor, shapes: Shapes) -> list[Tensor]:
    """One problem's numbers [parameters] as its tensors."""
    sizes = [torch.Size(shape).numel() for shape in shapes]
    return [part.view(shape) for part, shape in zip(flat.split(sizes), shapes, strict=True)]


def as_row(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors of one problem as numbers, [parameters]."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


class ProblemRun(ABC):
    """An optimizer at work on one problem.

    Attributes:
        parameters: the problem's tensors, where the optimizer holds them itself.
    """

    parameters: Sequence[Tensor] = ()

    @abstractmethod
    def step(
        self, gradients: list[Tensor], parameters: list[Tensor], loss: float, step: int, steps: int
    ) -> list[Tensor]:
        """Take a step; the updates, to be added to the parameters, shaped as these."""

    @abstractmethod
    def entries(self) -> Mapping[str, list[Tensor | None]]:
        """What it keeps with one number for each parameter, by name; None for a tensor without."""

    @abstractmethod
    def kept(self) -> Sequence[Any]:
        """All that it keeps from one step to the next, as trees of dictionaries, lists and tensors."""

    def copied(self) -> Self:
        """A run that goes on from here by itself."""
        return copy.deepcopy(self, copies_of(self.kept()))

    def for_slopes(self) -> Self:
        """A copy to differentiate: in double precision throughout, where the optimizer's own arithmetic is coarser."""
        return self.copied()

    def numbers(self) -> Tensor:
        """The numbers that it keeps, of whatever shape, in a fixed order, [numbers], float64."""
        return numbers_in(self.kept(), self.parameters)

    def set_numbers(self, values: Tensor) -> None:
        """Set the numbers that it keeps, [numbers]."""
        set_numbers_in(self.kept(), values, self.parameters)

    def fixed(self) -> list[Any]:
        """What it keeps and cannot be set: counters, flags, numbers in tuples."""
        return others_in(self.kept(), self.parameters)


class TensorwiseOptimizer(Optimizer):
    """The base of optimizers that see whole tensors; subclasses start runs.

    Attributes:
        shapes: of the tensors of the problems it is fitted to; empty before.
        runs: one for each problem, after the first step.
        done: inner steps taken.
        kept: names of what it keeps with one number for each parameter.
        count: number of problems.
    """

    shapes: Shapes = ()
    runs: Sequence[ProblemRun] = ()
    done = 0
    kept: tuple[str, ...] = ()
    count = 0

    @abstractmethod
    def begin(self, parameters: list[Tensor], problem: int) -> ProblemRun:
        """Start on a problem.

        Args:
            parameters: its tensors at the start point.
            problem: which of the batch it is.

        Raises:
            InputError: tensors of these shapes cannot be optimized.
        """

    @property
    def together(self) -> int | None:
        return sum(torch.Size(shape).numel() for shape in self.shapes)

    @property
    def state_names(self) -> tuple[str, ...]:
        return (*self.kept, *INPUTS)

    @property
    def clocks(self) -> tuple[int, ...]:
        return ()

    @property
    def reads(self) -> dict[Input, int]:
        return {name: len(self.kept) + i for i, name in enumerate(INPUTS)}

    @property
    def differentiable(self) -> bool:
        return False

    @property
    def smooth(self) -> bool:
        return True

    def fitted(self, problems: Problems) -> Optimizer:
        made = copy.copy(self)
        made.shapes, made.runs, made.done, made.count = tuple(problems.tensor_shapes()), (), 0, problems.count
        probe = made.begin([tensor.clone() for tensor in as_tensors(problems.x0[0], made.shapes)], 0)
        source = torch.Generator().manual_seed(0)
        noise = torch.randn(problems.dimension, generator=source, dtype=torch.float64).to(problems.x0.dtype)
        probe.step(as_tensors(noise, made.shapes), as_tensors(problems.x0[0], made.shapes), 1.0, 0, 1)
        made.kept = tuple(probe.entries())
        return made

    def initial_state(self, n: int, dtype: torch.dtype | None = None) -> Tensor:
        return self.state_at(torch.zeros(n, dtype=dtype or torch.float32))

    def state_at(self, x: Tensor) -> Tensor:
        state = x.new_zeros(len(x), self.state_size)
        state[:, self.reads["parameter"]] = x
        return state

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        size = self.together
        if not size or len(state) != size * self.count:
            raise InputError(
                f"{self.name} sees whole problems: it steps all components of the problems it was fitted to together"
            )
        told = {name: state[:, index].view(-1, size) for name, index in self.reads.items()}
        k = round(float(told["step"][0, 0]))
        if k == 0:
            self.runs, self.done = [self.begin(self._tensors(row), i) for i, row in enumerate(told["parameter"])], 0
        if k != self.done:
            raise InputError(f"{self.name} runs forward only: step {k} was asked for after step {self.done - 1}")
        updates, columns = [], []
        for i, run in enumerate(self.runs):
            gradients, parameters = self._tensors(gradient.view(-1, size)[i]), self._tensors(told["parameter"][i])
            updates.append(
                as_row(run.step(gradients, parameters, float(told["loss"][i, 0]), k, round(float(told["steps"][i, 0]))))
            )
            columns.append(self._columns(run, parameters))
        self.done = k + 1
        following = torch.cat([torch.cat(columns), state[:, len(self.kept) :]], 1)
        return following, torch.cat(updates)

    def _tensors(self, row: Tensor) -> list[Tensor]:
        return [tensor.detach().clone() for tensor in as_tensors(row, self.shapes)]

    def _columns(self, run: ProblemRun, parameters: list[Tensor]) -> Tensor:
        found = run.entries()
        parts = [
            as_row(
                [
                    torch.zeros_like(like) if own is None else own.to(like.dtype).reshape(like.shape)
                    for own, like in zip(found.get(name, [None] * len(parameters)), parameters, strict=True)
                ]
            )
            for name in self.kept
        ]
        return torch.stack(parts, 1) if parts else parameters[0].new_zeros(sum(p.numel() for p in parameters), 0)

    def keep(self, problems: Sequence[int]) -> None:
        """Go on with some of the problems only."""
        self.runs, self.count = [self.runs[i] for i in problems], len(problems)
