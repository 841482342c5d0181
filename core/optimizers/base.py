"""The interface of all optimizers: a component-wise dynamical system.

    h[k+1] = F(h[k], g[k])          one state vector per inner parameter
    x[k+1] = x[k] + u(h[k], g[k])

Every component (inner parameter) of every problem runs the same system, so a batch of problems is only a longer list
of rows.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class Optimizer(ABC):
    """A component-wise dynamical system: h' = F(h, g) and x' = x + u(h, g), with the gradient g as input (arXiv 2011.02159, section 2)."""

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name for legends."""

    @property
    @abstractmethod
    def state_names(self) -> tuple[str, ...]:
        """The name of each entry of the state vector, [S]."""

    @property
    @abstractmethod
    def smooth(self) -> bool:
        """Whether the update is differentiable in the gradient at 0."""

    @abstractmethod
    def initial_state(self, n: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """The initial state h₀ of n components, [n, S]."""

    @abstractmethod
    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """One step of every component.

        Args:
            state: h, [n, S].
            gradient: g, [n].

        Returns:
            The next state [n, S] and the update [n] to be *added* to the inner parameters.
        """

    @property
    def state_size(self) -> int:
        """S, the length of one component's state vector."""
        return len(self.state_names)

    @property
    def clock(self) -> int | None:
        """Index of the state entry that only counts steps, and so has no fixed point; None without one."""
        return self.state_names.index("step") if "step" in self.state_names else None
