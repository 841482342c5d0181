"""The library's rows: every trained optimizer, shipped or the user's own, with metadata that is cheap to read.

Only sums and medians of the files in a run's folder are computed. A folder is read again only when its files change.
"""

import functools
import math
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from app.shared.catalog import subjects
from core.distil.result import FILE as DISTILLED
from core.distil.store import folder_of
from core.errors import InputError, UnknownError
from core.evaluation.held_out import MetaLoss
from core.files.append_only import whole_lines
from core.files.atomic import Stamp, folder_bytes, is_settled, read_json, stamp
from core.jobs.job import SMALL, JobInfo
from core.mechanisms.ablation import ABLATIONS_FILE, TITLES, Ablations, decisive
from core.mechanisms.measures import MEASURES
from core.runs import zoo
from core.runs.label import LABEL_FILE, read_label
from core.runs.options import command_of
from core.runs.run import Run, is_name, runs_root
from core.runs.states import STATES
from core.tasks import TASKS

Kind = Literal["zoo", "own"]
CURVE, EVALUATION = "outer_loss.csv", zoo.EVALUATION_FILE
FILES = (
    "config.json",
    "status.json",
    "job.json",
    LABEL_FILE,
    CURVE,
    EVALUATION,
    ABLATIONS_FILE,
    DISTILLED,
    "snapshots",
)
POINTS = 60  # of a sparkline
LOOKED_AT = 20  # outer steps sampled for one of its points, at most
HEIGHT = 100


class _Score(BaseModel):
    meta_loss: MetaLoss
    diverged: int


class _Compared(BaseModel):
    """The parts of an ``evaluation.json`` that the library shows: no curves."""

    problems: int
    outer_step: int | None = None
    optimizers: dict[str, _Score]


def downsample(path: Path, points: int = POINTS) -> list[float | None]:
    """A run's outer loss curve as medians of equal segments; None where no sampled loss is finite.

    Args:
        path: its ``outer_loss.csv``.
        points: the largest number of segments.

    Raises:
        InputError: a sampled line is damaged.
    """
    try:
        lines = whole_lines(path, 1)
    except FileNotFoundError:
        return []
    count = min(points, len(lines))
    medians: list[float | None] = []
    for i in range(count):
        part = lines[i * len(lines) // count : (i + 1) * len(lines) // count]
        try:
            losses = [float(line.split(b",", 2)[1]) for line in part[:: math.ceil(len(part) / LOOKED_AT)]]
        except (ValueError, IndexError):
            raise InputError(f"{path} is damaged: a line has no meta-loss") from None
        finite = [loss for loss in losses if math.isfinite(loss)]
        median = statistics.median(finite) if finite else None
        medians.append(median if median is not None and math.isfinite(median) else None)
    return medians


def heights(values: Sequence[float | None], top: int = HEIGHT) -> list[int | None]:
    """A curve as whole numbers from 0 (its smallest value) to ``top`` (its largest); on a log scale if all are positive."""
    known = [value for value in values if value is not None]
    if not known:
        return [None] * len(values)
    logarithmic = min(known) > 0
    drawn = [None if value is None else math.log(value) if logarithmic else value for value in values]
    seen = [value for value in drawn if value is not None]
    low, span = min(seen), max(seen) - min(seen)
    return [None if value is None else round(top * (value - low) / span) if span else top // 2 for value in drawn]


def _curve(run: Run) -> dict[str, Any]:
    values = downsample(run.path / CURVE)
    known = [value for value in values if value is not None]
    return {
        "heights": heights(values),
        "first": known[0] if known else None,
        "last": known[-1] if known else None,
        "least": min(known, default=None),
    }


def _held_out(run: Run) -> dict[str, Any] | None:
    """The stored comparison: the run's own meta-loss, and that of the best tuned baseline."""
    if not (run.path / EVALUATION).exists():
        return None
    stored = read_json(run.path / EVALUATION, _Compared)
    own = stored.optimizers.get("learned")
    if own is None:
        return None
    baselines = {
        name: score
        for name, score in stored.optimizers.items()
        if name != "learned" and score.meta_loss.mean is not None
    }
    best = min(baselines, key=lambda name: baselines[name].meta_loss.mean or 0.0, default=None)
    return {
        **own.meta_loss.model_dump(),
        "diverged": own.diverged,
        "problems": stored.problems,
        "outer_step": stored.outer_step,
        "baseline": best,
        "baseline_mean": None if best is None else baselines[best].meta_loss.mean,
        "baseline_sem": None if best is None else baselines[best].meta_loss.sem,
    }


def _ablations(run: Run) -> Ablations | None:
    path = run.path / ABLATIONS_FILE
    return read_json(path, Ablations) if path.exists() else None


def _mechanisms(run: Run) -> dict[str, Any] | None:
    """By mechanism, the ablation that switches it off, and its ratio of meta-losses to the unmodified one with its interval (None: infinite).

    A mechanism is absent if its ablation was not run, and all are None if nothing is stored.
    """
    stored = _ablations(run)
    if stored is None:
        return None
    chosen = {name: decisive(stored, name) for name in MEASURES}
    return {
        name: {**found[1].model_dump(), "title": TITLES[found[0].name]}
        for name, found in chosen.items()
        if found is not None
    }


def _submitted(run: Run) -> float | None:
    """When a run of the user's was submitted, or its configuration written."""
    path = run.path / "job.json"
    if os.path.lexists(path):
        return read_json(path, JobInfo, SMALL).submitted
    return (run.path / "config.json").stat().st_mtime


def _entry(path: Path, kind: Kind) -> dict[str, Any]:
    """One row.

    Raises:
        InputError: a file is damaged.
        OSError: it was deleted, or cannot be read.
    """
    run = Run(path)
    config, status, label, kept = run.config, run.status(), read_label(path), run.snapshots()
    architecture = config.architecture
    return {
        "kind": kind,
        "name": run.name,
        "title": label.title,
        "note": label.note,
        "task": config.task,
        "cell": architecture.cell,
        "label": architecture.label,
        "state": status.state,
        "message": status.message,
        "outer_step": status.outer_step,
        "outer_steps": config.outer_steps,
        "diverged_problems": status.diverged_problems,
        "seconds": status.seconds,
        "origin": "shipped" if kind == "zoo" else config.provenance,
        "seed": config.seed,
        "start": None if config.start is None else config.start.model_dump(),
        "version": config.version,
        "when": _submitted(run) if kind == "own" else None,
        "parameters": sum(math.prod(shape) for shape in architecture.shapes().values()),
        "bytes": folder_bytes(path),
        "snapshots": len(kept),
        "last_snapshot": kept[-1] if kept else None,
        "curve": _curve(run),
        "held_out": _held_out(run),
        "mechanisms": _mechanisms(run),
        "distilled": any((folder / DISTILLED).exists() for folder in (folder_of(run), run.path)),
    }


@functools.lru_cache(maxsize=8192)
def _known(path: Path, kind: Kind, state: Stamp) -> dict[str, Any] | str:
    """A row, or an error message; ``state`` (of the run's files) is only part of the cache key."""
    try:
        return _entry(path, kind)
    except InputError as error:
        return str(error)


def entry(path: Path, kind: Kind) -> dict[str, Any] | str:
    """One run's row, from memory if nothing has changed; an error message if it is damaged.

    Raises:
        OSError: it was deleted.
    """
    state = stamp(path, FILES)
    return _known(path, kind, state) if is_settled(state) else _known.__wrapped__(path, kind, state)


def _rows(paths: Sequence[Path], kind: Kind, damaged: list[str]) -> list[dict[str, Any]]:
    rows = []
    for path in paths:
        try:
            row = entry(path, kind)
        except OSError:  # deleted in the meantime
            continue
        if isinstance(row, str):
            damaged.append(row)
        else:
            rows.append(row)
    return rows


def list_runs(root: Path | None = None) -> dict[str, Any]:
    """All runs, the shipped ones first, in "entries", and in "damaged" an error message for every folder that cannot be read.

    Each entry has "looks": whether the other pages list it (it is over, has a snapshot, and no shipped optimizer has its name), and "called": what
    they call it.
    """
    shipped = [item.name for item in zoo.entries()]
    own = [path.parent for path in sorted((root or runs_root()).glob("*/config.json")) if is_name(path.parent.name)]
    damaged: list[str] = []
    rows = [*_rows([zoo.ROOT / name for name in shipped], "zoo", damaged), *_rows(own, "own", damaged)]
    return {"entries": [_seen(row, shipped) for row in rows], "damaged": damaged}


def _seen(row: dict[str, Any], shipped: Sequence[str]) -> dict[str, Any]:
    over = row["snapshots"] > 0 and STATES[row["state"]].kept
    looks = over and (row["kind"] == "zoo" or row["name"] not in shipped)
    listed = subjects(row["task"]) if looks and row["task"] in TASKS else {}
    called = listed[row["name"]].title if row["name"] in listed else ""
    return {**row, "looks": looks, "called": called}


def find(kind: str, name: str, root: Path | None = None) -> Path:
    """The folder of a run.

    Raises:
        UnknownError: it does not exist.
    """
    if is_name(name):
        if kind == "zoo" and name in {item.name for item in zoo.entries()}:
            return zoo.ROOT / name
        if kind == "own" and ((root or runs_root()) / name / "config.json").is_file():
            return (root or runs_root()) / name
    raise UnknownError(f"there is no {'shipped optimizer' if kind == 'zoo' else 'run'} {name[:80]!r}")


def row_of(kind: Kind, path: Path) -> dict[str, Any]:
    """One row of `list_runs`.

    Raises:
        InputError: the run is damaged.
    """
    row = entry(path, kind)
    if isinstance(row, str):
        raise InputError(row)
    return _seen(row, [item.name for item in zoo.entries()])


def details(kind: Kind, path: Path) -> dict[str, Any]:
    """The details of a run: its row, configuration, the command that trains it again, snapshots, comparisons.

    Raises:
        InputError: the run is damaged.
    """
    row, run = row_of(kind, path), Run(path)
    scores: dict[str, Any] = {}
    if (path / EVALUATION).exists():
        stored = read_json(path / EVALUATION, _Compared).optimizers
        scores = {name: {**score.meta_loss.model_dump(), "diverged": score.diverged} for name, score in stored.items()}
    kept = _ablations(run)
    return {
        **row,
        "config": run.config.model_dump(mode="json"),
        "command": None if row["origin"] == "imported" else command_of(run.config, f"runs/{run.name}"),
        "steps": run.snapshots(),
        "scores": scores,
        "ablations": [
            {
                "title": TITLES.get(item.name, item.name),
                "median": item.median,
                "ratio": None if item.ratio is None else item.ratio.model_dump(),
                "diverged": item.diverged,
            }
            for item in (kept.ablations if kept else ())
        ],
        "without": {} if kept is None else {TITLES.get(name, name): why for name, why in kept.without.items()},
    }
