"""Optimizers in double precision, which analysis needs."""

from functools import singledispatch

import torch

from core.optimizers.base import Optimizer
from core.optimizers.module import ModuleOptimizer
from core.optimizers.recurrent import RecurrentOptimizer


@singledispatch
def double(optimizer: Optimizer) -> Optimizer:
    """The optimizer with its weights in float64; an optimizer without weights follows its states' precision."""
    return optimizer


@double.register(RecurrentOptimizer)
@double.register(ModuleOptimizer)
def _(optimizer: RecurrentOptimizer | ModuleOptimizer) -> Optimizer:
    return optimizer.to(torch.float64)
