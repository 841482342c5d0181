"""Compile the steps of every cell ahead of time: ``python -m core.outer.kernels``. Run once on a machine; it takes seconds.

With ``--double`` those in double precision, which only tests use, are compiled beside them.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from core.optimizers.cells import CELLS
from core.optimizers.recurrent import Architecture, RecurrentOptimizer
from core.outer.gradient import Workers, outer_gradient
from core.outer.kernels import formula
from core.outer.kernels.small import known
from core.seeds import Purpose, generator
from core.tasks import make_task


def main() -> None:
    """Compile everything again, since compiled code does not notice changes of the compiled code it calls."""
    if "--double" in sys.argv[1:]:
        for task in ("rosenbrock", "linear_regression"):
            load(task, torch.float64)
        return
    for kept in Path(__file__).parent.glob("__pycache__/*.nb[ci]"):
        kept.unlink(missing_ok=True)
    load()


def load(task: str = "rosenbrock", dtype: torch.dtype = torch.float32) -> None:
    """One small outer gradient with every cell, on problems with and without compiled code.

    What was compiled before is loaded.

    Args:
        task: whose problems are unrolled in one call.
        dtype: the precision.
    """
    source = generator(Purpose.INITIALIZE, 0)
    problems = make_task(task).sample(1, source, dtype)
    small = Architecture(units=2, output_scale=1e-3)
    for change in ({"reset": "before"}, *({"cell": cell} for cell in CELLS)):
        architecture = small.model_copy(update=change)
        theta = {name: value.to(dtype) for name, value in architecture.initial_theta(source).items()}
        optimizer = RecurrentOptimizer(architecture, theta)
        for recompute in (False, True):  # whole unrolls in one call, and step by step
            outer_gradient(optimizer, problems, 2, 0.1, workers=Workers(1), recompute=recompute)
    _load_formulas()


def _load_formulas() -> None:
    """One step of a formula, forward and back, alone and in a whole unroll; formulas are always in double precision."""
    problems = make_task("rosenbrock").sample(1, generator(Purpose.INITIALIZE, 0), torch.float64)
    task = known(problems, np.dtype(np.float64))
    at, numbers, kinds = (
        np.full((1, formula.COEFFICIENTS), 1e-3),
        np.ones(formula.NUMBERS),
        np.ones(formula.PARTS, dtype=np.int64),
    )
    x, gradients, losses, tape = (
        np.zeros((2, 1, 2)),
        np.zeros((2, 1, 2)),
        np.zeros((2, 1)),
        np.zeros((2, formula.TAPE, 2)),
    )
    formula.unroll(task, at, numbers, kinds, x, gradients, losses, tape)
    adjoints = np.zeros((1, 2)), np.zeros((formula.STATES, 2)), np.zeros((1, 2))
    totals = np.zeros((1, formula.COEFFICIENTS)), np.zeros(formula.NUMBERS)
    formula.unroll_back(
        task, at, numbers, kinds, True, 1.0, np.ones((2, 1)), x, gradients, tape, *adjoints, *totals
    )  # fmt: skip
    formula.respond(at, numbers, kinds, np.zeros((1, 2)), tape, np.zeros((2, 2)), np.zeros((1, 2)))


if __name__ == "__main__":
    main()
