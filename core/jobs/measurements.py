"""What is to be measured of a run after its training: its held-out evaluation, and its distillation.

A request is a file in the run's folder, ``measure-KIND.json``, so that nothing is lost with a process. Whoever deletes the file cancels the
measurement. Workers measure while no run waits to be trained, evaluations first; what a measurement finds is stored with the run, and
its request is deleted.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from core.environment import switched_on
from core.errors import ConflictError, InputError, TooManyError, UnknownError
from core.files.atomic import locked, read_json, write_json
from core.jobs.job import LATEST, SMALL
from core.runs.lock import RunLock, lock_file
from core.runs.run import Run, is_name, runs_root
from core.runs.states import STATES

Kind = Literal["evaluation", "distillation"]
KINDS: tuple[Kind, ...] = get_args(Kind)  # in the order in which they are measured
DOING: dict[Kind, str] = {"evaluation": "evaluated", "distillation": "distilled"}
VARIABLE = "LOPTSCOPE_EVALUATE"
MOST_WAITING = 16  # distillations that wait: each takes minutes
IN_VAIN = 5  # workers in a row that may die on a measurement before it fails
LOCK_FILE = ".measured"  # held by the worker that measures a run
WRITING = ".measuring"  # held while a request is written
LONGEST_WORDS = 200


class Measurement(BaseModel):
    """``measure-KIND.json``: a measurement that is to be made, or has failed.

    Attributes:
        state: whether it waits, is being made, or has failed.
        asked: time of the request, in seconds since 1970.
        progress: how far it is, in words.
        message: why it failed.
        attempts: workers that began it and did not say how it ended.
    """

    model_config = ConfigDict(extra="forbid")

    state: Literal["waiting", "running", "failed"] = "waiting"
    asked: float = Field(ge=0, le=LATEST)
    progress: str = Field(default="", max_length=LONGEST_WORDS)
    message: str = Field(default="", max_length=2 * LONGEST_WORDS)
    attempts: int = Field(default=0, ge=0, le=1000)


@dataclass(frozen=True)
class ClaimedMeasurement:
    """A measurement that a worker has taken, with the lock on its run's measurements."""

    path: Path
    kind: Kind
    lock: RunLock


def by_themselves() -> bool:
    """Whether finished runs are evaluated by themselves: LOPTSCOPE_EVALUATE, 1 by default.

    Raises:
        InputError: LOPTSCOPE_EVALUATE is neither 0 nor 1.
    """
    return switched_on(VARIABLE, default=True)


def _file(path: Path, kind: Kind) -> Path:
    return path / f"measure-{kind}.json"


def find(path: Path, kind: Kind) -> Measurement | None:
    """A run's measurement that is to be made or has failed; None without one, or if its file is damaged."""
    if not os.path.lexists(_file(path, kind)):
        return None
    try:
        return read_json(_file(path, kind), Measurement, SMALL)
    except InputError:
        return None


def find_all(kind: Kind, root: Path | None = None) -> dict[str, Measurement]:
    """All measurements of a kind that are to be made or have failed, by their runs' names, those asked for first first."""
    found = {}
    for file in (root or runs_root()).glob(f"*/measure-{kind}.json"):
        measurement = find(file.parent, kind) if is_name(file.parent.name) else None
        if measurement is not None:
            found[file.parent.name] = measurement
    return dict(sorted(found.items(), key=lambda pair: (pair[1].asked, pair[0])))


def ask(path: Path, kind: Kind) -> None:
    """Let a worker measure a run.

    Args:
        path: the folder of a run of one's own.
        kind: of the measurement.

    Raises:
        ConflictError: it is to be measured already, or is not over.
        InputError: it has no snapshot yet.
        TooManyError: too many others wait to be distilled.
        UnknownError: it was deleted in the meantime.
    """
    run = Run(path)
    if not run.snapshots():
        raise InputError(f"{run.name} has no snapshot yet")
    if not STATES[run.status().state].kept:
        raise ConflictError(f"{run.name} is {run.status().state}: it is {DOING[kind]} once it is over")
    if (
        kind == "distillation"
        and sum(one.state != "failed" for one in find_all(kind, path.parent).values()) >= MOST_WAITING
    ):
        raise TooManyError(f"{MOST_WAITING} runs wait to be distilled already: try again later", after=60)
    try:
        with locked(path / WRITING, parents=False):
            before = find(path, kind)
            if before is not None and before.state != "failed":
                raise ConflictError(f"{run.name} is being {DOING[kind]} already")
            write_json(_file(path, kind), Measurement(asked=time.time()), parents=False)
    except FileNotFoundError:
        raise UnknownError(f"there is no run {run.name}") from None


def ask_when_finished(path: Path) -> None:
    """Let a worker evaluate a run that has just finished, unless that is switched off.

    Raises:
        InputError: LOPTSCOPE_EVALUATE is invalid, or the run is damaged.
    """
    if by_themselves() and Run(path).status().state == "finished":
        try:
            ask(path, "evaluation")
        except ConflictError:
            return


def cancel(path: Path, kind: Kind) -> None:
    """Cancel a measurement; a worker that makes it stops within a second.

    Raises:
        ConflictError: it is not being made, and does not wait.
        UnknownError: the run was deleted in the meantime.
    """
    try:
        with locked(path / WRITING, parents=False):
            before = find(path, kind)
            if before is None or before.state == "failed":
                raise ConflictError(f"{path.name} is not being {DOING[kind]}")
            _file(path, kind).unlink(missing_ok=True)
    except FileNotFoundError:
        raise UnknownError(f"there is no run {path.name}") from None


def change(path: Path, kind: Kind, **changes: object) -> bool:
    """Change a measurement that is being made; False if it was cancelled, or its run deleted."""
    try:
        with locked(path / WRITING, parents=False):
            before = find(path, kind)
            if before is None:
                return False
            write_json(_file(path, kind), before.model_copy(update=changes), parents=False)
            return True
    except FileNotFoundError:
        return False


def finish(path: Path, kind: Kind) -> None:
    """The measurement is stored: nothing is to be measured any more."""
    _file(path, kind).unlink(missing_ok=True)


def is_waiting(root: Path | None = None, kinds: tuple[Kind, ...] = KINDS) -> bool:
    """Whether there is something to measure for a worker."""
    return any(_open(root, kind) for kind in kinds)


def _open(root: Path | None, kind: Kind) -> list[Path]:
    """Folders of runs whose measurements no worker makes, those asked for first first."""
    root, paths = root or runs_root(), []
    for name, measurement in find_all(kind, root).items():
        if measurement.state == "failed":
            continue
        lock = lock_file(root / name, LOCK_FILE)
        if lock is not None:
            lock.release()
            paths.append(root / name)
    return paths


def take_next(root: Path | None = None) -> ClaimedMeasurement | None:
    """Take the next measurement; None if there is none."""
    for kind in KINDS:
        for path in _open(root, kind):
            lock = lock_file(path, LOCK_FILE)
            if lock is None:
                continue
            if _begin(path, kind):
                return ClaimedMeasurement(path, kind, lock)
            lock.release()
    return None


def _begin(path: Path, kind: Kind) -> bool:
    measurement = find(path, kind)
    if measurement is None or measurement.state == "failed":
        return False
    if measurement.attempts >= IN_VAIN:
        message = f"its worker died {IN_VAIN} times, possibly out of memory"
        change(path, kind, state="failed", message=message)
        return False
    return change(path, kind, state="running", progress="", attempts=measurement.attempts + 1)
