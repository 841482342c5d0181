"""A user's `torch.nn.Module` as an optimizer."""

import copy
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from core.errors import InputError
from core.optimizers.base import Optimizer


@final
class ModuleOptimizer(Optimizer):
    """A learned optimizer from a module whose forward pass is one step.

    The module has ``forward(state [n, S], gradient [n]) -> (next state [n, S], update [n])``, where the update is to be *added* to
    the inner parameters, and gives the size of its state: either ``state_size``, with states that start at 0, or
    ``initial_state(n, dtype) -> [n, S]``. It may have ``state_names`` and ``smooth`` (False if the update jumps at gradient 0).

    Args:
        name: of the optimizer.
        module: the module; it is copied, without gradients and in evaluation mode.

    Raises:
        InputError: it has neither ``state_size`` nor ``initial_state``.
    """

    def __init__(self, name: str, module: nn.Module):
        self._name = name
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        size = getattr(module, "state_size", None)
        if not hasattr(module, "initial_state") and not (isinstance(size, int) and size >= 0):
            raise InputError(
                f"optimizer {name}: the module needs state_size (a whole number) or initial_state(n, dtype)"
            )
        names: Sequence[str] | None = getattr(module, "state_names", None)
        count = len(names) if names is not None else self._first(1, torch.float32).shape[1]
        self._names = tuple(names) if names is not None else tuple(f"h{i + 1}" for i in range(count))

    def _first(self, n: int, dtype: torch.dtype) -> Tensor:
        if hasattr(self.module, "initial_state"):
            with torch.no_grad():
                state = self.module.initial_state(n, dtype)  # type: ignore[operator]
            if not isinstance(state, Tensor) or state.ndim != 2 or state.shape[0] != n:
                raise InputError(f"optimizer {self._name}: initial_state(n, dtype) must return a tensor [n, S]")
            return state.to(dtype)
        return torch.zeros(n, int(self.module.state_size), dtype=dtype)  # type: ignore[arg-type]

    @property
    def name(self) -> str:
        return self._name

    @property
    def state_names(self) -> tuple[str, ...]:
        return self._names

    @property
    def smooth(self) -> bool:
        return bool(getattr(self.module, "smooth", True))

    def initial_state(self, n: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return self._first(n, dtype)

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        following, update = self.module(state, gradient)
        return following, update

    def to(self, dtype: torch.dtype) -> "ModuleOptimizer":
        """The same optimizer with its weights in another precision."""
        return ModuleOptimizer(self._name, copy.deepcopy(self.module).to(dtype))
