"""Adaptation in use: over the states that an optimizer really met, does the learning rate follow the recent size of the gradients?

Constant gradients for ever are a thought experiment. Here every component of held-out problems is taken at every inner step: its
effective learning rate −∂u/∂g(h, 0) beside the recent size of its own gradients, an exponential average of |g|. They are compared at
equal inner step, so that a schedule cannot pose as adaptation: ranks and logarithms are taken relative to the step's own mean.
Intervals are bootstrapped over problems. RMSProp's log-log slope is −1 where gradients are far above its ε; momentum's is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.late import torch

if TYPE_CHECKING:
    from torch import Tensor

DECAYS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)  # of the exponential average
RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class InUse:
    """How the learning rate goes with the recent size of the gradients, at equal inner step.

    Attributes:
        slope: of ln(rate) over ln(size); None where rates are not positive.
        low, high: its 95 % interval over problems.
        rank_correlation: of both, in [−1, 1]; 0 where the rate is the same for all components.
        rank_low, rank_high: its 95 % interval over problems.
        decay: of the exponential average of |g|, chosen on one half of the problems; the numbers are those of the other half.
        positive: share of the rates that are positive; the slope is over these.
    """

    slope: float | None
    low: float | None
    high: float | None
    rank_correlation: float
    rank_low: float
    rank_high: float
    decay: float
    positive: float


def recent_sizes(gradients: Tensor, decay: float) -> Tensor:
    """Exponential average of |g| over the steps before each one.

    Args:
        gradients: g at every step, [K, ...].
        decay: of the average a step, from 0 to 1.

    Returns:
        [K, ...], in the units of the gradients; NaN at the first step.
    """
    sizes = torch.full_like(gradients, torch.nan)
    average = gradients[0].abs()
    for k in range(1, len(gradients)):
        sizes[k] = average
        average = decay * average + (1 - decay) * gradients[k].abs()
    return sizes


def adaptation_in_use(rates: Tensor, gradients: Tensor, seed: int = 0) -> InUse | None:
    """Compare learning rates with the recent sizes of gradients.

    Args:
        rates: effective learning rate of every component before every step, [K, problems, n].
        gradients: of the same, [K, problems, n].
        seed: of the bootstrap.

    Returns:
        None where fewer than four problems have anything to compare.
    """
    rate = rates.double().numpy()
    halves = [np.arange(first, rate.shape[1], 2) for first in (0, 1)]
    if min(map(len, halves)) < 2:
        return None
    tables = {decay: _Table(rate, recent_sizes(gradients.double(), decay).numpy()) for decay in DECAYS}
    decay = max(DECAYS, key=lambda one: abs(tables[one].rank(halves[0])))
    chosen, own = tables[decay], halves[1]
    resampled = own[np.random.default_rng(seed).integers(len(own), size=(RESAMPLES, len(own)))]
    slope = chosen.slope(own)
    slopes = np.array([chosen.slope(sample) for sample in resampled])
    ranks = np.array([chosen.rank(sample) for sample in resampled])
    ends = [100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2]
    kept = slopes[np.isfinite(slopes)]
    low, high = np.percentile(kept, ends).tolist() if np.isfinite(slope) and len(kept) else (None, None)
    rank_low, rank_high = np.percentile(ranks, ends).tolist()
    return InUse(
        slope=float(slope) if np.isfinite(slope) else None,
        low=low,
        high=high,
        rank_correlation=chosen.rank(own),
        rank_low=rank_low,
        rank_high=rank_high,
        decay=decay,
        positive=float((rate > 0).mean()),
    )


class _Table:
    """Sums of squares and products a problem, of ranks and of logarithms relative to their step's mean."""

    def __init__(self, rates: np.ndarray, sizes: np.ndarray):
        from scipy.stats import rankdata  # takes half a second to load

        steps, problems = rates.shape[:2]
        known = np.isfinite(rates) & np.isfinite(sizes) & (sizes > 0)
        self.ranks = np.zeros((problems, 3))
        self.logs = np.zeros((problems, 3))
        for k in range(steps):
            both = known[k]
            self.ranks += self._sums(both, rankdata, rates[k], sizes[k])
            self.logs += self._sums(both & (rates[k] > 0), np.log, rates[k], sizes[k])

    def _sums(self, use: np.ndarray, change, rates: np.ndarray, sizes: np.ndarray) -> np.ndarray:  # type: ignore[no-untyped-def]
        """(Σ a², Σ ab, Σ b²) of each problem, where a is of the size and b of the rate, both less their mean: [problems, 3]."""
        sums = np.zeros((use.shape[0], 3))
        if use.sum() < 3:
            return sums
        a, b = np.zeros(use.shape), np.zeros(use.shape)
        for into, values in ((a, sizes), (b, rates)):
            changed = change(values[use])
            into[use] = changed - changed.mean()
        b[np.abs(b) < 1e-12] = 0  # rounding is no variation
        return np.stack([(a * a).sum(1), (a * b).sum(1), (b * b).sum(1)], 1)

    def slope(self, problems: np.ndarray) -> float:
        """Of ln(rate) over ln(size)."""
        squares, products, _ = self.logs[problems].sum(0)
        return float(products / squares) if squares > 0 else float("nan")

    def rank(self, problems: np.ndarray) -> float:
        """Correlation of the ranks."""
        first, products, second = self.ranks[problems].sum(0)
        return float(products / (first * second) ** 0.5) if first > 0 and second > 0 else 0.0
