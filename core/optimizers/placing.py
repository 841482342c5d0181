"""Optimizers on another device."""

from functools import singledispatch

import torch

from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import HandDesigned
from core.optimizers.module import ModuleOptimizer
from core.optimizers.recurrent import RecurrentOptimizer
from core.optimizers.torch_optimizer import TorchOptimizer
from core.optimizers.torch_tensors import TorchTensorwise


@singledispatch
def optimizer_on(optimizer: Optimizer, device: torch.device) -> Optimizer | None:
    """The optimizer with its weights on a device; None if it computes on the CPU only."""
    return None


@optimizer_on.register
def _(optimizer: RecurrentOptimizer, device: torch.device) -> Optimizer:
    return optimizer.with_theta({name: tensor.to(device) for name, tensor in optimizer.theta.items()})


@optimizer_on.register
def _(optimizer: ModuleOptimizer, device: torch.device) -> Optimizer:
    placed = optimizer.to(next((one.dtype for one in optimizer.module.parameters()), torch.float32))  # a copy
    placed.module.to(device)
    return placed


@optimizer_on.register
def _(optimizer: HandDesigned, device: torch.device) -> Optimizer | None:
    wrapped = isinstance(
        optimizer, TorchOptimizer | TorchTensorwise
    )  # each step sets up a class that keeps its own state
    return None if wrapped else optimizer
