"""Optimizers in double precision, which analysis needs."""

from __future__ import annotations

from functools import singledispatch

from core.optimizers.base import Optimizer


@singledispatch
def double(optimizer: Optimizer) -> Optimizer:
    """The optimizer with its weights in float64; an optimizer without weights follows its states' precision.

    A class with weights registers its own way beside itself.
    """
    return optimizer
