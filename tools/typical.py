"""Choose the problem that Explore opens on for each task: ``.venv/bin/python -m tools.typical [TASK ...]``.

Among the first seeds of the displayed problems it is the most typical one (`core.evaluation.typical`) for the default learned optimizer and the
baselines that Explore shows at first. The result is zoo/typical.json.
"""

import json
import sys
from dataclasses import asdict
from typing import Any

import torch

from app.shared.catalog import learned, subjects, usual_baselines
from app.shared.problem import STEPS, TYPICAL_FILE, kind_drawn, problem_of
from core.evaluation.typical import most_typical
from core.files.atomic import write_bytes
from core.meta_loss import meta_loss
from core.tasks import SHIPPED, TASKS
from core.unroll import unroll

SEEDS, LARGE_SEEDS = 100, 20  # looked at: of small problems, and of large ones
LARGE = 1000  # inner parameters


def typical(task: str) -> dict[str, Any]:
    """The seed of a task's typical problem, among how many seeds it was chosen, and what all problems of the task have in common."""
    first, *_ = learned(task).values()
    known = subjects(task)
    chosen = {first.name: first.optimizer(first.snapshots[-1])}
    chosen |= {name: known[name].optimizer(None) for name in usual_baselines(task)}
    count = LARGE_SEEDS if problem_of(task, 0).dimension > LARGE else SEEDS
    losses = {
        name: torch.cat(
            [meta_loss(unroll(one, problem_of(task, seed), STEPS, record=()).losses) for seed in range(count)]
        )
        for name, one in chosen.items()
    }
    return {"seed": most_typical(losses), "among": count, **asdict(kind_drawn(TASKS[task]))}


def main() -> None:
    """Choose for the tasks named on the command line, or for all shipped ones."""
    found = json.loads(TYPICAL_FILE.read_text()) if TYPICAL_FILE.exists() else {}
    for task in sys.argv[1:] or SHIPPED:
        found[task] = typical(task)
        print(task, found[task], flush=True)
    write_bytes(TYPICAL_FILE, (json.dumps(found, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
