"""Makes one measurement of a run in a process of its own, which is stopped as soon as there is a reason."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, final

from core.errors import InputError
from core.jobs import measurements, queue
from core.jobs.limits import Limits
from core.jobs.measurements import LONGEST_WORDS, ClaimedMeasurement, Kind, change, find, finish

LOOK_EVERY = 0.2  # seconds between two looks at whether to stop
GIVE_WAY_EVERY = 1.0  # seconds between two looks at whether something more important waits

log = logging.getLogger("loptscope.worker")


def _others_wait(path: Path, kind: Kind) -> bool:
    """Whether a run waits to be trained, or something that is measured before this kind."""
    before = measurements.KINDS[: measurements.KINDS.index(kind)]
    return queue.is_waiting(path.parent) or measurements.is_waiting(path.parent, before)


@final
class _Process:
    """A process that measures a run.

    Args:
        path: the run's folder.
        kind: of the measurement.
        threads: number of threads.
    """

    def __init__(self, path: Path, kind: Kind, threads: int):
        command = [sys.executable, "-m", "core.jobs.measured", kind, str(path), str(threads)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._out = self._process.stdout
        os.set_blocking(self._out.fileno(), False)
        self._arrived = b""

    def messages(self) -> list[dict[str, Any]]:
        """What it has said since the last call; if it has ended, that is the last."""
        over = self._process.poll() is not None
        self._arrived += self._out.read() or b""
        *lines, self._arrived = self._arrived.split(b"\n")
        ended = {"failed": f"its process ended with status {self._process.returncode}, possibly out of memory"}
        return [*map(_message, lines), *([ended] if over else [])]

    def close(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._out):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()


def execute(
    claimed: ClaimedMeasurement,
    *,
    leaving: Callable[[], bool] = lambda: False,
    threads: int | None = None,
    limits: Limits | None = None,
) -> None:
    """Make a measurement to its end, or until it is cancelled, its worker leaves or a run waits to be trained. Its lock is released.

    Errors are written to its request; nothing is raised.

    Args:
        claimed: the measurement.
        leaving: if True, it waits for another worker.
        threads: number of threads; by default one for each core.
        limits: the limits, of which that of time counts; by default those of the environment.
    """
    path, kind = claimed.path, claimed.kind
    log.info("%s is being %s", path.name, measurements.DOING[kind])
    try:
        process = _Process(path, kind, threads or os.cpu_count() or 1)
        try:
            _follow(process, path, kind, leaving, (limits or Limits.from_environment()).seconds)
        finally:
            process.close()
    except (OSError, InputError):
        log.exception("%s could not be %s", path.name, measurements.DOING[kind])
    claimed.lock.release()


def _follow(process: _Process, path: Path, kind: Kind, leaving: Callable[[], bool], seconds: float) -> None:
    """Write how far a measurement is, until it ends or there is a reason to stop it; then write how it ended."""
    began = looked = time.monotonic()
    while find(path, kind) is not None:  # not cancelled
        for message in process.messages():
            if "done" in message:
                finish(path, kind)
                return
            if "failed" in message:
                _fail(path, kind, str(message["failed"]))
                return
            change(path, kind, progress=str(message.get("progress", ""))[:LONGEST_WORDS])
        now = time.monotonic()
        if now - began > seconds:
            _fail(path, kind, f"stopped after {seconds:g} s, the limit of time here")
            return
        look = now - looked > GIVE_WAY_EVERY
        if leaving() or (look and _others_wait(path, kind)):
            change(path, kind, state="waiting", progress="", attempts=0)
            return
        looked = now if look else looked
        time.sleep(LOOK_EVERY)


def _fail(path: Path, kind: Kind, why: str) -> None:
    change(path, kind, state="failed", progress="", message=" ".join(why.split())[: 2 * LONGEST_WORDS])


def _message(line: bytes) -> dict[str, Any]:
    """A message; an empty one if the line is none."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
