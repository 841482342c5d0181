"""Run the study, or draw its figures and table again: ``.venv/bin/python -m tools.study [--figures-only]``.

Results are kept in docs/study/results.json as they come; what is there already is not measured again. The whole study takes about
half an hour of one core.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from tqdm import tqdm

from core.files.atomic import read_json, write_json
from core.runs import zoo
from tools.study import figures, words
from tools.study.measure import ARMS, SHIPPED, TASKS, Results, exact_gradient, measure_bias, measure_curve

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "study" / "results.json"
BATCHES = 16


def missing_curves(results: Results, seeds: int) -> Iterator[tuple[str, str, int]]:
    """The missing trainings: task, arm, seed."""
    done = {(curve.task, curve.arm, curve.seed) for curve in results.curves}
    every = ((task, arm, seed) for seed in range(seeds) for task in TASKS for arm in ARMS)
    return (curve for curve in every if curve not in done)


def snapshots_studied(task: str) -> tuple[int, int]:
    """An early and the last snapshot of the task's default optimizer."""
    kept = zoo.find_run(SHIPPED[task]).snapshots()
    return min(kept, key=lambda step: abs(step - 20)), kept[-1]


def main() -> None:
    """Measure what is missing, then draw."""
    parser = argparse.ArgumentParser(prog="tools.study", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="CPU time of each training (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="outer seeds (default: %(default)s)")
    parser.add_argument("--figures-only", action="store_true", help="measure nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = read_json(RESULTS, Results) if RESULTS.exists() else Results(budget=options.seconds)
    if not options.figures_only:
        for task, arm, seed in tqdm(list(missing_curves(results, options.seeds)), unit="training"):
            results.curves.append(measure_curve(task, arm, seed, results.budget))
            write_json(RESULTS, results)
        studied = {(bias.task, bias.arm, bias.outer_step) for bias in results.biases}
        for task in tqdm(TASKS, unit="task"):
            for step in snapshots_studied(task):
                left = [arm for arm in ARMS if (task, arm, step) not in studied]
                if left:
                    exact = exact_gradient(task, step, BATCHES)
                    results.biases += [measure_bias(task, arm, step, exact, BATCHES) for arm in left]
                    write_json(RESULTS, results)
    figures.draw(results)
    words.write(results)


if __name__ == "__main__":
    main()
