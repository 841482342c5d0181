"""The dashboard as a process of its own, that can be killed and started again."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class Serving:
    """Where the dashboard is served with a worker of its own, and what starts, kills and ends it.

    Attributes:
        address: where it answers while it is there.
    """

    def __init__(self, runs: Path, cache: Path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}"
        self._environment = {
            **os.environ,
            "LOPTSCOPE_WORKERS": "1",
            "LOPTSCOPE_RUNS": str(runs),
            "LOPTSCOPE_CACHE": str(cache),
            "OMP_NUM_THREADS": "1",
        }
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, in a process group of its own."""
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(
            [sys.executable, "-m", "core", "serve", "--port", str(self._port)],
            cwd=ROOT,
            env=self._environment,
            stderr=quiet,
            stdout=quiet,
            process_group=0,
        )
        self._started.append(process)
        return process

    def kill_server(self) -> None:
        """kill -9 the web server: the process started last and its forks, not the worker."""
        leader = self._started[-1]
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
                group = os.getpgid(int(path.parent.name))
            except OSError:
                continue
            if group == leader.pid and b"serve" in words:
                os.kill(int(path.parent.name), signal.SIGKILL)
        leader.wait(10)

    def close(self) -> None:
        """End whatever is left."""
        for process in self._started:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            process.wait(10)


def wait_for(condition: Callable[[], Any]) -> Any:
    """What a condition gives as soon as it gives something; a server that is not there yet is waited for."""
    until = time.monotonic() + 180
    while True:
        try:
            if answer := condition():
                return answer
        except OSError:
            pass
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.05)
