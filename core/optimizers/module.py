"""A user's `torch.nn.Module` as an optimizer."""

import copy
import inspect
from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from core.errors import InputError
from core.optimizers.base import INPUTS, Input, Optimizer
from core.optimizers.checks import find_held, is_smooth
from core.optimizers.precision import double

ASSUMED: dict[Input, float] = {
    "parameter": 0.0,
    "loss": 1.0,
    "step": 0.0,
    "steps": 200.0,
}  # where no inner loop tells it


@final
class ModuleOptimizer(Optimizer):
    """A learned optimizer from a module whose forward pass is one step.

    The module has ``forward(state [n, S], gradient [n]) -> (next state [n, S], update [n])``, where the update is to be *added* to
    the inner parameters, and gives the size of its state: either ``state_size``, with states that start at 0, or
    ``initial_state(n, dtype) -> [n, S]``. It may have ``state_names`` and ``smooth`` (False if the update jumps at gradient 0; found
    by trying if it is not said), and ``differentiable`` (False if torch has no graph of its step). State entries that only count steps, or
    never change, are found by what they do, whatever they are called.

    What else a step reads is said by the names of further arguments of ``forward``, each [n]: ``parameter`` (the component's x),
    ``loss`` (of its problem), ``step`` (the inner step k) and ``steps`` (their number K). ``initial_state`` may take ``parameter``, too.

    Args:
        name: of the optimizer.
        module: the module; it is copied, without gradients and in evaluation mode.

    Raises:
        InputError: it has neither ``state_size`` nor ``initial_state``, or ``forward`` asks for something that is not known.
    """

    def __init__(self, name: str, module: nn.Module):
        self._name = name
        self.module = _copy(module).eval().requires_grad_(False)
        size = getattr(module, "state_size", None)
        if not hasattr(module, "initial_state") and not (isinstance(size, int) and size >= 0):
            raise InputError(
                f"optimizer {name}: the module needs state_size (a whole number) or initial_state(n, dtype)"
            )
        asked = _arguments(name, self.module)
        begin = getattr(module, "initial_state", None)
        self._starts_at_x = begin is not None and "parameter" in inspect.signature(begin).parameters
        names: Sequence[str] | None = getattr(module, "state_names", None)
        self._own = len(names) if names is not None else self._first(torch.zeros(1)).shape[1]
        own = tuple(names) if names is not None else tuple(f"h{i + 1}" for i in range(self._own))
        self._names = (*own, *asked)
        self._reads: dict[Input, int] = {what: self._own + i for i, what in enumerate(asked)}
        self._clocks: tuple[int, ...] = ()
        self._constants: tuple[int, ...] = ()
        self._smooth = True
        precise = self.to(torch.float64)
        clocks, constants = find_held(precise)
        self._clocks = tuple(i for i in clocks if i < self._own)
        self._constants = tuple(i for i in constants if i < self._own)
        said = getattr(module, "smooth", None)
        self._smooth = bool(said) if said is not None else is_smooth(precise)

    def _first(self, x: Tensor) -> Tensor:
        if not hasattr(self.module, "initial_state"):
            return torch.zeros(len(x), int(self.module.state_size), dtype=x.dtype)  # type: ignore[arg-type]
        told = {"parameter": x} if self._starts_at_x else {}
        with torch.no_grad():
            state = self.module.initial_state(len(x), x.dtype, **told)  # type: ignore[operator]
        if not isinstance(state, Tensor) or state.ndim != 2 or state.shape[0] != len(x):
            raise InputError(f"optimizer {self._name}: initial_state(n, dtype) must return a tensor [n, S]")
        return state.to(x.dtype)

    @property
    def name(self) -> str:
        return self._name

    @property
    def state_names(self) -> tuple[str, ...]:
        return self._names

    @property
    def clocks(self) -> tuple[int, ...]:
        return self._clocks

    @property
    def constants(self) -> tuple[int, ...]:
        return self._constants

    @property
    def reads(self) -> dict[Input, int]:
        return self._reads

    @property
    def smooth(self) -> bool:
        return self._smooth

    @property
    def differentiable(self) -> bool:
        return bool(getattr(self.module, "differentiable", True))

    def initial_state(self, n: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return self.state_at(torch.full((n,), ASSUMED["parameter"], dtype=dtype))

    def state_at(self, x: Tensor) -> Tensor:
        read = [torch.full((len(x), 1), ASSUMED[what], dtype=x.dtype) for what in self._reads]
        state = torch.cat([self._first(x), *read], 1)
        if "parameter" in self._reads:
            state[:, self._reads["parameter"]] = x
        return state

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        own = state[:, : self._own] if self._reads else state
        read = {what: state[:, index] for what, index in self._reads.items()}
        # copies, since some write into what they are given
        found = self.module(own.clone(), gradient.clone(), **{what: value.clone() for what, value in read.items()})
        if not isinstance(found, tuple | list) or len(found) != 2:
            raise InputError(f"optimizer {self._name}: forward must return (next state [n, S], update [n])")
        following, update = found
        if isinstance(update, Tensor) and update.numel() == len(gradient):
            update = update.reshape(-1)  # [n, 1], and [] of one row that was squeezed
        fits = isinstance(following, Tensor) and following.shape == own.shape
        return (torch.cat([following, state[:, self._own :]], 1) if self._reads and fits else following), update

    def to(self, dtype: torch.dtype) -> "ModuleOptimizer":
        """The same optimizer with its weights in another precision."""
        made = copy.copy(self)
        made.module = _copy(self.module).to(dtype)
        return made


def _arguments(name: str, module: nn.Module) -> list[Input]:
    """What ``forward`` asks for beside state and gradient."""
    try:
        taken = list(inspect.signature(getattr(module, "asks", module.forward)).parameters.values())
    except (TypeError, ValueError):  # a compiled module does not say
        return []
    further = [one for one in taken[2:] if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    asked: list[Input] = [what for what in INPUTS if any(one.name == what for one in further)]
    unknown = [one.name for one in further if one.name not in INPUTS and one.default is one.empty]
    if unknown:
        raise InputError(
            f"optimizer {name}: forward asks for {unknown[0]!r:.40}, which is not known: after state and gradient it can read "
            f"{', '.join(INPUTS)}"
        )
    return asked


def _copy(module: nn.Module) -> nn.Module:
    """A deep copy; tensors of a graph that the module keeps on itself, which torch refuses to copy, are copied without the graph."""
    kept: dict[int, Any] = {}
    for part in module.modules():
        for value in vars(part).values():
            if isinstance(value, Tensor) and not value.is_leaf:
                kept[id(value)] = value.detach().clone()
    return copy.deepcopy(module, kept)


@double.register
def _(optimizer: ModuleOptimizer) -> Optimizer:
    return optimizer.to(torch.float64)
