"""A separate dashboard and a headless Chromium for the benchmarks."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
READY = "window.loptscope && window.loptscope.steps > 0"


def free_port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def dashboard() -> AbstractContextManager[tuple[str, float]]:
    """A dashboard with an empty cache: its address, and the seconds until it answered."""
    return served("core", "serve", "--port")


@contextmanager
def served(*command_of: str) -> Iterator[tuple[str, float]]:
    """A module that serves on the port that is its last argument: its address, and the seconds until it answered.

    Args:
        command_of: the module and its arguments, the port left out.
    """
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "LOPTSCOPE_CACHE": cache, "LOPTSCOPE_WORKERS": "0"}
        command = [sys.executable, "-m", *command_of, str(port)]
        began = time.perf_counter()
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        try:
            while True:
                try:
                    urllib.request.urlopen(f"{address}/healthz", timeout=2).close()
                    break
                except OSError:
                    if server.poll() is not None or time.perf_counter() - began > 60:
                        raise RuntimeError(f"{command_of[0]} did not start") from None
                    time.sleep(0.05)
            yield address, time.perf_counter() - began
        finally:
            server.terminate()
            server.wait(20)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    path = os.environ.get("LOPTSCOPE_CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
