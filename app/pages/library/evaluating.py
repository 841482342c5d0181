"""Evaluates runs on held-out problems in the background, one after the other."""

import threading
from pathlib import Path

from core.errors import ConflictError, InputError
from core.runs import zoo
from core.runs.run import Run


class Evaluating:
    """The evaluations that were asked for and are not over; and what went wrong with the others, until they are asked for again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turn = threading.Lock()  # one at a time: each takes a processor for seconds or minutes
        self._said: dict[Path, str] = {}
        self._failed: dict[Path, str] = {}

    def start(self, path: Path) -> None:
        """Compare a run with the tuned baselines, score its snapshots, and store both with it.

        Raises:
            ConflictError: it is being evaluated already.
            InputError: it has no snapshot yet.
        """
        run = Run(path)
        if not run.snapshots():
            raise InputError(f"{run.name} has no snapshot yet")
        with self._lock:
            if path in self._said:
                raise ConflictError(f"{run.name} is being evaluated already")
            self._said[path] = "waiting"
            self._failed.pop(path, None)
        threading.Thread(target=self._work, args=(run,), name="evaluation", daemon=True).start()

    def _work(self, run: Run) -> None:
        count = len(run.snapshots())
        try:
            with self._turn:
                self._said[run.path] = "comparing with the tuned baselines"
                zoo.write_evaluation(run, zoo.evaluate_run(run))
                done = 0

                def scored(outer_step: int) -> None:
                    nonlocal done
                    done += 1
                    self._said[run.path] = f"{done} of {count} snapshots scored"

                zoo.write_snapshot_scores(run, zoo.score_run_snapshots(run, on_snapshot=scored))
        except (InputError, OSError, RuntimeError) as error:
            self._failed[run.path] = " ".join(str(error).split())[:200]
        finally:
            with self._lock:
                del self._said[run.path]

    def progress(self) -> dict[str, str]:
        """How far each evaluation is, in words, by the run's name."""
        return {path.name: said for path, said in list(self._said.items())}

    def failures(self) -> dict[str, str]:
        """What went wrong, by the run's name."""
        return {path.name: said for path, said in list(self._failed.items())}


EVALUATING = Evaluating()
