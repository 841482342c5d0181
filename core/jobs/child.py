"""The dashboard's own worker: a separate process that is restarted if it dies, and stopped with the dashboard."""

import os
import subprocess
import sys
import threading
import time
from typing import final

RESTART_AFTER = 1.0, 30.0  # seconds after it dies: the first time, and at most


def how_many() -> int:
    """The number of workers to start: LOPTSCOPE_WORKERS; otherwise one, or none with REDIS_URL."""
    given = os.environ.get("LOPTSCOPE_WORKERS", "")
    if given.isascii() and given.isdigit():
        return int(given)
    return 0 if os.environ.get("REDIS_URL") else 1


@final
class WorkerProcess:
    """One ``loptscope worker``, kept alive by a thread until `stop`."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self._thread = threading.Thread(target=self._keep, name="worker-keeper", daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        wait = RESTART_AFTER[0]
        while not self._over.is_set():
            began = time.monotonic()
            command = [sys.executable, "-m", "core", "worker", "--parent", str(self._owner)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
            while self._process.poll() is None and not self._over.is_set():
                self._over.wait(0.2)
            if time.monotonic() - began > RESTART_AFTER[1]:
                wait = RESTART_AFTER[0]
            self._over.wait(wait)
            wait = min(2 * wait, RESTART_AFTER[1])

    def stop(self, patience: float = 30.0) -> None:
        """Let it save its current run and exit; no effect in a forked process."""
        if os.getpid() != self._owner:
            return
        self._over.set()
        self._thread.join(5)
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
