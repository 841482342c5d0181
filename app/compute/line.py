"""The waiting line of what is to be computed: fair between clients, with one place for each at a time.

A job has a name that covers everything it depends on; whoever asks for a name that is already there waits for the same job. Work that
nobody asked for yet (the background) is done while no client waits.
"""

import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, final

BACKGROUND = ""  # the client of what nobody has asked for yet
Group = tuple[str, str]


@final
class Job:
    """Something to compute, and who waits for it.

    Attributes:
        name: covers everything that the result depends on.
        function, args: compute it, in another process.
        waiters: those who wait for it.
        then: what to do with the result of a background job; None otherwise.
        done: set when there is a result or an error.
        abandoned: set when nobody waits for it any more.
        began: when it began to be computed, by the monotonic clock; None before.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., bytes],
        args: tuple[Any, ...],
        then: Callable[[bytes], None] | None = None,
    ):
        self.name, self.function, self.args, self.then = name, function, args, then
        self.waiters: set[Waiter] = set()
        self.done, self.abandoned = threading.Event(), threading.Event()
        self.began: float | None = None
        self.result: bytes | None = None
        self.error: BaseException | None = None


@final
@dataclass(eq=False)
class Waiter:
    """One request that waits for a job.

    Attributes:
        client: whose request it is.
        group: its tab and what it asks for; a newer request of the same group makes this one pointless. None without.
        job: what it waits for.
        number: of its request; later ones have larger numbers.
        superseded: whether a newer request of its group has come.
    """

    client: str
    group: Group | None
    job: Job
    number: int
    superseded: bool = False


@final
@dataclass(frozen=True)
class Place:
    """Where a client's oldest waiting request stands.

    Attributes:
        ahead: jobs that are computed before it, at least 0; None if it is being computed.
        seconds: that it has been computed so far.
    """

    ahead: int | None
    seconds: float


@final
@dataclass
class Line:
    """The line.

    Attributes:
        places: jobs of one client that are computed at the same time.
        most_ahead: background jobs that may wait.
        slots: jobs that are computed at the same time; the background leaves one of them free if there are several.
    """

    places: int = 1
    most_ahead: int = 64
    slots: int = 1
    _jobs: dict[str, Job] = field(default_factory=dict)
    _queues: dict[str, "OrderedDict[str, Job]"] = field(default_factory=dict)
    _served: dict[str, int] = field(default_factory=dict)  # when each client was served last
    _running: dict[str, set[str]] = field(default_factory=dict)  # clients of a running job, by its name
    _waiters: set[Waiter] = field(default_factory=set)
    _newest: dict[Group, int] = field(default_factory=dict)
    _closed: bool = False

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)

    def number(self, group: Group | None) -> int:
        """The number of a new request; older ones of the same group are superseded."""
        with self._changed:
            number = next(self._numbers)
            if group is not None:
                self._newest.pop(group, None)
                self._newest[group] = number
                while len(self._newest) > 4096:
                    del self._newest[next(iter(self._newest))]
                for waiter in [one for one in self._waiters if one.group == group]:
                    waiter.superseded = True
                    self._leave(waiter)
            return number

    def join(
        self,
        name: str,
        function: Callable[..., bytes],
        args: tuple[Any, ...],
        client: str,
        group: Group | None = None,
        number: int = 0,
    ) -> Waiter:
        """Wait for a job, which is put into the line unless it is there."""
        with self._changed:
            job = self._jobs.get(name)
            if job is None:
                job = self._jobs[name] = Job(name, function, args)
            waiter = Waiter(client, group, job, number)
            if group is not None and self._newest.get(group, number) > number:
                waiter.superseded = True
            self._waiters.add(waiter)
            job.waiters.add(waiter)
            if job.began is None:
                self._queues.setdefault(client, OrderedDict())[name] = job
            else:
                self._running.get(name, set()).add(client)
            self._changed.notify_all()
            return waiter

    def ahead(
        self, name: str, function: Callable[..., bytes], args: tuple[Any, ...], then: Callable[[bytes], None]
    ) -> None:
        """Put a background job into the line, unless it is there or there are too many."""
        with self._changed:
            waiting = self._queues.setdefault(BACKGROUND, OrderedDict())
            if name not in self._jobs and len(waiting) < self.most_ahead:
                self._jobs[name] = waiting[name] = Job(name, function, args, then)
                self._changed.notify_all()

    def leave(self, waiter: Waiter) -> None:
        """No longer wait: the job is dropped, or stopped, if nobody else waits for it."""
        with self._changed:
            self._leave(waiter)

    def _leave(self, waiter: Waiter) -> None:
        self._waiters.discard(waiter)
        job = waiter.job
        job.waiters.discard(waiter)
        if not any(one.client == waiter.client for one in job.waiters):
            self._queues.get(waiter.client, OrderedDict()).pop(job.name, None)
        if job.waiters or job.done.is_set() or job.name in self._queues.get(BACKGROUND, ()):
            return
        job.abandoned.set()
        for queue in self._queues.values():
            queue.pop(job.name, None)
        if self._jobs.get(job.name) is job:
            del self._jobs[job.name]  # whoever asks for it from now on begins anew

    def take(self) -> Job | None:
        """The next job to compute; waits for one. None when the line is closed."""
        with self._changed:
            while not self._closed:
                job = self._next()
                if job is not None:
                    return job
                self._changed.wait()
            return None

    def _next(self) -> Job | None:
        busy: dict[str, int] = {}
        for clients in self._running.values():
            for client in clients:
                busy[client] = busy.get(client, 0) + 1
        for client in sorted(self._queues, key=self._rank):
            queue = self._queues[client]
            most = self.places if client != BACKGROUND else max(1, self.slots - 1)
            if not queue or busy.get(client, 0) >= most:
                continue
            name, job = queue.popitem(last=False)
            self._served.pop(client, None)
            self._served[client] = next(self._numbers)
            while len(self._served) > 4096:
                del self._served[next(iter(self._served))]
            for other in self._queues.values():
                other.pop(name, None)
            self._queues = {other: left for other, left in self._queues.items() if left}
            job.began = time.monotonic()
            self._running[name] = {waiter.client for waiter in job.waiters} or {BACKGROUND}
            return job
        return None

    def _rank(self, client: str) -> tuple[bool, int]:
        """Whose turn it is: whoever was served longest ago, and the background last."""
        return client == BACKGROUND, self._served.get(client, 0)

    def finish(self, job: Job, result: bytes | None, error: BaseException | None) -> None:
        """A job has been computed, or has failed."""
        with self._changed:
            job.result, job.error = result, error
            job.done.set()
            self._running.pop(job.name, None)
            if self._jobs.get(job.name) is job:
                del self._jobs[job.name]
            self._waiters -= job.waiters
            self._changed.notify_all()

    def place(self, client: str, tab: str) -> Place | None:
        """Where the oldest waiting request of a client's tab stands; None if it has none."""
        with self._changed:
            mine = [
                one for one in self._waiters if one.client == client and one.group and one.group[0] == f"{client} {tab}"
            ]
            if not mine:
                return None
            oldest = min(mine, key=lambda one: one.number)
            if oldest.job.began is not None:
                return Place(None, time.monotonic() - oldest.job.began)
            # what somebody else asked for first, or what was computed ahead, stands in their queue
            holder = next((name for name, queue in self._queues.items() if oldest.job.name in queue), None)
            if holder is None:
                return Place(len(self._running), 0.0)
            before = list(self._queues[holder]).index(oldest.job.name)
            others = 0
            for name, queue in self._queues.items():
                if name not in (holder, BACKGROUND):
                    others += min(len(queue), before + (self._rank(name) < self._rank(holder)))
            return Place(before + others + len(self._running), 0.0)

    def close(self) -> None:
        """Wake everyone who takes; nothing is taken from now on."""
        with self._changed:
            self._closed = True
            for job in self._jobs.values():
                job.abandoned.set()
            self._changed.notify_all()
