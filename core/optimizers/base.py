"""The interface of all optimizers: a component-wise dynamical system.

    h[k+1] = F(h[k], g[k])          one state vector per inner parameter
    x[k+1] = x[k] + u(h[k], g[k])

Every component (inner parameter) of every problem runs the same system, so a batch of problems is only a longer list
of rows.

An optimizer that reads more than the gradient (the parameter, the loss, the step) says so in `Optimizer.reads`. What it reads
stands in its state: the inner loop writes it there before every step, and a step leaves it as it is. So a recorded state holds
all that the step saw, and every analysis of rows works on it, with "all else as met".

An optimizer that sees whole tensors (their norms, their rows) is first fitted to problems (`Optimizer.fitted`), and then steps
all components of each of them together (`Optimizer.together`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal

from core.late import torch

if TYPE_CHECKING:
    from torch import Tensor

    from core.tasks.base import Problems

Input = Literal["parameter", "loss", "step", "steps"]
INPUTS: tuple[Input, ...] = ("parameter", "loss", "step", "steps")  # what a step can read beside the gradient


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
    def initial_state(self, n: int, dtype: torch.dtype = ...) -> Tensor:
        """The initial state h₀ of n components, [n, S]; in float32 by default."""

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
    def clocks(self) -> tuple[int, ...]:
        """State entries that only count steps, and so have no fixed point; by default the one called "step"."""
        return (self.state_names.index("step"),) if "step" in self.state_names else ()

    @property
    def constants(self) -> tuple[int, ...]:
        """State entries that stay as they start, whatever the gradient: they are held where fixed points are looked for."""
        return ()

    @property
    def clock(self) -> int | None:
        """The first of the clocks; None without one."""
        return self.clocks[0] if self.clocks else None

    @property
    def reads(self) -> dict[Input, int]:
        """What a step reads beside the gradient, and the state entry where it stands: the component's parameter x, the loss f(x) of its
        problem, the inner step k, and their number K."""
        return {}

    @property
    def differentiable(self) -> bool:
        """Whether torch can differentiate through a step; difference quotients are taken otherwise."""
        return True

    @property
    def rounding(self) -> float:
        """The relative distance of two numbers in the arithmetic of a step on numbers in double precision."""
        return 2.0**-52

    @property
    def coarse(self) -> float | None:
        """How far updates that are computed in a lower precision than double lie from those in double precision, relative to their size, where
        slopes are of the latter; None for all others."""
        return None

    def rounding_of(self, states: Tensor) -> Tensor:
        """How large the rounding errors of updates are at least, [n]: where the parameter is read, an update may be the difference of two.

        Args:
            states: h, [n, S], in double precision.
        """
        index = self.reads.get("parameter")
        return states.new_zeros(len(states)) if index is None else self.rounding * states[:, index].abs()

    @property
    def together(self) -> int | None:
        """How many rows, in order, are the components of one problem and step together; None if every row steps by itself."""
        return None

    def fitted(self, problems: Problems) -> Optimizer:
        """The optimizer for problems of this shape; itself, unless it sees whole tensors.

        Raises:
            InputError: it cannot optimize problems of this shape.
        """
        return self

    def state_at(self, x: Tensor) -> Tensor:
        """The initial state of components that start at x [n], [n, S]."""
        return self.initial_state(len(x), x.dtype).to(x.device)

    def told(self, state: Tensor, x: Tensor, loss: Tensor, step: int, steps: int) -> Tensor:
        """A state with what the next step reads written into it.

        Args:
            state: h, [n, S].
            x: inner parameters, [problems, parameters] with n in all.
            loss: f(x), [problems].
            step: k.
            steps: K.
        """
        if not self.reads:
            return state
        state = state.clone()
        values: dict[Input, Tensor | int] = {
            "parameter": x.reshape(-1),
            "loss": loss[:, None].expand_as(x).reshape(-1),
            "step": step,
            "steps": steps,
        }
        for name, index in self.reads.items():
            state[:, index] = values[name]
        return state
