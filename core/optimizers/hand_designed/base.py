"""The base of hand-designed optimizers: hyperparameters as fields, their limits, and learning-rate decay.

A hyperparameter is a number, or a tensor [n] that gives every row its own (so that many draws run as one batch). Every optimizer can
have an inverse-time learning-rate decay, α_k = α / (1 + decay · k). The step k is then part of the state.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import fields
from typing import TYPE_CHECKING, ClassVar, Literal

from core.late import torch
from core.optimizers.base import Optimizer
from core.optimizers.hyperparameters import HYPERPARAMETERS, Hyperparameter
from core.optimizers.schedules import Scalar, inverse_time

if TYPE_CHECKING:
    from torch import Tensor

Dash = Literal["solid", "dash", "dot", "dashdot"]


def root(s: Tensor) -> Tensor:
    """√s, but never below the root of the smallest normal number, so that its derivative at s = 0 is 0 and not NaN."""
    return s.clamp_min(torch.finfo(s.dtype).tiny).sqrt()


def logarithm(value: Scalar) -> Scalar:
    """Its logarithm, −∞ at 0."""
    return value.log() if isinstance(value, torch.Tensor) else math.log(value) if value else -math.inf


class HandDesigned(Optimizer):
    """The base of hand-designed optimizers: hyperparameters as fields, and a learning rate that may change with the step.

    The columns of a state are contiguous: [n, S] is the transpose of a dense [S, n].
    """

    kind: ClassVar[str]  # its name in links, files and commands
    title: ClassVar[str]  # its name in menus and legends
    color: ClassVar[str]  # its colour in every figure, as #rrggbb
    dash: ClassVar[Dash] = "solid"  # of its lines in crowded figures
    in_explore: ClassVar[bool] = False  # whether Explore draws it as a baseline
    own: ClassVar[dict[str, Hyperparameter]] = {}  # hyperparameters that no other optimizer has
    memory: ClassVar[tuple[str, ...]]  # names of the state entries other than the step
    pooled: ClassVar[bool] = True  # whether other processes know the class

    learning_rate: Scalar

    @property
    @abstractmethod
    def counts(self) -> bool:
        """Whether the step is part of the state, as its last entry."""

    @property
    def name(self) -> str:
        return self.kind

    @property
    def smooth(self) -> bool:
        return True

    @property
    def state_names(self) -> tuple[str, ...]:
        return (*self.memory, "step") if self.counts else self.memory

    def initial_state(self, n: int, dtype: torch.dtype | None = None) -> Tensor:
        return torch.zeros(self.state_size, n, dtype=dtype or torch.float32).mT

    def hyperparameters(self) -> dict[str, Scalar]:
        """Hyperparameters by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def limits(cls) -> dict[str, Hyperparameter]:
        """The limits and search ranges of the hyperparameters, by name."""
        known = {**HYPERPARAMETERS, **cls.own}
        return {field.name: known[field.name] for field in fields(cls)}  # type: ignore[arg-type]

    def _next(self, state: Tensor, *memory: Tensor) -> Tensor:
        if self.counts:
            memory = (*memory, state[:, -1] + 1)
        return torch.stack(memory).mT if memory else state


class Decaying(HandDesigned):
    """Hand-designed optimizers with an inverse-time learning-rate decay."""

    always_counts: ClassVar[bool] = False  # whether the step is part of the state even without decay

    learning_rate_decay: Scalar

    @property
    def decays(self) -> bool:
        """Whether the learning rate changes with the step."""
        return isinstance(self.learning_rate_decay, torch.Tensor) or self.learning_rate_decay != 0

    @property
    def counts(self) -> bool:
        return self.always_counts or self.decays

    def _rate(self, state: Tensor) -> Scalar:
        return (
            self.learning_rate * inverse_time(state[:, -1], self.learning_rate_decay)
            if self.decays
            else self.learning_rate
        )
