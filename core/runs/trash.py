"""The trash: deleted runs are kept for a while in a hidden folder beside the others, and can be restored.

    RUNS/.bin/MILLISECONDS-NAME/    a run's folder, with the time of its deletion (since 1970)
    RUNS/.bin/.kept.json            how long each has been seen there

A run moves in and out with a single rename, so it is always complete and in one place. Nothing is removed because a clock says so:
`expire` adds up the time in which it saw a run in the trash, at most `LONGEST_STEP` between two looks, and removes a run that it
has seen there for `DAYS`. A clock that jumps, or a server that was off, only keeps a run longer.
"""

import logging
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import final

from pydantic import BaseModel, ConfigDict, Field

from core.errors import ConflictError, InputError, UnknownError
from core.files.atomic import folder_bytes, locked, read_json, write_json
from core.runs.label import read_label
from core.runs.lock import acquire_once_left
from core.runs.run import Run, is_name, runs_root
from core.runs.states import STATES, State

TRASH = ".bin"
DAYS = 30  # that a run stays in the trash
DAY = 24 * 3600
LOOK_EVERY = 3600.0  # seconds between two calls of `expire`
LONGEST_STEP = 2 * LOOK_EVERY  # seconds that one call counts at most
KEPT = ".kept.json"

log = logging.getLogger("loptscope.trash")


class Deleted(BaseModel):
    """A run in the trash.

    Attributes:
        id: what `restore` takes.
        name: its name before, and after it is restored.
        title: its display title, "" without one.
        deleted: time of the deletion, in seconds since 1970.
        bytes: on disk.
    """

    id: str
    name: str
    title: str
    deleted: float
    bytes: int


def _parts(identity: str) -> tuple[float, str] | None:
    """The time and the name in an id; None if it is not an id."""
    match = re.fullmatch(r"(\d{13})-(.+)", identity, re.ASCII)
    return (int(match[1]) / 1000, match[2]) if match and is_name(match[2]) else None


def _state(path: Path) -> State | None:
    """A run's state; None if its status is damaged, and for a recording, which has none."""
    try:
        return Run(path).status().state
    except InputError:
        return None


def _left(path: Path) -> bool:
    """Whether a run's state says that nobody works on it any more."""
    state = _state(path)
    return state is not None and STATES[state].deletable


def move_to_trash(path: Path) -> str:
    """Move a run to the trash; returns the id that `restore` takes.

    Raises:
        UnknownError: it does not exist.
        ConflictError: it is waiting or being trained.
    """
    lock = acquire_once_left(path, lambda: _left(path))
    if lock is None:
        if not path.is_dir():
            raise UnknownError(f"there is no run {path.name}")
        raise ConflictError(f"{path.name} is being trained: cancel or stop it before you delete it")
    try:
        state = _state(path)
        if state is not None and not STATES[state].deletable:
            raise ConflictError(f"{path.name} is {state}: cancel or stop it before you delete it")
        folder = path.parent / TRASH
        folder.mkdir(exist_ok=True)
        moment = time.time_ns() // 10**6
        while (folder / f"{moment}-{path.name}").exists():
            moment += 1
        path.rename(folder / f"{moment}-{path.name}")
    finally:
        lock.release()
    return f"{moment}-{path.name}"


def deleted(root: Path | None = None) -> list[Deleted]:
    """The runs in the trash, the last deleted first."""
    runs = []
    for path in (root or runs_root()).joinpath(TRASH).glob("*"):
        parts = _parts(path.name)
        if parts is not None:
            with suppress(OSError):  # restored in the meantime
                size, title = folder_bytes(path), read_label(path).title
                runs.append(Deleted(id=path.name, name=parts[1], title=title, deleted=parts[0], bytes=size))
    return sorted(runs, key=lambda run: run.deleted, reverse=True)


def count(root: Path | None = None) -> int:
    """The number of runs in the trash."""
    return len(_inside(root or runs_root()))


def restore(identity: str, root: Path | None = None) -> Path:
    """Move a run out of the trash; returns its folder.

    Raises:
        UnknownError: it is not in the trash.
        ConflictError: another run has its name now.
    """
    root = root or runs_root()
    parts = _parts(identity)
    if parts is None or not (root / TRASH / identity).is_dir():
        raise UnknownError(f"there is no {identity[:80]!r} in the trash")
    path = root / parts[1]
    if path.exists():
        raise ConflictError(f"another run is named {parts[1]} now: delete that one first")
    try:
        (root / TRASH / identity).rename(path)
    except FileNotFoundError:
        raise UnknownError(f"{identity[:80]!r} is no longer in the trash") from None
    return path


def empty(root: Path | None = None) -> int:
    """Permanently remove the runs in the trash; returns how many."""
    return _remove([path for path, _ in _inside(root or runs_root())], root or runs_root())


def _inside(root: Path) -> list[tuple[Path, float]]:
    """The runs in the trash, each with the time of its deletion."""
    found = ((path, _parts(path.name)) for path in (root / TRASH).glob("*"))
    return [(path, parts[0]) for path, parts in found if parts is not None]


def _remove(paths: Iterable[Path], root: Path) -> int:
    removed = 0
    for path in paths:
        with suppress(OSError):
            purge(path, root)
            removed += 1
    return removed


class _Seen(BaseModel):
    """How long a run has been seen in the trash, and when it was last seen, in seconds."""

    model_config = ConfigDict(extra="forbid")

    kept: float = Field(default=0.0, ge=0)
    last: float = Field(ge=0)


class _Ledger(BaseModel):
    """``.kept.json``: what `expire` has seen, by id."""

    model_config = ConfigDict(extra="forbid")

    runs: dict[str, _Seen] = Field(default_factory=dict)


def expire(root: Path | None = None) -> int:
    """Permanently remove runs that have been seen in the trash for `DAYS`; to be called every `LOOK_EVERY`. Returns how many."""
    root = root or runs_root()
    if not (root / TRASH).is_dir():
        return 0
    with locked(root / TRASH / ".lock"):
        now, path = time.time(), root / TRASH / KEPT
        try:
            before = read_json(path, _Ledger).runs
        except InputError:  # the first look, or damaged: begin to count
            before = {}
        seen: dict[str, _Seen] = {}
        doomed = []
        for folder, deleted_at in _inside(root):
            known = before.get(folder.name, _Seen(last=now))
            kept = known.kept + min(max(now - known.last, 0.0), LONGEST_STEP)
            if kept >= DAYS * DAY and now - deleted_at >= DAYS * DAY:
                doomed.append(folder)
            else:
                seen[folder.name] = _Seen(kept=kept, last=now)
        removed = _remove(doomed, root)
        write_json(path, _Ledger(runs=seen))
    return removed


@final
class Keeper:
    """A thread that calls `expire` every `LOOK_EVERY` until it is stopped."""

    def __init__(self, root: Path | None = None):
        self._root = root
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="trash", daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            try:
                expire(self._root)
            except OSError as error:  # a full disk, for example: next time
                log.warning("the trash was not looked at: %s", error)

    def stop(self) -> None:
        """Stop looking."""
        self._over.set()
        self._thread.join()


def purge(path: Path, root: Path) -> None:
    """Permanently remove a run's folder."""
    doomed = root / f".gone-{path.name}-{secrets.token_hex(3)}"
    path.rename(doomed)  # it disappears at once for everyone
    shutil.rmtree(doomed, ignore_errors=True)
