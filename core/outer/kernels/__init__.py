"""Compiled steps of every cell, forward and back: what makes outer training fast.

Each cell is a module with ``TAPE`` (how many vectors of ``units`` its forward step keeps for the way back), ``prepare``,
``forward`` and ``backward``; all work on NumPy arrays, in single or double precision. numba compiles them at their first
use on a machine (seconds) and keeps the result on disk (a tenth of a second from then on); ``python -m core.outer.kernels`` does so
ahead of time. No compiler is needed. `whole` runs all steps of an unroll in one call where `small` knows the problems.
"""

from types import ModuleType

from core.optimizers.recurrent import Architecture
from core.outer.kernels import gru, gru_reset_before, lstm, vanilla


def kernel_of(architecture: Architecture) -> ModuleType:
    """The module with the compiled steps of an architecture's cell."""
    if architecture.cell == "gru":
        return {"after": gru, "before": gru_reset_before}[architecture.reset]
    return {"lstm": lstm, "vanilla": vanilla}[architecture.cell]
