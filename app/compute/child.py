"""A process that computes one thing after another, and can be stopped at any moment."""

import os
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, final

from app.compute.memory import few_arenas, own_memory, release_memory, settle_memory
from core.errors import InputError

NICE = 10  # computing leaves the processor to those who only want to read
LARGEST = (
    256 * 2**20
)  # bytes of a process's own memory after which it forgets what it keeps, or a fresh one takes its place
LARGE_IN_A_ROW = 8  # results after which a process that stays large is replaced
LOOK_EVERY = 0.05  # seconds between two looks at whether to stop


class StoppedError(Exception):
    """Nobody waits any more."""


@final
class EndedError(InputError):
    """A view could not be computed; the message is one sentence."""


def context(preload: Sequence[str] = ()) -> ForkServerContext:
    """Where processes are forked from: a server that has loaded some modules, so that they are in memory once.

    Args:
        preload: the modules; they count only before the first process is started.
    """
    made = get_context("forkserver")
    if preload:
        made.set_forkserver_preload(list(preload))
    return made


def _compute(connection: Connection) -> None:
    """What the process does: a function and its arguments come in, its result goes out; it ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    few_arenas()
    with suppress(OSError):
        os.nice(NICE)
    with suppress(OSError):  # if memory runs out, this process goes first
        Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")
    import torch  # what starts this process need not load it

    torch.set_num_threads(1)
    settle_memory()
    connection.send(None)  # ready
    while True:
        try:
            function, args = connection.recv()
        except EOFError:
            return
        try:
            answer: tuple[bool, Any] = True, function(*args)
        except InputError as error:
            answer = False, error
        except Exception as error:  # noqa: BLE001 - it is raised where the result is waited for
            answer = False, RuntimeError("".join(traceback.format_exception(error)))
        try:
            connection.send((*answer, own_memory() > LARGEST))
        except OSError:
            return
        del answer
        if own_memory() > LARGEST:
            release_memory()


@final
class Computer:
    """One process that computes, and its replacement when it was stopped, died or has grown too large."""

    def __init__(self, made_by: ForkServerContext):
        self._context = made_by
        self._start()

    def _start(self) -> None:
        self._connection, theirs = self._context.Pipe()
        self._process = self._context.Process(target=_compute, args=(theirs,), name="compute", daemon=True)
        self._process.start()
        theirs.close()
        self._ready = False
        self._larger = 0

    def run(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        seconds: float,
        stop: Callable[[], bool] = lambda: False,
    ) -> Any:
        """The result of a function.

        Args:
            function: a function of a module.
            args: its arguments.
            seconds: after which it is stopped, once the process is ready.
            stop: whether to stop.

        Raises:
            StoppedError: it was stopped.
            EndedError: it took too long, or its process ended.
            InputError: from the function.
            RuntimeError: another error of the function, with its traceback.
        """
        try:
            if not self._ready:
                self._await(stop, time.monotonic() + 120)
                self._ready = True
            self._connection.send((function, args))
            done, value, large = self._await(stop, time.monotonic() + seconds)
        except (EOFError, OSError):
            self._replace()
            raise EndedError("the process that computed this ended, possibly out of memory") from None
        except BaseException:
            self._replace()
            raise
        self._larger = self._larger + 1 if large else 0
        if self._larger > LARGE_IN_A_ROW:  # forgetting did not help
            self._replace()
        if done:
            return value
        raise value

    def _await(self, stop: Callable[[], bool], until: float) -> Any:
        while not self._connection.poll(LOOK_EVERY):
            if stop():
                raise StoppedError
            if time.monotonic() > until:
                raise EndedError("this took too long to compute here, and was stopped")
        return self._connection.recv()

    def _replace(self) -> None:
        self.close()
        self._start()

    def close(self) -> None:
        """End the process at once."""
        self._connection.close()
        self._process.kill()
        self._process.join()
