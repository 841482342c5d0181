"""Deleted runs: they are kept for a while in a hidden folder beside the others, from where they can be put back.

    RUNS/.bin/MILLISECONDS-NAME/    a run's folder as it was, by when it was deleted (since 1970)

A run moves in and out by one rename, so it is always in one place, whole.
"""

import re
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel

from core.errors import ConflictError, InputError, UnknownError
from core.files.atomic import folder_bytes
from core.runs.label import read_label
from core.runs.lock import acquire
from core.runs.run import Run, is_name, runs_root

BIN = ".bin"
DAYS = 30  # that a run stays in the bin
DAY = 24 * 3600


class Deleted(BaseModel):
    """A run in the bin.

    Attributes:
        id: what it is put back by.
        name: that it had, and will have again.
        title: its display title, "" without one.
        deleted: when, seconds since 1970.
        bytes: on disk.
    """

    id: str
    name: str
    title: str
    deleted: float
    bytes: int


def _parts(identity: str) -> tuple[float, str] | None:
    """When and what was deleted, or None if it is no id."""
    found = re.fullmatch(r"(\d{13})-(.+)", identity, re.ASCII)
    return (int(found[1]) / 1000, found[2]) if found and is_name(found[2]) else None


def _state(path: Path) -> str:
    try:
        return Run(path).status().state
    except InputError:
        return "damaged"


def move_to_trash(path: Path) -> str:
    """Move a run into the bin; the id that `restore` takes.

    Raises:
        UnknownError: there is none.
        ConflictError: it waits or is being trained.
    """
    claim = acquire(path)
    if claim is None:
        if not path.is_dir():
            raise UnknownError(f"there is no run {path.name}")
        raise ConflictError(f"{path.name} is being trained: cancel or stop it before you delete it")
    try:
        state = _state(path)
        if state in ("queued", "running"):
            raise ConflictError(f"{path.name} is {state}: cancel or stop it before you delete it")
        folder = path.parent / BIN
        folder.mkdir(exist_ok=True)
        moment = time.time_ns() // 10**6
        while (folder / f"{moment}-{path.name}").exists():
            moment += 1
        path.rename(folder / f"{moment}-{path.name}")
    finally:
        claim.release()
    return f"{moment}-{path.name}"


def deleted(root: Path | None = None) -> list[Deleted]:
    """What is in the bin, the last one deleted first."""
    found = []
    for path in (root or runs_root()).joinpath(BIN).glob("*"):
        parts = _parts(path.name)
        if parts is not None:
            with suppress(OSError):  # put back this moment
                size, title = folder_bytes(path), read_label(path).title
                found.append(Deleted(id=path.name, name=parts[1], title=title, deleted=parts[0], bytes=size))
    return sorted(found, key=lambda one: one.deleted, reverse=True)


def count(root: Path | None = None) -> int:
    """How many runs are in the bin."""
    return sum(_parts(path.name) is not None for path in (root or runs_root()).joinpath(BIN).glob("*"))


def restore(identity: str, root: Path | None = None) -> Path:
    """Take a run out of the bin again; its folder.

    Raises:
        UnknownError: it is not in the bin.
        ConflictError: there is a run of its name by now.
    """
    root = root or runs_root()
    parts = _parts(identity)
    if parts is None or not (root / BIN / identity).is_dir():
        raise UnknownError(f"there is no {identity[:80]!r} in the bin")
    path = root / parts[1]
    if path.exists():
        raise ConflictError(f"there is another run {parts[1]} by now: delete that one first")
    try:
        (root / BIN / identity).rename(path)
    except FileNotFoundError:
        raise UnknownError(f"there is no {identity[:80]!r} in the bin any more") from None
    return path


def empty(root: Path | None = None, *, older_than: float = 0.0) -> int:
    """Remove what is in the bin for good; how many runs that were.

    Args:
        root: the folder of runs.
        older_than: seconds that a run must have been in the bin.
    """
    removed = 0
    for path in (root or runs_root()).joinpath(BIN).glob("*"):
        parts = _parts(path.name)
        if parts is not None and time.time() - parts[0] >= older_than:
            with suppress(OSError):
                purge(path, root or runs_root())
                removed += 1
    return removed


def expire(root: Path | None = None) -> int:
    """Remove for good what has been in the bin for longer than it is kept."""
    return empty(root, older_than=DAYS * DAY)


def purge(path: Path, root: Path) -> None:
    """Remove a run's folder with everything in it, for good."""
    grave = root / f".gone-{path.name}-{secrets.token_hex(3)}"
    path.rename(grave)  # at once, for everybody who looks
    shutil.rmtree(grave, ignore_errors=True)
