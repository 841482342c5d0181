"""The dashboard as a process of its own, that can be killed and started again."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class Serving:
    """Where the dashboard is served with a worker of its own, and what starts, kills and ends it.

    Attributes:
        address: where it answers while it is there.
        port: the port of that address.
    """

    def __init__(self, runs: Path, cache: Path, **environment: str):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._environment = {
            **os.environ,
            "LOPTSCOPE_WORKERS": "1",
            "LOPTSCOPE_RUNS": str(runs),
            "LOPTSCOPE_CACHE": str(cache),
            "OMP_NUM_THREADS": "1",
            **environment,
        }
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, in a process group of its own."""
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(
            [sys.executable, "-m", "core", "serve", "--port", str(self.port)],
            cwd=ROOT,
            env=self._environment,
            stderr=quiet,
            stdout=quiet,
            process_group=0,
        )
        self._started.append(process)
        return process

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            AssertionError: it has ended, or never does.
        """

        def there() -> bool:
            ended = self._started[-1].poll()
            assert ended is None, f"it ended with status {ended}; perhaps another process has taken port {self.port}"
            return bool(self.ask("/healthz"))

        wait_for(there)

    def ask(
        self, path: str, visitor: str = "127.0.0.1", body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        """The JSON of an answer.

        Args:
            path: what is asked for.
            visitor: the address to ask from.
            body: what is posted as JSON; None to get.
            headers: of the request.

        Raises:
            OSError: there is no answer.
        """
        status, content = self.answer(path, visitor, body, headers)
        assert status < 400, (path, status, content[:300])
        return json.loads(content)

    def answer(
        self, path: str, visitor: str = "127.0.0.1", body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """The status and the content of an answer; the arguments are those of `ask`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, 300, source_address=(visitor, 0))
        try:
            content = None if body is None else json.dumps(body)
            kind = {} if body is None else {"Content-Type": "application/json"}
            connection.connect()
            if (
                connection.sock.getsockname() == connection.sock.getpeername()
            ):  # nobody listens, and our port is the same
                raise ConnectionRefusedError("connected to itself")
            connection.request("GET" if body is None else "POST", path, content, {**kind, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def kill_worker(self) -> None:
        """kill -9 the worker."""
        self._kill(b"worker")

    def kill_server(self) -> None:
        """kill -9 the web server; what it has forked ends by itself, and the worker goes on."""
        self._kill(b"serve")
        self._started[-1].wait(10)

    def _kill(self, word: bytes) -> None:
        """kill -9 the processes of the group with a word in their command."""
        for process in self.processes(word):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def processes(self, word: bytes) -> list[int]:
        """The processes of the group with a word in their command."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command, group = path.read_bytes(), os.getpgid(int(path.parent.name))
            except OSError:
                continue
            if group in {process.pid for process in self._started} and word in command.replace(b"\0", b" ").split(b" "):
                found.append(int(path.parent.name))
        return found

    def memory(self) -> float:
        """Bytes of the memory of the server and its processes; what they share counts once."""
        total = 0
        for path in Path("/proc").glob("[0-9]*/smaps_rollup"):
            try:
                if os.getpgid(int(path.parent.name)) == self._started[-1].pid:
                    total += next(
                        int(line.split()[1]) for line in path.read_text().splitlines() if line.startswith("Pss:")
                    )
            except (OSError, StopIteration):  # ended just now
                continue
        return 1024.0 * total

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
        except (
            OSError,
            http.client.HTTPException,
        ):  # the latter from a connection to itself, on a port where nobody listens yet
            pass
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.05)
