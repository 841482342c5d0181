"""Estimators of the outer gradient: back-propagation through windows of the unroll, and persistent evolution strategies."""

from core.outer.distributed import Team
from core.outer.estimators.backpropagation import Backpropagation
from core.outer.estimators.base import Estimator
from core.outer.estimators.evolution import Evolution
from core.outer.gradient import Workers
from core.runs.config import RunConfig

__all__ = ["Backpropagation", "Estimator", "Evolution", "make_estimator"]


def make_estimator(config: RunConfig, workers: Workers, team: Team) -> Estimator:
    """The estimator of a configuration."""
    kind = {"backpropagation": Backpropagation, "evolution": Evolution}[config.estimator]
    return kind(config, workers, team)
