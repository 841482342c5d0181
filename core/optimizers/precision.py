"""Optimizers in double precision, which analysis needs."""

import torch

from core.optimizers.base import Optimizer
from core.optimizers.module import ModuleOptimizer
from core.optimizers.recurrent import RecurrentOptimizer


def double(optimizer: Optimizer) -> Optimizer:
    """The optimizer with its weights in float64; an optimizer without weights follows its states' precision."""
    return optimizer.to(torch.float64) if isinstance(optimizer, RecurrentOptimizer | ModuleOptimizer) else optimizer
