"""Measures one run, in a process of its own: ``python -m core.jobs.measured KIND FOLDER THREADS``; a worker reads how far it is.

Every line that it prints is a message in JSON: {"progress": words}, then {"done": true} or {"failed": why}. It ends when its standard
input does, which its worker holds.
"""

import json
import os
import sys
import threading
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import TextIO

import torch

from core import plugins
from core.distil.completion import complete
from core.distil.ladder import distil
from core.distil.store import PARTIAL, write_distillation
from core.errors import FAILURES, InputError, told
from core.runs import zoo
from core.runs.run import Run

NICE = 10  # measuring leaves the processor to everything else


def _end_with(worker: TextIO) -> None:
    """End this process when the worker has ended."""
    worker.read()
    os._exit(1)


def evaluate(run: Run, say: "Say") -> None:
    """Compare a run with the tuned baselines, score its snapshots, and store both with it."""
    count, done = len(run.snapshots()), 0
    say(progress="comparing with the tuned baselines")
    evaluation = zoo.evaluate_run(run)

    def scored(outer_step: int) -> None:
        nonlocal done
        done += 1
        say(progress=f"{done} of {count} snapshots scored")

    scores = zoo.score_run_snapshots(run, on_snapshot=scored)
    zoo.write_evaluation(run, evaluation)
    zoo.write_snapshot_scores(run, scores)


class Say:
    """Prints messages."""

    def __init__(self, out: TextIO):
        self._out = out

    def __call__(self, **message: object) -> None:
        print(json.dumps(message), file=self._out, flush=True)


def main(kind: str, folder: str, threads: int) -> None:
    """Measure a run, and say how far it is."""
    with suppress(OSError):
        os.nice(NICE)
    threading.Thread(target=_end_with, args=(sys.stdin,), daemon=True).start()
    torch.set_num_threads(1)
    say = Say(sys.stdout)
    with redirect_stdout(sys.stderr):
        try:
            plugins.load_all()
            run = Run(Path(folder))
            if kind == "evaluation":
                evaluate(run, say)
            else:
                say(progress="reading its instruments")
                result = distil(
                    run,
                    workers=threads,
                    on_progress=lambda done, planned: say(progress=f"{done} of {planned} formulas trained"),
                )
                write_distillation(run, result, finished=PARTIAL)
                # what comes now takes minutes for large problems
                say(progress="all formulas trained; the best are looked at")
                write_distillation(run, complete(run, result, threads))
            say(done=True)
        except FAILURES as error:
            say(failed=told(error))
            if not isinstance(error, InputError):
                raise


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
