"""The table of hyperparameters of hand-designed optimizers: their limits, and how a random search draws them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from core.late import torch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Range:
    """The range of one hyperparameter in a random search.

    Attributes:
        low: smallest value.
        high: largest value.
        kind: "log" draws the value log-uniformly; "one_minus_log" draws 1 − value log-uniformly (for decay constants);
            "zero_or_log" is 0 for half of the draws and log-uniform for the others; "unroll" is the unroll length.
    """

    low: float
    high: float
    kind: Literal["log", "one_minus_log", "zero_or_log", "unroll"]

    def draw(self, count: int, source: torch.Generator) -> Tensor:
        """Draw values, [count], float64."""
        uniform = torch.rand(count, generator=source, dtype=torch.float64)
        low, high = (1 - self.high, 1 - self.low) if self.kind == "one_minus_log" else (self.low, self.high)
        value = torch.exp(math.log(low) + (math.log(high) - math.log(low)) * uniform)
        if self.kind == "one_minus_log":
            return 1 - value
        if self.kind == "zero_or_log":
            return torch.where(torch.rand(count, generator=source, dtype=torch.float64) < 0.5, 0.0, value)
        return value


@dataclass(frozen=True)
class Hyperparameter:
    """One hyperparameter; all of them are finite and at least 0.

    Attributes:
        range: its range in a search.
        below_one: whether it must be below 1, like a decay constant.
        positive: whether it must be above 0.
    """

    range: Range
    below_one: bool = False
    positive: bool = False


HYPERPARAMETERS: dict[str, Hyperparameter] = {
    "learning_rate": Hyperparameter(Range(1e-5, 1e2, "log")),
    "momentum": Hyperparameter(Range(0.0, 0.999, "one_minus_log"), below_one=True),
    "decay": Hyperparameter(Range(0.0, 0.9999, "one_minus_log"), below_one=True),
    "rho": Hyperparameter(Range(0.0, 0.9999, "one_minus_log"), below_one=True),
    "beta1": Hyperparameter(Range(0.0, 0.999, "one_minus_log"), below_one=True),
    "beta2": Hyperparameter(Range(0.0, 0.9999, "one_minus_log"), below_one=True),
    "beta3": Hyperparameter(Range(0.0, 0.9999, "one_minus_log"), below_one=True),
    "weight_decay": Hyperparameter(Range(1e-6, 1e-1, "log")),
    "epsilon": Hyperparameter(Range(1e-10, 1e-2, "log")),
    "learning_rate_decay": Hyperparameter(Range(1e-4, 1.0, "zero_or_log")),
    "warmup": Hyperparameter(Range(1.0, 100.0, "zero_or_log")),
    "horizon": Hyperparameter(Range(1.0, math.inf, "unroll"), positive=True),
    "half_life": Hyperparameter(Range(5.0, 2000.0, "log"), positive=True),
    "threshold": Hyperparameter(Range(1e-3, 1e3, "log"), positive=True),
}
