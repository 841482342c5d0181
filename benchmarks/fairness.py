"""What one visitor notices while another one asks for fifty views at once, and while two hundred connections are slow."""

import http.client
import itertools
import json
import socket
import threading
import time
from contextlib import suppress
from urllib.parse import urlsplit

from benchmarks.browser import dashboard
from benchmarks.report import Line, percentile

VIEWS = 50
SLOW = 200
GREEDY, OTHER = "127.0.0.2", "127.0.0.3"  # the addresses of two visitors
SECONDS = 8.0  # of each measurement
LINKS = itertools.count(1)  # of one view, each asked for once


def page(search: str) -> str:
    """What a browser posts for the layout of a view of Explore."""
    content = {
        "output": ".._pages_content.children..._pages_store.data..",
        "outputs": [{"id": "_pages_content", "property": "children"}, {"id": "_pages_store", "property": "data"}],
        "inputs": [
            {"id": "_pages_location", "property": "pathname", "value": "/"},
            {"id": "_pages_location", "property": "search", "value": search},
        ],
        "changedPropIds": ["_pages_location.pathname"],
    }
    return json.dumps(content)


def ask(
    address: str,
    path: str,
    visitor: str,
    body: str | None = None,
    opened: list[http.client.HTTPConnection] | None = None,
) -> tuple[int, float]:
    """The status of an answer, and the seconds it took.

    Args:
        address: of the server.
        path: what is asked for.
        visitor: the address to ask from.
        body: what is posted; None to get.
        opened: where the connection is noted, so that somebody else can close it.
    """
    parts = urlsplit(address)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, 600.0, source_address=(visitor, 0))
    if opened is not None:
        opened.append(connection)
    began = time.perf_counter()
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, time.perf_counter() - began
    finally:
        connection.close()


def measure(address: str) -> dict[str, list[float]]:
    """Seconds of one visitor's requests, one after another for a while: the health check, the frame, a warm page, a new link to it."""
    found: dict[str, list[float]] = {"health": [], "frame": [], "page": [], "link": []}
    until = time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        for name, path, body in (
            ("health", "/healthz", None),
            ("frame", "/", None),
            ("page", "/_dash-update-component", page("")),
            ("link", "/_dash-update-component", page(f"?step={next(LINKS) % 200}&speed={1 + next(LINKS) // 400}")),
        ):
            status, seconds = ask(address, path, OTHER, body)
            assert status == 200, (path, status)
            found[name].append(seconds)
        time.sleep(0.02)
    return found


class Greedy:
    """A visitor who asks for many cold views at once, until it hangs up on all of them.

    Attributes:
        answered: how many it has.
    """

    def __init__(self, address: str):
        self.answered = 0
        self._opened: list[http.client.HTTPConnection] = []
        self._threads = [threading.Thread(target=self._ask, args=(address, 100 + seed)) for seed in range(VIEWS)]
        for thread in self._threads:
            thread.start()

    def _ask(self, address: str, seed: int) -> None:
        with suppress(OSError, http.client.HTTPException, AttributeError, ValueError):
            status, _ = ask(address, f"/api/view.html?task=two_moons&seed={seed}", GREEDY, opened=self._opened)
            self.answered += status == 200

    def hang_up(self) -> None:
        """Close every connection."""
        for connection in self._opened:
            with suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()


def slow(address: str) -> list[socket.socket]:
    """Connections that send the beginning of a header, or of a body, and then one byte now and then."""
    parts = urlsplit(address)
    opened = []
    for number in range(SLOW):
        connection = socket.create_connection((parts.hostname, parts.port), 10, source_address=(GREEDY, 0))
        head = b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
        connection.sendall(head if number % 2 else head + b"\r\n{")
        opened.append(connection)
    return opened


def _line(what: str, idle: list[float], busy: list[float], share: float, bar: str) -> Line:
    ours, alone = percentile(busy, share), percentile(idle, share)
    return Line(what, f"{1000 * ours:.0f} ms", f"idle: {1000 * alone:.0f} ms", f"{ours / alone:.2f}", bar)


def run() -> list[Line]:
    """One visitor's waiting times beside another's load, as ratios to the idle server."""
    lines = []
    with dashboard() as (address, _):
        ask(address, "/api/view.html?task=two_moons&seed=0", OTHER)  # by then the processes that compute have started
        ask(address, "/_dash-update-component", OTHER, page(""))
        idle = measure(address)
        _, alone = ask(address, "/api/view.html?task=two_moons&seed=1", OTHER)
        other = Greedy(address)
        time.sleep(1.0)
        _, beside = ask(address, "/api/view.html?task=two_moons&seed=2", OTHER)
        busy = measure(address)
        answered = other.answered
        other.hang_up()
        _, after = ask(address, "/api/view.html?task=two_moons&seed=3", OTHER)
        lines += [
            _line(f"health check beside {VIEWS} cold views, p99", idle["health"], busy["health"], 0.99, "50 ms"),
            _line(f"frame of a page beside {VIEWS} cold views, p99", idle["frame"], busy["frame"], 0.99, "300 ms"),
            _line(f"warm page beside {VIEWS} cold views, p99", idle["page"], busy["page"], 0.99, "300 ms"),
            _line(f"a new link to it beside {VIEWS} cold views, p99", idle["link"], busy["link"], 0.99, "300 ms"),
            Line(
                f"first cold view beside {VIEWS}",
                f"{beside:.2f} s",
                f"idle: {alone:.2f} s",
                f"{beside / alone:.2f}",
                "one view in progress more",
            ),
            Line("the other visitor's views meanwhile", f"{answered} of {VIEWS}"),
            Line(
                "first cold view after it hung up on the rest",
                f"{after:.2f} s",
                f"idle: {alone:.2f} s",
                f"{after / alone:.2f}",
                "1",
            ),
        ]
        connections = slow(address)
        held = measure(address)
        for connection in connections:
            connection.close()
        lines += [
            _line(f"health check beside {SLOW} slow connections, p99", idle["health"], held["health"], 0.99, "50 ms"),
            _line(f"warm page beside {SLOW} slow connections, p99", idle["page"], held["page"], 0.99, "300 ms"),
        ]
    return lines
