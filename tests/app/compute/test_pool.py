"""Processes that compute: results, errors, stops and deaths come back to whoever waits."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.compute.asker import Asker, SupersededError
from app.compute.child import Computer, EndedError, StoppedError, context
from app.compute.pool import Pool, how_many
from app.compute.turns import GoneError
from core.errors import InputError

HERE = __name__


def fine(text: str) -> bytes:
    return text.encode()


def refused() -> bytes:
    raise InputError("one sentence")


def broken() -> bytes:
    raise KeyError("a mistake")


def killed() -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


def endless(path: str) -> bytes:
    Path(path).touch()
    while True:
        time.sleep(0.1)


def process_id() -> bytes:
    return str(os.getpid()).encode()


@pytest.fixture(scope="module")
def computer() -> Iterator[Computer]:
    made = Computer(context([HERE]))
    yield made
    made.close()


def test_results_and_errors_come_back(computer: Computer) -> None:
    assert computer.run(fine, ("x",), 60) == b"x"
    with pytest.raises(InputError, match=r"^one sentence$"):
        computer.run(refused, (), 60)
    with pytest.raises(RuntimeError, match="in broken"):
        computer.run(broken, (), 60)


@pytest.mark.long
def test_whatever_is_stopped_or_dies_is_replaced(computer: Computer, tmp_path: Path) -> None:
    with pytest.raises(EndedError, match="possibly out of memory"):
        computer.run(killed, (), 60)
    asked = tmp_path / "asked"
    began = time.monotonic()
    with pytest.raises(EndedError, match="too long"):
        computer.run(endless, (str(asked),), 0.2)
    with pytest.raises(StoppedError):
        computer.run(endless, (str(asked),), 60, asked.exists)
    assert time.monotonic() - began < 60
    first = computer.run(process_id, (), 60)
    os.kill(int(first), signal.SIGKILL)  # while it has nothing to do
    time.sleep(0.1)
    with pytest.raises(EndedError):
        computer.run(process_id, (), 60)
    assert computer.run(process_id, (), 60) != first


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    made = Pool(1, [HERE])
    yield made
    made.close()


def waiting(pool: Pool, asker: Asker, path: Path) -> tuple[threading.Thread, list[BaseException]]:
    """Somebody who waits for what never ends."""
    raised: list[BaseException] = []

    def ask() -> None:
        pool.turns.enter(asker.client)
        try:
            pool.compute(f"endless {path}", endless, (str(path),), asker)
        except (GoneError, SupersededError) as error:
            raised.append(error)
        finally:
            pool.turns.leave(asker.client)

    thread = threading.Thread(target=ask)
    thread.start()
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    return thread, raised


@pytest.mark.long
def test_work_stops_when_the_client_has_gone_or_asks_for_something_newer(pool: Pool, tmp_path: Path) -> None:
    gone = threading.Event()
    thread, raised = waiting(pool, Asker("a", gone=gone.is_set), tmp_path / "1")
    gone.set()
    thread.join(10)
    assert isinstance(raised[0], GoneError)
    group = ("a tab", "figure")
    thread, raised = waiting(pool, Asker("a", group, pool.line.number(group)), tmp_path / "2")
    pool.line.number(group)
    thread.join(10)
    assert isinstance(raised[0], SupersededError)
    assert pool.compute("next", fine, ("x",), Asker("b")) == b"x"  # the only process is free again


def test_the_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPTSCOPE_COMPUTE", "3")
    assert how_many() == 3
    monkeypatch.setenv("LOPTSCOPE_COMPUTE", "many")
    with pytest.raises(InputError, match="from 1 to 64"):
        how_many()
    monkeypatch.delenv("LOPTSCOPE_COMPUTE")
    assert 2 <= how_many() <= 4
