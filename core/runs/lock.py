"""Who works on a run: one process at a time, on one machine or on many that share the folder.

A claim is an exclusive lock on ``RUN/.claim``, which the system gives back when its process dies, however that comes about. Some
network file systems do not pass locks on to other machines, so whoever works on a run also touches ``RUN/heartbeat.json``; a
heartbeat of another machine that is fresh is respected even where the lock is free. "Fresh" is told by the file system's own clock.
"""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import final

from pydantic import BaseModel, ConfigDict

from core.errors import InputError
from core.files.atomic import read_json, write_json

CLAIM = ".claim"
HEARTBEAT = "heartbeat.json"
STALE_AFTER = 30.0  # seconds without a heartbeat after which a worker on another machine is given up


class Heartbeat(BaseModel):
    """Who works on a run, or did last; the file's modification time says when.

    Attributes:
        worker: name of the worker.
        host: its machine.
        outer_step: outer steps that were saved when it began.
        in_vain: workers in a row that died before they saved any more.
    """

    model_config = ConfigDict(extra="forbid")

    worker: str
    host: str
    outer_step: int = 0
    in_vain: int = 0


@final
class RunLock:
    """The right to work on one run; lost with the process, or given up by `release`."""

    def __init__(self, path: Path, handle: int):
        self.path = path
        self._handle = handle

    def release(self) -> None:
        """Give it up; more than once does no harm."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def last_heartbeat(path: Path) -> Heartbeat | None:
    """Who worked on it last, if that can be read."""
    try:
        return read_json(path / HEARTBEAT, Heartbeat)
    except InputError:
        return None


def heartbeat_again(path: Path, worker: str) -> bool:
    """Say that a run is still being worked on; False if another worker has taken it, or it is gone."""
    found = last_heartbeat(path)
    if found is None or found.worker != worker:
        return False
    try:
        os.utime(path / HEARTBEAT)
    except OSError:
        return False
    return True


def begin_heartbeat(path: Path, heartbeat: Heartbeat) -> None:
    """Say who works on a run from now on."""
    write_json(path / HEARTBEAT, heartbeat)


def _age(path: Path) -> float:
    """Seconds since the last heartbeat by the file system's clock; infinite if there was none."""
    probe = path / CLAIM
    try:
        os.utime(probe)
        return probe.stat().st_mtime - (path / HEARTBEAT).stat().st_mtime
    except OSError:
        return float("inf")


def acquire(path: Path, stale_after: float = STALE_AFTER) -> RunLock | None:
    """Claim a run, or None if somebody works on it (or it is gone).

    Args:
        path: the run's folder.
        stale_after: seconds after which a silent worker on another machine is given up.
    """
    try:
        handle = os.open(path / CLAIM, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        same = os.fstat(handle).st_ino == (path / CLAIM).stat().st_ino  # not a folder that was removed meanwhile
    except OSError:
        os.close(handle)
        return None
    claim = RunLock(path, handle)
    heartbeat = last_heartbeat(path)
    elsewhere = heartbeat is not None and heartbeat.worker and heartbeat.host != socket.gethostname()
    if not same or (elsewhere and _age(path) < stale_after):
        claim.release()
        return None
    return claim


def end_heartbeat(path: Path) -> None:
    """Say that nobody works on a run any more."""
    (path / HEARTBEAT).unlink(missing_ok=True)


@contextmanager
def run_lock(path: Path) -> Iterator[None]:
    """Work on a run.

    Raises:
        InputError: somebody else does.
    """
    claim = acquire(path) if path.is_dir() else None
    if claim is None and path.is_dir():
        raise InputError(f"{path} is being trained by another process: pause it there first")
    try:
        yield
    finally:
        if claim is not None:
            claim.release()
