"""The processes that compute for the pages, and those who wait for them."""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, final

from app.compute.asker import Asker, SupersededError
from app.compute.child import Computer, EndedError, StoppedError, context
from app.compute.line import Line, Place
from app.compute.turns import GoneError, Turns
from core.errors import InputError

LONGEST = 300.0  # seconds that a view may be computed
LOOK_EVERY = 0.1  # seconds between two looks at whether a client is still there
VARIABLE = "LOPTSCOPE_COMPUTE"

log = logging.getLogger("loptscope.compute")


def how_many() -> int:
    """The number of processes that compute: LOPTSCOPE_COMPUTE; otherwise one for each core, two to four."""
    given = os.environ.get(VARIABLE, "")
    if given.isascii() and given.isdigit() and 1 <= int(given) <= 64:
        return int(given)
    if given:
        raise InputError(f"{VARIABLE} must be a whole number from 1 to 64")
    return min(4, max(2, os.cpu_count() or 2))


@final
class Pool:
    """Processes that compute, each with a thread that hands it one job after another; they begin with `begin` or the first job.

    Args:
        count: number of processes.
        preload: modules that they need.

    Attributes:
        line: what is to be computed.
        turns: whose requests are being worked on.
    """

    def __init__(self, count: int, preload: Sequence[str]):
        self.line = Line(slots=count)
        self.turns = Turns()
        self._context = context(preload)
        self._begun, self._over = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._work, name=f"compute-{i}", daemon=True) for i in range(count)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        self._begun.wait()
        if self._over.is_set():
            return
        computer = Computer(self._context)
        while (job := self.line.take()) is not None:
            result: bytes | None = None
            error: Exception | None = None
            try:
                result = bytes(computer.run(job.function, job.args, LONGEST, job.abandoned.is_set))
            except StoppedError:
                error = StoppedError()
            except InputError as refused:
                error = refused
            except Exception as failed:  # noqa: BLE001 - whoever waits raises it
                error = failed
            if isinstance(error, EndedError) or not isinstance(error, InputError | StoppedError | None):
                log.warning("%s: %s", job.name, error)
            self.line.finish(job, result, error)
            if job.then is not None and result is not None:
                try:
                    job.then(result)
                except Exception:  # the next job comes all the same
                    log.exception("%s: the result was not kept", job.name)
        computer.close()

    def begin(self) -> None:
        """Start the processes, which takes seconds of a processor."""
        self._begun.set()

    def compute(self, name: str, function: Callable[..., bytes], args: tuple[Any, ...], asker: Asker) -> bytes:
        """The result of a function, computed by one of the processes when it is the client's turn.

        Args:
            name: covers everything that the result depends on.
            function: a function of a module.
            args: its arguments.
            asker: who waits.

        Raises:
            SupersededError: a newer request has made this one pointless.
            GoneError: the client has gone.
            EndedError: it took too long, or its process died.
        """
        self.begin()
        waiter = self.line.join(name, function, args, asker.client, asker.group, asker.number)
        try:
            with self.turns.away(asker.client):
                while not waiter.job.done.wait(LOOK_EVERY):
                    if waiter.superseded:
                        raise SupersededError
                    if asker.gone():
                        raise GoneError
                    if self._over.is_set():
                        raise EndedError("the server is stopping")
        finally:
            self.line.leave(waiter)
        if waiter.job.error is not None:
            if isinstance(waiter.job.error, StoppedError):
                raise SupersededError if waiter.superseded else EndedError("this was stopped before it was computed")
            raise waiter.job.error
        assert waiter.job.result is not None
        return waiter.job.result

    def ahead(
        self, name: str, function: Callable[..., bytes], args: tuple[Any, ...], then: Callable[[bytes], None]
    ) -> None:
        """Compute something while nobody waits, and do something with the result."""
        self.begin()
        self.line.ahead(name, function, args, then)

    def place(self, client: str, tab: str) -> Place | None:
        """Where the oldest waiting request of a client's tab stands."""
        return self.line.place(client, tab)

    def close(self) -> None:
        """End all processes; whoever waits is told so."""
        self._over.set()
        self._begun.set()
        self.line.close()
        for thread in self._threads:
            thread.join(10)
