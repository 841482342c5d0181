"""Optimizers: learned and hand-designed ones with one interface."""

from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import CALIBRATION, HAND_DESIGNED, HandDesigned, make_hand_designed
from core.optimizers.recurrent import Architecture, RecurrentOptimizer

__all__ = [
    "CALIBRATION",
    "HAND_DESIGNED",
    "Architecture",
    "HandDesigned",
    "Optimizer",
    "RecurrentOptimizer",
    "make_hand_designed",
]
