"""Shares of an advantage and contributions of mechanisms, with bootstrap intervals over problems and outer seeds."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import factorial

import numpy as np

from core.distil.result import Interval

DRAWS = 2000
LEVELS = (0.025, 0.975)


def subsets(names: Sequence[str]) -> list[tuple[str, ...]]:
    """All subsets, small ones first."""
    return [chosen for size in range(len(names) + 1) for chosen in combinations(names, size)]


def interval(value: float, draws: np.ndarray) -> Interval:
    """A number and the 2.5 % and 97.5 % quantiles of its bootstrap draws [draws]; None if it is not finite."""
    if not np.isfinite(value):
        return Interval(mean=None, low=None, high=None)
    low, high = (float(np.quantile(draws[np.isfinite(draws)], level)) for level in LEVELS)
    return Interval(mean=float(value), low=low, high=high)


class Bootstrap:
    """Paired draws with replacement: the same problems and seeds for every optimizer.

    Args:
        problems: number of problems.
        seeds: number of outer seeds.
        seed: of the draws.
    """

    def __init__(self, problems: int, seeds: int, seed: int = 0):
        source = np.random.default_rng(seed)
        chosen = source.integers(problems, size=(DRAWS, problems))
        self.problems = np.stack([np.bincount(row, minlength=problems) for row in chosen]) / problems
        chosen = source.integers(seeds, size=(DRAWS, seeds))
        self.seeds = np.stack([np.bincount(row, minlength=seeds) for row in chosen]) / seeds

    def means(self, losses: np.ndarray) -> np.ndarray:
        """Mean meta-loss of each draw [draws] from [problems], or from [seeds, problems]."""
        if losses.ndim == 1:
            return np.asarray(self.problems @ losses)
        with np.errstate(invalid="ignore"):  # a problem that diverged, and is not drawn
            return np.asarray(((self.seeds @ losses) * self.problems).sum(1))


def share(losses: np.ndarray, best: np.ndarray, learned: np.ndarray, draws: Bootstrap) -> Interval:
    """The share of the advantage of a learned optimizer over the best tuned one that a formula keeps.

    Args:
        losses: meta-losses of the formula, [seeds, problems].
        best: of the best tuned optimizer, [problems].
        learned: of the learned optimizer, [problems].
        draws: over problems and seeds.
    """

    def of(formula: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((top - formula) / (top - bottom))

    value = of(losses.mean(), best.mean(), learned.mean())
    return interval(float(value), of(draws.means(losses), draws.means(best), draws.means(learned)))


def shapley(values: Mapping[tuple[str, ...], np.ndarray], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Contributions that do not depend on the order: the mean gain of a mechanism over all orders of adding them.

    Args:
        values: of every subset (in the order of ``names``), any shape.
        names: of the mechanisms.
    """
    n = len(names)
    found = {}
    for name in names:
        total = np.zeros_like(next(iter(values.values())))
        for without in subsets([other for other in names if other != name]):
            weight = factorial(len(without)) * factorial(n - len(without) - 1) / factorial(n)
            together = tuple(other for other in names if other in {*without, name})
            total = total + weight * (values[together] - values[without])
        found[name] = total
    return found


def contributions(
    losses: Mapping[tuple[str, ...], np.ndarray], names: Sequence[str], draws: Bootstrap
) -> dict[str, Interval]:
    """Mechanism -> the factor by which it divides the mean meta-loss, averaged (geometrically) over all orders.

    Args:
        losses: meta-losses of every subset's formula, [seeds, problems] each.
        names: of the mechanisms.
        draws: over problems and seeds.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        central = shapley({key: -np.log(np.asarray(value.mean())) for key, value in losses.items()}, names)
        drawn = shapley({key: -np.log(draws.means(value)) for key, value in losses.items()}, names)
    return {name: interval(float(np.exp(central[name])), np.exp(drawn[name])) for name in names}
