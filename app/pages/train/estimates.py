"""Measures how long runs would take, in a process that is stopped if that takes too long."""

import threading
import time
from collections import OrderedDict
from typing import final

from app.compute.child import Computer, EndedError, context
from app.shared import cache
from core.errors import TooManyError
from core.jobs.estimate import Estimate, Timing, estimate, load, measure
from core.runs.config import RunConfig

PATIENCE = 2.0  # seconds of a measurement
MOST_WAITING = 3  # measurements that are made or wait
KEPT = 256  # measurements that are remembered
START = 60.0  # seconds in which the process must have loaded what it measures
AGAIN = 60.0  # seconds after which what took too long is measured again: the machine may have been busy


@final
class Measurer:
    """One measurement at a time: two would slow each other down."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(MOST_WAITING)
        self._one = threading.Lock()
        self._known: OrderedDict[tuple[str, int], tuple[Timing | None, float]] = OrderedDict()
        self._computer: Computer | None = None
        self._ready = False

    def estimate(self, config: RunConfig) -> Estimate:
        """Estimate the training time of a run.

        Raises:
            TooManyError: other estimates are being measured.
        """
        if not self._places.acquire(blocking=False):
            raise TooManyError("other estimates are being measured: try again in a moment", after=PATIENCE)
        try:
            return estimate(config) if cache.pool() is None else estimate(config, measured=self._measured)
        finally:
            self._places.release()

    def _measured(self, plain: str, threads: int) -> Timing | None:
        with self._one:
            known = self._known.get((plain, threads))
            if known is None or (known[0] is None and time.monotonic() - known[1] > AGAIN):
                known = self._measure(plain, threads), time.monotonic()
                self._known[plain, threads] = known
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)
            return known[0]

    def _measure(self, plain: str, threads: int) -> Timing | None:
        if self._computer is None:
            self._computer = Computer(context())
        try:
            if not self._ready:  # compiled code is loaded once, however long that takes
                self._computer.run(load, (), START)
                self._ready = True
            timing: Timing = self._computer.run(measure, (plain, threads), PATIENCE)
            return timing
        except EndedError:  # it took too long, or too much memory; a fresh process takes its place
            self._ready = False
            return None


MEASURER = Measurer()
