"""Where distillations are kept: with the run they belong to, and those of shipped optimizers beside one's own runs."""

from pathlib import Path

from core.distil.result import FILE, Distillation
from core.files.atomic import read_json, write_json
from core.runs import zoo
from core.runs.run import Run, runs_root

PARTIAL = "distillation.partial.json"  # the trainings done so far, for resuming
PARTIAL_LONGER = "distillation.longer.partial.json"  # of those with a larger budget


def folder_of(run: Run) -> Path:
    """Where what is computed for a run is kept: its own folder, or for shipped ones a folder beside one's own runs."""
    shipped = run.path.resolve().parent == zoo.ROOT.resolve()
    return runs_root() / "distilled" / run.name if shipped else run.path


def is_own(run: Run) -> bool:
    """Whether a run's distillation was computed here, and is not the one that it ships with."""
    return (folder_of(run) / FILE).exists()


def find_distillation(run: Run) -> Distillation | None:
    """The stored distillation of a run's last snapshot: computed here, or shipped; None if there is none.

    Args:
        run: the run.

    Raises:
        InputError: its file is damaged.
    """
    for folder in (folder_of(run), run.path):
        if (folder / FILE).exists():
            found = read_json(folder / FILE, Distillation)
            if found.outer_step == run.snapshots()[-1]:
                return found
    return None


def write_distillation(run: Run, result: Distillation, *, with_run: bool = False, finished: str = "") -> Path:
    """Store a distillation.

    Args:
        run: its run.
        result: the distillation.
        with_run: whether to store it in a shipped run's own folder.
        finished: the file of trainings that were kept for resuming and now are part of the result: it is deleted.

    Returns:
        the file.
    """
    path = (run.path if with_run else folder_of(run)) / FILE
    write_json(path, result)
    if finished:
        (folder_of(run) / finished).unlink(missing_ok=True)
    return path
