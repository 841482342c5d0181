"""The trash: deleted runs are kept for a while in a hidden folder beside the others, and can be restored.

    RUNS/.bin/MILLISECONDS-NAME/    a run's folder, with the time of its deletion (since 1970)

A run moves in and out with a single rename, so it is always complete and in one place.
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

TRASH = ".bin"
DAYS = 30  # that a run stays in the trash
DAY = 24 * 3600


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


def _state(path: Path) -> str:
    try:
        return Run(path).status().state
    except InputError:
        return "damaged"


def move_to_trash(path: Path) -> str:
    """Move a run to the trash; returns the id that `restore` takes.

    Raises:
        UnknownError: it does not exist.
        ConflictError: it is waiting or being trained.
    """
    lock = acquire(path)
    if lock is None:
        if not path.is_dir():
            raise UnknownError(f"there is no run {path.name}")
        raise ConflictError(f"{path.name} is being trained: cancel or stop it before you delete it")
    try:
        state = _state(path)
        if state in ("queued", "running"):
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
    return sum(_parts(path.name) is not None for path in (root or runs_root()).joinpath(TRASH).glob("*"))


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


def empty(root: Path | None = None, *, older_than: float = 0.0) -> int:
    """Permanently remove the runs in the trash; returns how many.

    Args:
        root: the folder of runs.
        older_than: minimum time in the trash, in seconds.
    """
    removed = 0
    for path in (root or runs_root()).joinpath(TRASH).glob("*"):
        parts = _parts(path.name)
        if parts is not None and time.time() - parts[0] >= older_than:
            with suppress(OSError):
                purge(path, root or runs_root())
                removed += 1
    return removed


def expire(root: Path | None = None) -> int:
    """Permanently remove runs that have been in the trash for `DAYS`."""
    return empty(root, older_than=DAYS * DAY)


def purge(path: Path, root: Path) -> None:
    """Permanently remove a run's folder."""
    doomed = root / f".gone-{path.name}-{secrets.token_hex(3)}"
    path.rename(doomed)  # it disappears at once for everyone
    shutil.rmtree(doomed, ignore_errors=True)
