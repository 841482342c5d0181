"""What a greedy visitor and slow connections do to others: nothing but that they take their turns."""

import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import Serving, wait_for

GREEDY, OTHER = "127.0.0.2", "127.0.0.3"
VIEWS = 24


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One dashboard for all of these, computing in a single process, so that whoever is unfair is seen to be."""
    folder: Path = tmp_path_factory.mktemp("busy")
    made = Serving(folder / "runs", folder / "cache", LOPTSCOPE_COMPUTE="1", LOPTSCOPE_WORKERS="0")
    made.start()
    made.wait()
    yield made
    made.close()


def view(seed: int, task: str = "rosenbrock") -> str:
    return f"/api/view.html?task={task}&seed={seed}"


class Greedy:
    """A visitor with many cold views at once; what is answered, in order."""

    def __init__(self, serving: Serving):
        self.answered: list[int] = []
        self._threads = [threading.Thread(target=self._ask, args=(serving, seed)) for seed in range(100, 100 + VIEWS)]
        for thread in self._threads:
            thread.start()

    def _ask(self, serving: Serving, seed: int) -> None:
        self.answered.append(serving.answer(view(seed), GREEDY)[0])

    def join(self) -> None:
        for thread in self._threads:
            thread.join()


@pytest.mark.long
def test_another_visitor_waits_for_at_most_one_view_in_progress(busy: Serving) -> None:
    busy.answer(view(0), OTHER)
    greedy = Greedy(busy)
    wait_for(lambda: len(greedy.answered) >= 2)
    before = len(greedy.answered)
    assert busy.answer(view(1), OTHER)[0] == 200
    assert len(greedy.answered) <= before + 3  # the one in progress, and those whose answer was on its way
    assert busy.ask("/healthz", OTHER)["status"] == "ok" and busy.answer("/", OTHER)[0] == 200
    assert busy.answer(view(0), OTHER)[0] == 200  # warm
    assert len(greedy.answered) < VIEWS
    greedy.join()
    assert greedy.answered == [200] * VIEWS


@pytest.mark.long
def test_more_than_may_wait_is_refused_with_a_time_to_come_back(busy: Serving) -> None:
    # Views that take long: on a busy machine dozens of others are computed while the connections are made.
    connections = [asking(busy, view(1000 + number, "two_moons"), GREEDY) for number in range(80)]
    try:
        refused: list[bytes] = []
        deadline = time.monotonic() + 60
        while len(refused) < 10 and time.monotonic() < deadline:
            for connection in select.select(connections[1:], [], [], 1)[0]:
                head = connection.recv(65536).split(b"\r\n\r\n")[0]
                refused += [head] if b" 429 " in head else []
        assert len(refused) >= 10 and all(b"Retry-After: " in head for head in refused)
        assert busy.answer(view(2), OTHER)[0] == 200
    finally:
        for connection in connections:
            connection.close()


def asking(serving: Serving, path: str, visitor: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", serving.port), 60, source_address=(visitor, 0))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection


@pytest.mark.long
def test_work_stops_when_nobody_waits(busy: Serving) -> None:
    connections = [asking(busy, view(2000 + number, "two_moons"), GREEDY) for number in range(30)]
    time.sleep(1.0)
    for connection in connections:
        connection.close()
    assert busy.answer(view(3), GREEDY)[0] == 200  # of the same visitor, in the only process


@pytest.mark.long
def test_two_hundred_slow_connections(busy: Serving) -> None:
    head = b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
    slow = []
    for number in range(200):
        connection = socket.create_connection(("127.0.0.1", busy.port), 60, source_address=(GREEDY, 0))
        connection.sendall(head if number % 2 else head + b"Content-Type: application/json\r\n\r\n{")
        slow.append(connection)
    assert busy.answer(view(0), OTHER)[0] == 200 and busy.ask("/healthz", OTHER)["status"] == "ok"
    over: set[socket.socket] = set()

    def dripped() -> bool:
        for connection in slow:
            if connection not in over:
                try:
                    connection.sendall(b"x")
                except OSError:
                    over.add(connection)
        time.sleep(0.5)
        return len(over) == len(slow)

    wait_for(dripped)  # one byte now and then does not keep a connection open


@pytest.mark.long
@pytest.mark.parametrize(
    "content, status",
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n\r\n", 413),
        (b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_is_refused_with_the_same_headers(busy: Serving, content: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", busy.port), 60) as connection:
        connection.sendall(content)
        answer = b""
        while b"}" not in answer and (part := connection.recv(65536)):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith((f"HTTP/1.1 {status} ".encode(), f"HTTP/1.0 {status} ".encode()))
    assert b"Content-Security-Policy: " in head and b"Referrer-Policy: same-origin" in head
    assert list(json.loads(body)) == ["error"]
