"""The run lock: one process at a time works on a run, on one machine or on several that share the folder.

The lock is an exclusive lock on ``RUN/.claim``, which the operating system releases when the process dies, for whatever reason. Some
network file systems do not share locks between machines, so a process that works on a run also touches ``RUN/heartbeat.json``. A
fresh heartbeat from another machine is respected even if the lock is free. Freshness is measured by the file system's own clock.
"""

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import final

from pydantic import BaseModel, ConfigDict, Field

from core.errors import InputError
from core.files.atomic import read_json, write_json

LOCK_FILE = ".claim"
HEARTBEAT = "heartbeat.json"
LEAVING = 3.0  # seconds in which a process lets a run go whose state it has written
STALE_AFTER = 30.0  # seconds without a heartbeat after which a worker on another machine is considered dead


class Heartbeat(BaseModel):
    """The process that works on a run, or was the last to; the file's modification time is the time of the heartbeat.

    Attributes:
        worker: name of the worker.
        host: its machine.
        outer_step: outer steps that were saved when it began.
        in_vain: number of workers in a row that died without saving progress.
    """

    model_config = ConfigDict(extra="forbid")

    worker: str = Field(max_length=300)
    host: str = Field(max_length=300)
    outer_step: int = Field(default=0, ge=0, le=1_000_000)
    in_vain: int = Field(default=0, ge=0, le=1_000)


@final
class RunLock:
    """The lock on one run; released by `release` or when the process ends."""

    def __init__(self, path: Path, handle: int):
        self.path = path
        self._handle = handle

    def release(self) -> None:
        """Release the lock; calling it again is harmless."""
        if self._handle >= 0:
            fcntl.flock(
                self._handle, fcntl.LOCK_UN
            )  # closing is not enough while a forked process has the file open, too
            os.close(self._handle)
            self._handle = -1


def last_heartbeat(path: Path) -> Heartbeat | None:
    """The last heartbeat; None if it is missing or damaged."""
    try:
        return read_json(path / HEARTBEAT, Heartbeat, 64 * 1024)
    except InputError:
        return None


def heartbeat_again(path: Path, worker: str) -> bool:
    """Renew the heartbeat of a run; False if another worker has taken the run, or it was deleted."""
    heartbeat = last_heartbeat(path)
    if heartbeat is None or heartbeat.worker != worker:
        return False
    try:
        os.utime(path / HEARTBEAT)
    except OSError:
        return False
    return True


def begin_heartbeat(path: Path, heartbeat: Heartbeat) -> None:
    """Write the first heartbeat of a worker."""
    write_json(path / HEARTBEAT, heartbeat)


def _age(path: Path) -> float:
    """Seconds since the last heartbeat, by the file system's clock; infinite if there was none."""
    probe = path / LOCK_FILE
    try:
        os.utime(probe)
        return probe.stat().st_mtime - (path / HEARTBEAT).stat().st_mtime
    except OSError:
        return float("inf")


def lock_file(path: Path, name: str) -> RunLock | None:
    """Lock a file in a run's folder; None if another process has locked it, or the run was deleted."""
    try:
        handle = os.open(path / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        same = (
            os.fstat(handle).st_ino == (path / name).stat().st_ino
        )  # the folder may have been removed in the meantime
    except OSError:
        os.close(handle)
        return None
    lock = RunLock(path, handle)
    if not same:
        lock.release()
        return None
    return lock


def acquire(path: Path, stale_after: float = STALE_AFTER) -> RunLock | None:
    """Lock a run; None if another process works on it, or it was deleted.

    Args:
        path: the run's folder.
        stale_after: seconds after which a silent worker on another machine is considered dead.
    """
    lock = lock_file(path, LOCK_FILE)
    if lock is None:
        return None
    heartbeat = last_heartbeat(path)
    elsewhere = heartbeat is not None and heartbeat.worker and heartbeat.host != socket.gethostname()
    if elsewhere and _age(path) < stale_after:
        lock.release()
        return None
    return lock


def acquire_once_left(path: Path, left: Callable[[], bool]) -> RunLock | None:
    """Lock a run; None if another process works on it, or it was deleted.

    A process that leaves a run writes its state, then lets it go; one that looks at a run holds it for a moment. Both are waited for.

    Args:
        path: the run's folder.
        left: whether the process that holds the run is about to let it go; asked again and again, for at most LEAVING seconds.
    """
    until = time.monotonic() + LEAVING
    while (lock := acquire(path)) is None and path.is_dir() and left() and time.monotonic() < until:
        time.sleep(0.02)
    return lock


def end_heartbeat(path: Path) -> None:
    """Remove the heartbeat of a run."""
    (path / HEARTBEAT).unlink(missing_ok=True)


@contextmanager
def run_lock(path: Path) -> Iterator[None]:
    """Hold the lock on a run.

    Raises:
        InputError: another process holds it.
    """
    lock = acquire(path) if path.is_dir() else None
    if lock is None and path.is_dir():
        raise InputError(f"{path} is being trained by another process: pause it there first")
    try:
        yield
    finally:
        if lock is not None:
            lock.release()
