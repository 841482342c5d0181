"""The one abstraction: an optimizer, learned or hand-designed, is a component-wise dynamical system.

    h[k+1] = F(h[k], g[k])          one state vector per inner parameter
    x[k+1] = x[k] + u(h[k], g[k])

Every component (inner parameter) of every problem runs the same system, so a batch of problems is just a longer list
of rows.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class Optimizer(ABC):
    """A component-wise dynamical system with the gradient as input and the parameter update as readout."""

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name, fit for a legend."""

    @property
    @abstractmethod
    def state_names(self) -> tuple[str, ...]:
        """What each entry of the state vector is, [S]."""

    @property
    @abstractmethod
    def smooth(self) -> bool:
        """Whether the update is differentiable in the gradient at 0."""

    @abstractmethod
    def initial_state(self, n: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """The state of n fresh components, [n, S]."""

    @abstractmethod
    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """One step of every component.

        Args:
            state: [n, S].
            gradient: [n].

        Returns:
            The next state [n, S] and the update [n] to be *added* to the inner parameters.
        """

    @property
    def state_size(self) -> int:
        """S, the length of one component's state vector."""
        return len(self.state_names)

    @property
    def clock(self) -> int | None:
        """Index of the state entry that only counts steps, if there is one: it has no fixed point."""
        return self.state_names.index("step") if "step" in self.state_names else None
