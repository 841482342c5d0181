"""Compile the steps of every cell ahead of time: ``python -m core.outer.kernels``. Run once on a machine; it takes seconds."""

from pathlib import Path

from core.optimizers.cells import CELLS
from core.optimizers.recurrent import Architecture, RecurrentOptimizer
from core.outer.gradient import Workers, outer_gradient
from core.seeds import Purpose, generator
from core.tasks import make_task


def main() -> None:
    """Compile everything again, since compiled code does not notice changes of the compiled code it calls."""
    for kept in Path(__file__).parent.glob("__pycache__/*.nb[ci]"):
        kept.unlink(missing_ok=True)
    load()


def load() -> None:
    """One small outer gradient with every cell, on problems with and without compiled code, in single precision.

    What was compiled before is loaded.
    """
    source = generator(Purpose.INITIALIZE, 0)
    problems = make_task("rosenbrock").sample(1, source)
    small = Architecture(units=2, output_scale=1e-3)
    for change in ({"reset": "before"}, *({"cell": cell} for cell in CELLS)):
        architecture = small.model_copy(update=change)
        optimizer = RecurrentOptimizer(architecture, architecture.initial_theta(source))
        for recompute in (False, True):  # whole unrolls in one call, and step by step
            outer_gradient(optimizer, problems, 2, 0.1, workers=Workers(1), recompute=recompute)


if __name__ == "__main__":
    main()
