"""A Redis server of a test's own on the loopback address, with the settings of compose.yaml; it can be stopped and started again."""

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.serving import ROOT, wait_for


class RedisServer:
    """The server.

    Attributes:
        url: for REDIS_URL.
    """

    def __init__(self, folder: Path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        server = os.environ.get("LOPTSCOPE_REDIS", "redis-server")
        assert shutil.which(server), "there is no redis-server: `sh tools/redis.sh` brings one"
        (composed,) = re.findall(r'command: \["redis-server", (.*)\]', (ROOT / "compose.yaml").read_text())
        settings = [part.strip().strip('"') for part in composed.split(",")]
        place = ["--port", str(self._port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        self._process = subprocess.Popen([server, *settings, *place], stdout=subprocess.DEVNULL)
        wait_for(self._answers)

    def client(self) -> Redis:
        """A client of it."""
        return Redis(port=self._port)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except (OSError, RedisError):
            return False

    def stop(self) -> None:
        """kill -9: all that it had is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
