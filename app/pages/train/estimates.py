"""Measures how long runs would take, in a process that is stopped if that takes too long."""

import threading
from collections import OrderedDict
from typing import final

from app.compute.child import Computer, EndedError, context
from app.shared import cache
from core.errors import TooManyError
from core.jobs.estimate import Estimate, Timing, estimate, measure
from core.runs.config import RunConfig

PATIENCE = 2.0  # seconds of a measurement
MOST_WAITING = 3  # measurements that are made or wait
KEPT = 256


@final
class Measurer:
    """One measurement at a time: two would slow each other down."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(MOST_WAITING)
        self._one = threading.Lock()
        self._known: OrderedDict[tuple[str, int], Timing | None] = OrderedDict()
        self._computer: Computer | None = None

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
            if (plain, threads) not in self._known:
                if self._computer is None:
                    self._computer = Computer(context())
                try:
                    self._known[plain, threads] = self._computer.run(measure, (plain, threads), PATIENCE)
                except EndedError:  # it took too long, or too much memory
                    self._known[plain, threads] = None
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)
            return self._known[plain, threads]


MEASURER = Measurer()
