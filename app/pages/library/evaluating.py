"""Evaluates runs on held-out problems in the background, one after the other."""

import threading
from pathlib import Path

from app.shared import background
from app.shared.background import Progress, say
from core.errors import ConflictError, InputError, TooManyError
from core.runs import zoo
from core.runs.run import Run

MOST = 16  # evaluations that wait


def compute_evaluation(path: str, progress: str) -> None:
    """Compare a run with the tuned baselines, score its snapshots, and store both with it.

    Args:
        path: of the run's folder.
        progress: of the `Progress`.
    """
    run = Run(Path(path))
    count, done = len(run.snapshots()), 0
    say(progress, "comparing with the tuned baselines")
    zoo.write_evaluation(run, zoo.evaluate_run(run))

    def scored(outer_step: int) -> None:
        nonlocal done
        done += 1
        say(progress, f"{done} of {count} snapshots scored")

    zoo.write_snapshot_scores(run, zoo.score_run_snapshots(run, on_snapshot=scored))


class Evaluating:
    """The evaluations that were asked for and are not over; and what went wrong with the others, until they are asked for again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[Path, Progress] = {}
        self._failed: dict[Path, str] = {}

    def start(self, path: Path) -> None:
        """Compare a run with the tuned baselines, score its snapshots, and store both with it.

        Raises:
            ConflictError: it is being evaluated already.
            InputError: it has no snapshot yet.
            TooManyError: too many others wait to be evaluated.
        """
        run = Run(path)
        if not run.snapshots():
            raise InputError(f"{run.name} has no snapshot yet")
        with self._lock:
            if path in self._open:
                raise ConflictError(f"{run.name} is being evaluated already")
            if len(self._open) >= MOST:
                raise TooManyError(f"{MOST} runs wait to be evaluated already: try again later", after=60)
            self._open[path] = Progress()
            self._failed.pop(path, None)
        threading.Thread(target=self._work, args=(run,), name="evaluation", daemon=True).start()

    def _work(self, run: Run) -> None:
        progress = self._open[run.path]
        try:
            background.run(compute_evaluation, str(run.path), progress.path)
        except (InputError, OSError, RuntimeError) as error:
            self._failed[run.path] = " ".join(str(error).split())[-200:]
        finally:
            with self._lock:
                del self._open[run.path]
            progress.close()

    def progress(self) -> dict[str, str]:
        """How far each evaluation is, in words, by the run's name."""
        return {path.name: progress.read() or "waiting" for path, progress in list(self._open.items())}

    def failures(self) -> dict[str, str]:
        """What went wrong, by the run's name."""
        return {path.name: said for path, said in list(self._failed.items())}


EVALUATING = Evaluating()
