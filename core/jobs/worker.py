"""Trains one run: writes its progress, and handles requests on the way."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import final

from torch import Tensor

from core.device import device_of
from core.errors import FAILURES, ConflictError, InputError, told
from core.interruption import LeaveError
from core.jobs.held_out import HeldOut
from core.jobs.job import Job, note
from core.jobs.limits import Limits
from core.jobs.measurements import ask_when_finished
from core.jobs.queue import ClaimedJob, leave
from core.outer.gradient import Workers
from core.outer.trainer import FULL, Hooks, train
from core.runs.lock import end_heartbeat, heartbeat_again
from core.runs.run import OuterStep, Status
from core.runs.states import LEFT_AS, State

BEAT_EVERY = 1.0  # seconds
LOOK_EVERY = 0.2  # seconds between two checks for a request
PATIENCE = 1.0  # seconds in which training must come to a check before the process is given up

log = logging.getLogger("loptscope.worker")


@final
class HeartbeatThread:
    """A thread that renews a run's heartbeat until it is stopped or another worker has taken the run."""

    def __init__(self, path: Path, worker: str):
        self.lost = threading.Event()
        self._path, self._worker = path, worker
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while not self._over.wait(BEAT_EVERY):
            if not heartbeat_again(self._path, self._worker):
                self.lost.set()
                return

    def stop(self) -> None:
        """Stop the heartbeat."""
        self._over.set()
        self._thread.join()


@final
class _Supervision:
    """The worker's checks of a run: between two outer steps, and between two blocks of inner steps."""

    def __init__(self, job: Job, pulse: HeartbeatThread, leaving: Callable[[], bool], limits: Limits):
        self.job, self.pulse, self.leaving, self.limits = job, pulse, leaving, limits
        self.writing = threading.RLock()  # held by whoever writes the run's state
        self.answered = False  # the trainer leaves by itself
        self.trained = job.status().seconds  # until the last outer step
        self.since = time.monotonic()  # the present one began
        self.held_out: HeldOut | None = None
        self.looked = 0.0
        self.written_to = 0
        self.seconds: float | None = None
        self.reason: tuple[State, str] = ("stopped", "")

    def begins(self) -> None:
        """An outer step begins."""
        self.since = time.monotonic()

    def on_step(self, step: OuterStep) -> bool:
        """Whether to continue."""
        if self.pulse.lost.is_set():
            raise LostError
        with self.writing:
            now = time.monotonic()
            self.trained, self.since = step.seconds, now
            return not self._leaves(look=self._due())

    def check(self) -> None:
        """Between two blocks of inner steps, in any thread: the run is left as after its last outer step, if there is a reason.

        Raises:
            LeaveError: there is one.
            LostError: another worker has the run.
        """
        if not self._due() and not self.answered:
            return
        if self.pulse.lost.is_set():
            raise LostError
        with self.writing:
            if self._leaves():
                raise LeaveError

    def _due(self) -> bool:
        """Whether to look for a request again."""
        now = time.monotonic()
        due = now - self.looked > LOOK_EVERY
        if due:
            self.looked = now
        return due

    def _leaves(self, *, look: bool = True) -> bool:
        """Whether the trainer leaves now; once it does, it does."""
        if not self.answered:
            reason = self.why(look=look)
            if reason is not None:
                self.reason, self.answered = reason, True
        return self.answered

    def why(self, *, look: bool = True) -> tuple[State, str] | None:
        """Why to leave the run: its state then, and a message; None if there is no reason.

        Args:
            look: whether to look for a request.
        """
        now = time.monotonic()
        if self.leaving():
            return "queued", "its worker was stopped; it continues when there is another"
        if self.trained + (now - self.since) >= self.limits.seconds:
            return "stopped", f"stopped after {self.limits.seconds:g} s, the limit of training time here"
        if look:
            request = self.job.pending_request()
            if request is not None:
                return LEFT_AS[request], ""
        return None

    def written(self, outer_step: int) -> None:
        """Record that the curve on disk has grown."""
        if outer_step > self.written_to:
            note(self.job.path, "steps", first=self.written_to + 1, last=outer_step)
        self.written_to = outer_step

    def theta(self, step: OuterStep, theta: Mapping[str, Tensor]) -> None:
        """Evaluate on held-out problems from time to time."""
        before, self.seconds = self.seconds, step.seconds
        if before is None:  # the first step also loads and compiles
            return
        if self.held_out is None:
            self.held_out = HeldOut(self.job.run.config, self.check)
        held_out = self.held_out
        held_out.saw(step.seconds - before)
        last = step.outer_step == self.job.run.config.outer_steps
        if held_out.due(last=last):
            note(self.job.path, "evaluation", outer_step=step.outer_step, **held_out.evaluate(theta))
            if not last:
                return
        if held_out.baselines_due(last=last):
            scores = held_out.baselines()
            if scores:
                note(self.job.path, "levels", optimizers=scores)

    def kept(self, outer_step: int) -> None:
        """Record a new snapshot."""
        note(self.job.path, "snapshot", outer_step=outer_step)

    def leaving_run(self, status: Status) -> None:
        """Before the status changes: store the snapshot of a stopped run, and write the event."""
        if status.state == "stopped":
            self.job.keep_snapshot()
        self.job.note_state(status)


@final
class Watchdog:
    """The last resort: a thread that leaves a run whose training does not come to a check for long, in one huge inner step or in a plugin.

    Nothing of the step is kept: the run is left as after its last save, from which it resumes bit for bit. The process then has to be
    given up, since nothing else stops a computation in progress.

    Args:
        watch: of the run.
        give_up: ends this process.
    """

    def __init__(self, watch: _Supervision, give_up: Callable[[], None]):
        self._watch, self._give_up = watch, give_up
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watchdog", daemon=True)
        self._thread.start()

    def _look(self) -> None:
        since: float | None = None
        while not self._over.wait(LOOK_EVERY):
            now = time.monotonic()
            if self._watch.answered or self._watch.why() is None:
                since = None
            elif since is None:
                since = now
            elif now - since > PATIENCE:
                with self._watch.writing:  # until the end of this process
                    reason = self._watch.why()
                    if reason is not None and not self._watch.answered and not self._over.is_set():
                        self._leave(*reason)
                        self._give_up()

    def _leave(self, state: State, message: str) -> None:
        """Write the state as after the last save."""
        job = self._watch.job
        log.info("%s: left in the middle of an outer step", job.name)
        try:
            if state == "stopped":
                job.keep_snapshot()
            trained = round(self._watch.trained + time.monotonic() - self._watch.since, 3)
            job.set_state(state, message, seconds=max(job.status().seconds, trained))
            _settle_requests(job)
            end_heartbeat(job.path)
        except (OSError, InputError):
            log.exception("%s: its state could not be written", job.name)

    def stop(self) -> None:
        """Stop watching."""
        self._over.set()
        self._thread.join()


@final
class LostError(Exception):
    """Another worker has taken the run over."""


def execute(
    claimed: ClaimedJob,
    worker: str,
    *,
    leaving: Callable[[], bool] = lambda: False,
    threads: int | None = None,
    limits: Limits | None = None,
    give_up: Callable[[], None] | None = None,
) -> None:
    """Train a run that was taken from the queue to its end, or until a request. Its lock is released.

    It is left in the middle of an outer step, too, as it was before that step. Errors are written to its status; nothing is raised.

    Args:
        claimed: the run.
        worker: the name of the worker.
        leaving: checked between blocks of inner steps; if True, the run is saved and queued again.
        threads: number of training threads; by default one for each core.
        limits: the limits; by default those of the environment.
        give_up: ends this process, to leave a run whose training comes to no check; without it, that is waited for.
    """
    job = claimed.job
    pulse = HeartbeatThread(job.path, worker)
    watch = _Supervision(job, pulse, leaving, limits or Limits.from_environment())
    watch.written_to = job.status().outer_step
    log.info("%s: continues from outer step %d", job.name, watch.written_to)
    hooks = Hooks(
        begins=watch.begins,
        theta=watch.theta,
        written=watch.written,
        kept=watch.kept,
        left_as=lambda: watch.reason,
        leaving=watch.leaving_run,
        writing=lambda: watch.writing,
    )
    watchdog = None if give_up is None else Watchdog(watch, give_up)
    try:
        device = device_of()
        workers = Workers(threads, watch.check, device) if threads else Workers(check=watch.check, device=device)
        train(job.path, job.run.config, resume=True, on_step=watch.on_step, hooks=hooks, workers=workers)
        _after(job)
    except LostError:
        log.warning("%s: another worker has taken it over", job.name)
        if watchdog is not None:
            watchdog.stop()
        claimed.lock.release()
        pulse.stop()
        return
    except FAILURES as error:
        log.exception("%s failed", job.name)
        _say_failed(job, error)
    if watchdog is not None:
        watchdog.stop()
    pulse.stop()
    end_heartbeat(job.path)
    claimed.lock.release()


def _settle_requests(job: Job) -> None:
    """Follow what was requested of a run since its worker decided to leave it: another request, or that its pause is taken back."""
    request = job.pending_request()
    if not job.withdraw_request():
        if job.status().state == "paused":
            job.set_state("queued")
    elif request is not None:
        with suppress(ConflictError):  # it is over by now
            leave(job, request)


def _after(job: Job) -> None:
    """After training: follow the requests that came late, and ask for the run's evaluation."""
    _settle_requests(job)
    try:
        ask_when_finished(job.path)
    except (InputError, OSError) as error:
        log.warning("%s is not evaluated: %s", job.name, error)


def _say_failed(job: Job, error: BaseException) -> None:
    """Write the failure to its status, if possible: the disk may be full."""
    full = isinstance(error, OSError) and error.errno in FULL
    try:
        if full and job.status().state == "failed":  # the trainer has written why
            return
        job.run.release()
        what = "the disk is full: free some space, then resume the run" if full else told(error)
        job.set_state("failed", " ".join(what.split())[:400])
    except (OSError, InputError):
        log.exception("%s: the failure could not be written", job.name)
