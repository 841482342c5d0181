"""How far should a formula's adjoints be clipped? Prints the answer for a learned optimizer's task.

The gradient of the meta-loss at the start from the best tuned optimizer, with adjoints clipped at several norms, beside the slope by central
differences over steps of a training's size: ``.venv/bin/python -m tools.formula_adjoints rosenbrock-gru64 --problems 64`` and
``two_moons-gru24-scales --problems 8``, a minute each.
"""

import argparse

import numpy as np
import torch

from core.distil.compiled import losses_of, meta_gradient
from core.distil.imitation import lesson_of
from core.distil.ladder import rungs, whole
from core.distil.scales import to_raw, values_of
from core.distil.starts import sizes_of, tuned_starts
from core.distil.training import training_problems
from core.meta_loss import meta_loss
from core.optimizers.formula import Formula
from core.runs import zoo
from core.tasks import lighter_parameters, make_task

STEPS, NUDGE = 200, 0.05
NORMS = (None, 1.0, 0.1, 0.03, 0.01, 0.003, 0.001)


def main() -> None:
    """Print the cosine, and the ratio of norms, for every clip."""
    parser = argparse.ArgumentParser(prog="tools.formula_adjoints", description=__doc__)
    parser.add_argument("name", help="of a shipped optimizer")
    parser.add_argument("--problems", type=int, default=64, help="that are trained on")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    run = zoo.find_run(arguments.name)
    task = make_task(run.config.task)
    structure = whole("tanh").only(rungs()[5])
    start = tuned_starts(structure, task.name, sizes_of(lesson_of(run.optimizer(), task)))[-1]
    raw = to_raw(structure, start)
    lighter = make_task(task.name, dict(lighter_parameters(task.name)))
    problems = training_problems(lighter, 5, 1, arguments.problems, arguments.problems)

    def loss(at: np.ndarray) -> float:
        return float(meta_loss(losses_of(Formula(structure, values_of(structure, at)), problems, STEPS)).mean())

    steps = NUDGE * np.eye(len(raw))
    slope = np.array([(loss(raw + step) - loss(raw - step)) / (2 * NUDGE) for step in steps])
    print("adjoints clipped at   cosine   ratio of norms")
    for norm in NORMS:
        gradient = meta_gradient(structure, raw, problems, STEPS, norm).gradient.numpy()
        ratio = np.linalg.norm(gradient) / np.linalg.norm(slope)
        print(
            f"{norm or 'none':>19}   {gradient @ slope / np.linalg.norm(slope) ** 2 / ratio:6.2f}   {ratio:.3g}",
            flush=True,
        )


if __name__ == "__main__":
    main()
