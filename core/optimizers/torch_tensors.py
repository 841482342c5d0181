"""Wraps optimizers of `torch.optim` and its kind as they are: one for every problem, on its tensors.

Whatever the class does with its tensors (norms, factored moments, orthogonalised updates, states that depend on each other) it does here:
its own code runs on each problem by itself.
"""

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from core.errors import InputError
from core.optimizers.hand_designed import HandDesigned
from core.optimizers.kept_numbers import copies_of
from core.optimizers.tensorwise import ProblemRun, TensorwiseOptimizer
from core.optimizers.torch_class import OWN, TorchClass, values_of_row


class _Without(MutableMapping[str, Any]):
    """A dictionary as it is, but for some keys."""

    def __init__(self, kept: MutableMapping[str, Any], left_out: frozenset[str]):
        self._kept, self._left_out = kept, left_out

    def __getitem__(self, key: str) -> Any:
        return self._kept[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._kept[key] = value

    def __delitem__(self, key: str) -> None:
        del self._kept[key]

    def __iter__(self) -> Iterator[str]:
        return (key for key in self._kept if key not in self._left_out)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class TorchRun(ProblemRun):
    """One of torch's optimizers on one problem.

    Args:
        source: its class.
        values: its hyperparameters.
        parameters: the problem's tensors at the start point.
        as_matrices: whether vectors are given as matrices of one row, to a class that takes only matrices.
    """

    def __init__(self, source: TorchClass, values: Mapping[str, float], parameters: list[Tensor], *, as_matrices: bool):
        self.source, self.as_matrices = source, as_matrices
        self.parameters = [self._shaped(tensor.detach().clone()).requires_grad_() for tensor in parameters]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.optimizer = source.make(list(self.parameters), values)
        except Exception as error:  # noqa: BLE001 - other people's code can raise anything
            raise source.refused("it cannot be made", error) from None

    def _shaped(self, tensor: Tensor) -> Tensor:
        """A tensor as the class takes it."""
        shaped = tensor[None] if self.as_matrices and tensor.ndim == 1 else tensor
        return shaped.float() if self.source.single else shaped

    def step(
        self, gradients: list[Tensor], parameters: list[Tensor], loss: float, step: int, steps: int
    ) -> list[Tensor]:
        with torch.no_grad():
            for own, given in zip(self.parameters, parameters, strict=True):
                own.copy_(self._shaped(given))
        for own, gradient in zip(self.parameters, gradients, strict=True):
            own.grad = self._shaped(gradient).clone()
        try:
            if self.source.wants_closure:
                self.optimizer.step(self._closure(loss))
            else:
                self.optimizer.step()
        except Exception as error:  # noqa: BLE001
            raise self.source.refused("a plain step fails", error) from None
        return [
            own.detach().view(given.shape).to(given.dtype) - given
            for own, given in zip(self.parameters, parameters, strict=True)
        ]

    def _closure(self, loss: float) -> Callable[[], Any]:
        """The loss where the parameters are; elsewhere it is not known here."""
        here = [own.detach().clone() for own in self.parameters]

        def closure() -> Tensor:
            if not all(torch.equal(own, known) for own, known in zip(self.parameters, here, strict=True)):
                raise InputError("it evaluates the loss at other points within a step, and is given one evaluation")
            return torch.tensor(loss, dtype=here[0].dtype)

        return closure

    def entries(self) -> Mapping[str, list[Tensor | None]]:
        found: dict[str, list[Tensor | None]] = {}
        for i, own in enumerate(self.parameters):
            for name, value in self.optimizer.state.get(own, {}).items():
                if isinstance(value, Tensor) and value.shape == own.shape:
                    found.setdefault(name, [None] * len(self.parameters))[i] = value.detach()
        return found

    def kept(self) -> Sequence[Any]:
        """States of the parameters, the groups without these, and what the class keeps on itself."""
        states = [self.optimizer.state.get(own, {}) for own in self.parameters]
        groups = [_Without(group, frozenset({"params"})) for group in self.optimizer.param_groups]
        return [*states, *groups, _Without(vars(self.optimizer), OWN)]

    def copied(self) -> "TorchRun":
        source, self.source = self.source, None  # type: ignore[assignment]
        try:
            made = copy.deepcopy(self, copies_of([*self.kept(), self.parameters]))
        finally:
            self.source = source
        made.source = source
        return made


class TorchTensorwise(TensorwiseOptimizer, HandDesigned):
    """The base of wrapped optimizers that see whole tensors; `core.optimizers.wrapping.wrap` makes one.

    Attributes:
        source: torch's class with its fixed settings.
        because: why it is not wrapped component by component.
        as_matrices: whether vectors are given as matrices of one row, to a class that takes only matrices.
    """

    color: ClassVar[str] = "#D55E00"  # the colour of learned optimizers
    pooled: ClassVar[bool] = False
    memory: ClassVar[tuple[str, ...]] = ()
    source: ClassVar[TorchClass]
    because: ClassVar[str]
    as_matrices: ClassVar[bool]

    @property
    def counts(self) -> bool:
        return False

    def begin(self, parameters: list[Tensor], problem: int) -> ProblemRun:
        row = problem * sum(tensor.numel() for tensor in parameters)
        values = values_of_row(self.hyperparameters(), row)
        return TorchRun(type(self).source, values, parameters, as_matrices=self.as_matrices)
