"""Waiting for a quiet moment: what loads torch is left until the first visitor has seen the page."""

import threading
import time
from typing import final

from flask import Flask, request

UNVISITED = 5.0  # seconds after which it is quiet if nobody has come
SILENCE = 1.5  # seconds without a request that count as quiet
LONGEST = 15.0  # seconds after which nothing is waited for any more


@final
class Quiet:
    """When the requests of a server come.

    Args:
        server: the application.
        cheap: beginnings of paths whose requests do not count as a visit.
    """

    def __init__(self, server: Flask, cheap: tuple[str, ...]):
        self._visited = threading.Event()
        self._last = time.monotonic()

        @server.teardown_request
        def note(_: BaseException | None) -> None:
            self._last = time.monotonic()
            if not request.path.startswith(cheap):
                self._visited.set()

    def wait(self) -> None:
        """Wait until the first visitor has been served, or nobody has come for a while."""
        until = time.monotonic() + LONGEST
        self._visited.wait(UNVISITED)
        while self._visited.is_set() and time.monotonic() < until:
            left = self._last + SILENCE - time.monotonic()
            if left <= 0:
                return
            time.sleep(left)
