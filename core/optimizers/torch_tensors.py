"""Wraps optimizers of `torch.optim` and its kind as they are: one for every problem, on its tensors.

Whatever the class does with its tensors (norms, factored moments, orthogonalised updates, states that depend on each other) it does here:
its own code runs on each problem by itself.
"""

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor

from core.errors import InputError
from core.optimizers.full_precision import InFull
from core.optimizers.hand_designed import HandDesigned
from core.optimizers.kept_numbers import copies_of, set_precision_in
from core.optimizers.quiet import quiet
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

    Attributes:
        full: whether what the class computes in a lower precision than double is computed in double.
    """

    full = False

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
            with quiet(), InFull() if self.full else nullcontext():
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
            for name, value in self._states().get(own, {}).items():
                if isinstance(value, Tensor) and value.shape == own.shape and not value.is_complex():
                    found.setdefault(name, [None] * len(self.parameters))[i] = value.detach()
        return found

    def _states(self) -> Mapping[Any, Any]:
        """States of the parameters, and whatever else it keeps there; some classes have none."""
        return getattr(self.optimizer, "state", {})

    def kept(self) -> Sequence[Any]:
        """States, of the parameters first, the groups without these, and what the class keeps on itself."""
        states = self._states()
        own = [states.get(parameter, {}) for parameter in self.parameters]
        groups = [_Without(group, frozenset({"params"})) for group in getattr(self.optimizer, "param_groups", ())]
        return [*own, states, *groups, _Without(vars(self.optimizer), OWN)]

    def for_slopes(self) -> "TorchRun":
        made = self.copied()
        if self.source.coarse is not None and all(own.dtype == torch.float64 for own in self.parameters):
            made.full = True
            set_precision_in(made.kept(), torch.float64)
        return made

    def copied(self) -> "TorchRun":
        known = copies_of([*self.kept(), self.parameters])
        made = copy.copy(self)
        made.parameters = [known[id(own)] for own in self.parameters]
        made.optimizer = copy_of_optimizer(self.optimizer, known)
        renamed = {id(old): id(new) for old, new in zip(self.parameters, made.parameters, strict=True)}
        for copied in known.values():
            if isinstance(copied, dict) and any(type(key) is int and key in renamed for key in copied):
                items = [(renamed.get(key, key) if type(key) is int else key, value) for key, value in copied.items()]
                copied.clear()
                copied.update(items)
        return made


def copy_of_optimizer(optimizer: torch.optim.Optimizer, known: dict[int, Any]) -> torch.optim.Optimizer:
    """A deep copy with everything that a class keeps on itself, which torch's own copies of optimizers leave out.

    Args:
        optimizer: of any class; those that it wraps are copied in the same way.
        known: copies that exist already, by identity; those that are made are added.
    """
    found: list[torch.optim.Optimizer] = [optimizer]
    for one in found:
        for value in vars(one).values():
            inside = value if isinstance(value, list | tuple) else [value]
            found += [other for other in inside if isinstance(other, torch.optim.Optimizer) and other not in found]
    for one in found:
        known[id(one)] = object.__new__(type(one))
    for one in found:
        vars(known[id(one)]).update(copy.deepcopy(vars(one), known))
    made: torch.optim.Optimizer = known[id(optimizer)]
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

    @property
    def coarse(self) -> float | None:
        return type(self).source.coarse

    @property
    def rounding(self) -> float:
        return 2.0**-23 if type(self).source.single else 2.0**-52

    def begin(self, parameters: list[Tensor], problem: int) -> ProblemRun:
        row = problem * sum(tensor.numel() for tensor in parameters)
        values = values_of_row(self.hyperparameters(), row)
        return TorchRun(type(self).source, values, parameters, as_matrices=self.as_matrices)
