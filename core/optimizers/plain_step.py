"""A plain Python function as an optimizer's step, for code that is written in NumPy, JAX or anything else."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class PlainStep(nn.Module):
    """A step on NumPy arrays as a module; its slopes are difference quotients.

    Args:
        step: maps (state [n, S], gradient [n]) to (next state [n, S], update [n]), as arrays; the update is added to the
            parameters. What else it reads is said by the names of further arguments, as for `ModuleOptimizer`.
        state_names: a name for each entry of the state.
        start: the value each entry starts at; by default 0.
    """

    differentiable = False

    def __init__(
        self, step: Callable[..., tuple[Any, Any]], state_names: Sequence[str], start: Sequence[float] | None = None
    ):
        super().__init__()
        self.asks = step
        self.state_names = tuple(state_names)
        self.start = tuple(start) if start is not None else (0.0,) * len(self.state_names)

    def initial_state(self, n: int, dtype: torch.dtype) -> Tensor:
        """[n, S]."""
        return torch.tensor(self.start, dtype=dtype).repeat(n, 1)

    def forward(self, state: Tensor, gradient: Tensor, **read: Tensor) -> tuple[Tensor, Tensor]:
        """One step."""
        arrays = {name: value.detach().numpy() for name, value in read.items()}
        following, update = self.asks(state.detach().numpy().copy(), gradient.detach().numpy().copy(), **arrays)
        return tuple(torch.from_numpy(np.array(one, copy=True)).to(state.dtype) for one in (following, update))  # type: ignore[return-value]
