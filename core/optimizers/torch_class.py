"""A class with `torch.optim`'s interface, looked into: its hyperparameters, its state, and what it counts.

Its state is looked at through a recording dictionary, so that the values a state starts with are those that the class assigned, and not
those after a first step. Everything that is not one number for each parameter (step counters, products of βs, schedules kept in a
parameter group or on the optimizer itself) is carried as a whole: if it does not depend on gradients it is a function of the step, and is
read off a rehearsal.
"""

import copy
import inspect
import math
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from core.errors import InputError
from core.optimizers.quiet import quiet
from core.optimizers.schedules import Scalar
from core.optimizers.torch_errors import MODEL, reason

# Loptscope's names of hyperparameters, and torch's: "betas.0" is the first of a tuple.
NAMES = {
    "learning_rate": "lr",
    "momentum": "momentum",
    "decay": "alpha",
    "rho": "rho",
    "beta1": "betas.0",
    "beta2": "betas.1",
    "beta3": "betas.2",
    "epsilon": "eps",
    "weight_decay": "weight_decay",
    "learning_rate_decay": "lr_decay",
}
OPTIONAL = ("momentum", "weight_decay")  # hyperparameters that an optimizer does not have where they are 0
WAYS = ("foreach", "fused", "capturable", "differentiable")  # other ways through the same arithmetic
KEPT = 32  # prepared optimizers that are kept, by hyperparameters
REHEARSED = 3  # components of a rehearsal
TRIED = 24  # steps over which the state is looked at

OWN = frozenset(vars(torch.optim.SGD([torch.zeros(1)], lr=0.1)))  # attributes that every optimizer of torch has


class Recorder(dict[str, Any]):
    """A state that remembers the first value of every entry, as it was assigned."""

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[str, Any] = {}

    def __setitem__(self, key: str, value: Any) -> None:
        self._note(key, value)
        super().__setitem__(key, value)

    def setdefault(self, key: str, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *others: Any, **named: Any) -> None:
        for key, value in dict(*others, **named).items():
            self[key] = value

    def _note(self, key: str, value: Any) -> None:
        if key not in self.first:
            self.first[key] = copy.deepcopy(value.detach() if isinstance(value, Tensor) else value)


@dataclass(frozen=True)
class Rest:
    """What an optimizer keeps beside one number for each parameter.

    Attributes:
        state: entries of a parameter's state.
        group: entries of its parameter group.
        own: attributes of the optimizer.
    """

    state: dict[str, Any]
    group: dict[str, Any]
    own: dict[str, Any]


@dataclass
class Anatomy:
    """What a class keeps, at some hyperparameters.

    Attributes:
        memory: entries with one number for each parameter, in the order of assignment.
        kinds: the dtype of each, None for the parameter's own.
        starts: the number each starts at; "parameter" for the start point.
        rests: what else it keeps before step 0, 1, 2, … of a rehearsal, longer when asked.
    """

    memory: tuple[str, ...]
    kinds: tuple[torch.dtype | None, ...]
    starts: tuple[float | str, ...]
    rests: list[Rest] = field(default_factory=list)

    @property
    def counts(self) -> bool:
        """Whether anything beside the memory changes with the step."""
        return any(not alike(self.rests[0], rest) for rest in self.rests[1:])


Groups = Callable[[list[Tensor]], list[dict[str, Any]]]


class UnfitError(Exception):
    """Why a class cannot be taken as a component-wise optimizer."""


def alike(first: Any, second: Any) -> bool:
    """Whether two pieces of an optimizer's state are equal, whatever they are made of; what has no value to compare counts as equal."""
    if type(first) is not type(second):
        return False
    if isinstance(first, Tensor):
        same = first.shape == second.shape
        return same and torch.equal(torch.nan_to_num(first.double()), torch.nan_to_num(second.double()))
    if isinstance(first, Rest):
        return alike(vars(first), vars(second))
    if isinstance(first, Mapping):
        return first.keys() == second.keys() and all(alike(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(alike(a, b) for a, b in zip(first, second, strict=True))
    numbers = isinstance(first, float) and math.isnan(first) and math.isnan(second)
    return numbers or not isinstance(first, int | float | str) or first == second


def values_of_row(values: Mapping[str, Scalar], row: int) -> dict[str, float]:
    """Hyperparameters of one row, where they may differ between rows."""
    return {
        name: float(value[row] if isinstance(value, Tensor) and value.ndim else value) for name, value in values.items()
    }


class TorchClass:
    """One class with its fixed settings.

    Args:
        name: what it is registered as.
        torch_class: such as `torch.optim.Adagrad`.
        settings: torch's arguments: values of hyperparameters, and fixed settings.
        groups: divides a problem's tensors into parameter groups, for a class that wants groups of its own.

    Attributes:
        usual: hyperparameters by our names.
        fixed: other arguments.
        differentiable: whether torch can differentiate through its steps.
        wants_closure: whether its step must be given one.
        single: whether it is run in single precision, since it cannot in double.
        coarse: how far its updates, which are computed in a lower precision than double, lie from those in double (`coarseness`); None if
            they are not, or cannot be had in double.
        needs_rate: whether its learning rate has no default and is not given.

    Raises:
        InputError: an argument has no default and is not given.
    """

    def __init__(
        self,
        name: str,
        torch_class: type[torch.optim.Optimizer],
        settings: Mapping[str, Any],
        groups: Groups | None = None,
    ):
        self.name, self.torch_class, self.groups = name, torch_class, groups
        signature = inspect.signature(torch_class).parameters
        needed = [key for key, one in list(signature.items())[1:] if one.default is one.empty and key not in settings]
        needed = [
            key
            for key in needed
            if signature[key].kind not in (signature[key].VAR_KEYWORD, signature[key].VAR_POSITIONAL)
        ]
        if "params" in needed:
            raise InputError(f"{name} cannot be wrapped: {MODEL}")
        if needed:
            example = f"{needed[0]}=0.1" if needed[0] == "lr" else f"{needed[0]}=…"
            raise InputError(f"{name}: {torch_class.__name__} has no default for {needed[0]}: set it, as in {example}")
        closure = inspect.signature(torch_class.step).parameters.get("closure")
        self.wants_closure = closure is not None and closure.default is closure.empty
        self.single = False
        self.coarse: float | None = None
        rate = signature.get("lr")
        self.needs_rate = rate is not None and rate.default is None and settings.get("lr") is None
        self.usual: dict[str, float] = {}
        used = set()
        for ours, theirs in NAMES.items():
            into, _, index = theirs.partition(".")
            if into not in signature:
                continue
            value = settings.get(into, signature[into].default)
            if index:
                value = value[int(index)] if isinstance(value, tuple | list) and int(index) < len(value) else None
            if isinstance(value, Tensor) and value.numel() == 1:
                value = value.item()
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            if ours not in OPTIONAL or float(value) != 0:
                used.add(into)
                self.usual[ours] = float(value)
        plain = {key: False for key in WAYS if key in signature}
        self.fixed = {**{key: value for key, value in settings.items() if key not in used}, **plain}
        self.differentiable = "differentiable" in signature and not settings.get("maximize", False)
        self._prepared = threading.local()

    def arguments(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Torch's arguments for hyperparameters."""
        arguments: dict[str, Any] = {}
        for name, value in values.items():
            into, _, index = NAMES[name].partition(".")
            if index:
                arguments[into] = (*arguments.get(into, ()), value)
            else:
                arguments[into] = value
        return arguments

    def make(self, parameters: list[Tensor], values: Mapping[str, float], **more: Any) -> torch.optim.Optimizer:
        """A new optimizer of the class; what it prints when it is made is not shown again for every one."""
        with quiet():
            given: Any = parameters if self.groups is None else self.groups(parameters)
            made = self.torch_class(given, **{**self.fixed, **self.arguments(values), **more})
        train = getattr(made, "train", None)
        if callable(train):  # schedule-free ones must be told that this is training
            with suppress(AttributeError):  # of wrappers whose inner one need not be
                train()
        return made

    def prepared(self, values: Mapping[str, float], *, tracked: bool) -> torch.optim.Optimizer:
        """An optimizer with these hyperparameters whose parameter and state are still to be set; one a thread, used again."""
        kept: dict[Any, torch.optim.Optimizer] = self._prepared.__dict__.setdefault("kept", {})
        key = (tuple(values.values()), tracked)
        if key not in kept:
            if len(kept) >= KEPT:
                del kept[next(iter(kept))]
            blank = torch.zeros(1, dtype=torch.float64, requires_grad=True)
            kept[key] = self.make([blank], values, **({"differentiable": True} if tracked else {}))
        return kept[key]

    def anatomy(self, values: Mapping[str, float], start: float = 0.0) -> Anatomy:
        """What the class keeps, from some steps with gradients of size 1.

        Raises:
            UnfitError: it keeps something that is not one number for each parameter and depends on gradients, or a step fails.
        """
        first, second = (self._rehearse(values, start, seed, TRIED) for seed in (0, 1))
        if not all(alike(a, b) for a, b in zip(first.rests, second.rests, strict=True)):
            raise UnfitError(
                f"{self._depends(first, second)} is not one number for each parameter and depends on gradients"
            )
        return first

    def _depends(self, first: Anatomy, second: Anatomy) -> str:
        for a, b in zip(first.rests, second.rests, strict=True):
            for place, where in (("state", "its state"), ("group", "its parameter group's"), ("own", "its attribute")):
                mine, other = getattr(a, place), getattr(b, place)
                for key in {**mine, **other}:
                    if not alike(mine.get(key), other.get(key)):
                        return f"{where} {key}"
        return "what it keeps"

    def rest_at(self, anatomy: Anatomy, values: Mapping[str, float], step: int) -> Rest:
        """What it keeps beside the memory before a step."""
        if step >= len(anatomy.rests):
            anatomy.rests.extend(self._rehearse(values, 0.0, 0, max(2 * step, 200)).rests[len(anatomy.rests) :])
        return anatomy.rests[step]

    def _rehearse(self, values: Mapping[str, float], start: float, seed: int, steps: int) -> Anatomy:
        parameter = torch.full((REHEARSED,), start, dtype=torch.float64, requires_grad=True)
        try:
            optimizer = self.make([parameter], values)
        except Exception as error:  # noqa: BLE001 - other people's code can raise anything
            raise UnfitError(self.reason("it cannot be made", error)) from None
        recorder = Recorder()
        fresh = not optimizer.state[parameter]
        recorder.update(optimizer.state[parameter])  # what it kept before the first step
        optimizer.state[parameter] = recorder
        source = torch.Generator().manual_seed(seed)
        rests = [self._rest(optimizer, parameter, recorder)]
        try:
            for k in range(steps):
                sizes = torch.randn(REHEARSED, generator=source, dtype=torch.float64)
                parameter.grad = torch.zeros_like(sizes) if k == 0 else sizes
                with quiet():
                    optimizer.step()
                rests.append(self._rest(optimizer, parameter, recorder))
        except Exception as error:  # noqa: BLE001
            raise UnfitError(self.reason("a plain step fails", error)) from None
        memory, kinds, starts = [], [], []
        for key, value in recorder.first.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                if not value.is_floating_point():
                    what = "complex numbers" if value.is_complex() else "whole numbers, which have no slopes"
                    raise UnfitError(f"its state {key} holds {what}")
                numbers = set(value.tolist())
                if len(numbers) != 1:
                    raise UnfitError(f"its {key} does not start at the same value for all parameters")
                memory.append(key)
                kinds.append(None if value.dtype == parameter.dtype else value.dtype)
                starts.append("parameter" if start and numbers == {start} else float(value[0]))
        if fresh:  # before the first step: what the class will have assigned then
            early = {key: value for key, value in recorder.first.items() if key in rests[1].state}
            rests[0] = Rest(early, rests[0].group, rests[0].own)
        return Anatomy(tuple(memory), tuple(kinds), tuple(starts), rests)

    def _rest(self, optimizer: torch.optim.Optimizer, parameter: Tensor, state: Mapping[str, Any]) -> Rest:
        def kept(items: Mapping[str, Any], known: Any) -> dict[str, Any]:
            return {key: copy.deepcopy(value) for key, value in items.items() if key not in known}

        vectors = {key for key, value in state.items() if isinstance(value, Tensor) and value.shape == parameter.shape}
        vectors |= {key for key, value in state.items() if value is None}
        return Rest(kept(state, vectors), kept(optimizer.param_groups[0], {"params"}), kept(vars(optimizer), OWN))

    def reason(self, what: str, error: Exception) -> str:
        """What goes wrong in other people's code, in words."""
        divided = self.groups is not None
        return reason(self.torch_class, what, error, divided=divided, needs_rate=self.needs_rate)

    def refused(self, what: str, error: Exception) -> InputError:
        """The sentence for an error of other people's code."""
        return InputError(f"{self.name} cannot be wrapped: {self.reason(what, error)}")
