"""The library: every trained optimizer that is here, shipped or one's own, with what is known of it and costs nothing to say.

Nothing is computed but sums and medians of what lies in the run's folder; a folder is read once for each change of its files.
"""

import functools
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from core.errors import InputError, UnknownError
from core.evaluation.held_out import MetaLoss
from core.files.append_only import whole_lines
from core.files.atomic import Stamp, folder_bytes, is_settled, read_json, stamp
from core.jobs.job import JobInfo
from core.mechanisms.ablation import ABLATIONS_FILE, TITLES, Ablations
from core.runs import zoo
from core.runs.label import LABEL_FILE, read_label
from core.runs.options import command_of
from core.runs.run import Run, is_name, runs_root
from core.runs.states import STATES

Kind = Literal["zoo", "own"]
CURVE, EVALUATION = "outer_loss.csv", "evaluation.json"
FILES = ("config.json", "status.json", "job.json", LABEL_FILE, CURVE, EVALUATION, ABLATIONS_FILE, "snapshots")
POINTS = 60  # of a sparkline
LOOKED_AT = 20  # outer steps at most behind one of them
HEIGHT = 100
MECHANISMS = {  # the re-run that says what each is worth
    "momentum": "linearised",
    "clipping": "unsaturated",
    "schedule": "frozen_start",
    "adaptation": "pinned",
}


class _Score(BaseModel):
    meta_loss: MetaLoss
    diverged: int


class _Compared(BaseModel):
    """What the library says of an ``evaluation.json``: no curves."""

    problems: int
    outer_step: int | None = None
    optimizers: dict[str, _Score]


def downsample(path: Path, points: int = POINTS) -> list[float | None]:
    """A run's outer loss curve as medians of equal stretches; None where no loss looked at was finite.

    Args:
        path: its ``outer_loss.csv``.
        points: how many stretches at most.

    Raises:
        InputError: a line that was looked at is damaged.
    """
    try:
        lines = whole_lines(path, 1)
    except FileNotFoundError:
        return []
    count = min(points, len(lines))
    found: list[float | None] = []
    for i in range(count):
        part = lines[i * len(lines) // count : (i + 1) * len(lines) // count]
        try:
            losses = [float(line.split(b",", 2)[1]) for line in part[:: math.ceil(len(part) / LOOKED_AT)]]
        except (ValueError, IndexError):
            raise InputError(f"{path} is damaged: a line holds no meta-loss") from None
        finite = [loss for loss in losses if math.isfinite(loss)]
        found.append(statistics.median(finite) if finite else None)
    return found


def heights(values: Sequence[float | None], top: int = HEIGHT) -> list[int | None]:
    """A curve as whole numbers from 0, its least value, to ``top``, its largest; in the logarithm if all are positive."""
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
    """The kept comparison: its own meta-loss, and the tuned hand-designed optimizer that did best."""
    if not (run.path / EVALUATION).exists():
        return None
    found = read_json(run.path / EVALUATION, _Compared)
    own = found.optimizers.get("learned")
    if own is None:
        return None
    baselines = {
        name: one for name, one in found.optimizers.items() if name != "learned" and one.meta_loss.mean is not None
    }
    best = min(baselines, key=lambda name: baselines[name].meta_loss.mean or 0.0, default=None)
    return {
        **own.meta_loss.model_dump(),
        "diverged": own.diverged,
        "problems": found.problems,
        "outer_step": found.outer_step,
        "baseline": best,
        "baseline_mean": None if best is None else baselines[best].meta_loss.mean,
        "baseline_sem": None if best is None else baselines[best].meta_loss.sem,
    }


def _earnings(run: Run) -> Ablations | None:
    path = run.path / ABLATIONS_FILE
    return read_json(path, Ablations) if path.exists() else None


def _ratio(means: dict[str, float | None], name: str) -> float | None:
    whole, mean = means.get("whole"), means.get(name)
    return mean / whole if whole and mean is not None else None


def _mechanisms(run: Run) -> dict[str, Any] | None:
    """By mechanism, how many times the meta-loss becomes without it (momentum: with nothing else); absent if it has no such
    re-run, null if that diverges."""
    found = _earnings(run)
    if found is None:
        return None
    means = {one.name: one.meta_loss.mean for one in found.ablations}
    return {name: _ratio(means, variant) for name, variant in MECHANISMS.items() if variant in means}


def _submitted(run: Run) -> float | None:
    """When a run of one's own came to be: submitted, or its configuration written."""
    try:
        return read_json(run.path / "job.json", JobInfo).submitted
    except InputError:
        return (run.path / "config.json").stat().st_mtime


def _entry(path: Path, kind: Kind) -> dict[str, Any]:
    """One row.

    Raises:
        InputError: a file is damaged.
        OSError: it is gone, or cannot be read.
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
    }


@functools.lru_cache(maxsize=8192)
def _known(path: Path, kind: Kind, found: Stamp) -> dict[str, Any] | str:
    """A row, or the sentence why there is none; ``found`` (of the run's files) is part of the key only."""
    try:
        return _entry(path, kind)
    except InputError as error:
        return str(error)


def entry(path: Path, kind: Kind) -> dict[str, Any] | str:
    """One run's row, from memory if nothing has changed; the sentence why there is none if it is damaged.

    Raises:
        OSError: it is gone.
    """
    found = stamp(path, FILES)
    return _known(path, kind, found) if is_settled(found) else _known.__wrapped__(path, kind, found)


def _rows(paths: Sequence[Path], kind: Kind, damaged: list[str]) -> list[dict[str, Any]]:
    rows = []
    for path in paths:
        try:
            found = entry(path, kind)
        except OSError:  # deleted this moment
            continue
        if isinstance(found, str):
            damaged.append(found)
        else:
            rows.append(found)
    return rows


def list_runs(root: Path | None = None) -> dict[str, Any]:
    """All runs, the shipped ones first: "entries", and in "damaged" a sentence for every folder that cannot be read.

    Each entry has "looks": whether the other pages list it (over, with a snapshot, and of a name that none shipped has).
    """
    shipped = [item.name for item in zoo.entries()]
    own = [path.parent for path in sorted((root or runs_root()).glob("*/config.json")) if is_name(path.parent.name)]
    damaged: list[str] = []
    rows = [*_rows([zoo.ROOT / name for name in shipped], "zoo", damaged), *_rows(own, "own", damaged)]
    return {"entries": [_seen(row, shipped) for row in rows], "damaged": damaged}


def _seen(row: dict[str, Any], shipped: Sequence[str]) -> dict[str, Any]:
    over = row["snapshots"] > 0 and STATES[row["state"]].kept
    return {**row, "looks": over and (row["kind"] == "zoo" or row["name"] not in shipped)}


def find(kind: str, name: str, root: Path | None = None) -> Path:
    """The folder of a run.

    Raises:
        UnknownError: there is none.
    """
    if is_name(name):
        if kind == "zoo" and name in {item.name for item in zoo.entries()}:
            return zoo.ROOT / name
        if kind == "own" and ((root or runs_root()) / name / "config.json").is_file():
            return (root or runs_root()) / name
    raise UnknownError(f"there is no {'shipped optimizer' if kind == 'zoo' else 'run'} {name[:80]!r}")


def one(kind: Kind, path: Path) -> dict[str, Any]:
    """One row, as in `list_runs`.

    Raises:
        InputError: the run is damaged.
    """
    found = entry(path, kind)
    if isinstance(found, str):
        raise InputError(found)
    return _seen(found, [item.name for item in zoo.entries()])


def details(kind: Kind, path: Path) -> dict[str, Any]:
    """All that is kept of one run: its row, configuration, the command that trains it again, snapshots, comparisons.

    Raises:
        InputError: the run is damaged.
    """
    row, run = one(kind, path), Run(path)
    scores: dict[str, Any] = {}
    if (path / EVALUATION).exists():
        found = read_json(path / EVALUATION, _Compared).optimizers
        scores = {name: {**score.meta_loss.model_dump(), "diverged": score.diverged} for name, score in found.items()}
    kept = _earnings(run)
    means = {} if kept is None else {item.name: item.meta_loss.mean for item in kept.ablations}
    return {
        **row,
        "config": run.config.model_dump(mode="json"),
        "command": None if row["origin"] == "imported" else command_of(run.config, f"runs/{run.name}"),
        "steps": run.snapshots(),
        "scores": scores,
        "reruns": [
            {
                "title": TITLES.get(item.name, item.name),
                **item.meta_loss.model_dump(),
                "times": _ratio(means, item.name),
                "diverged": item.diverged,
            }
            for item in (kept.ablations if kept else ())
        ],
        "without": {} if kept is None else {TITLES.get(name, name): why for name, why in kept.without.items()},
    }
