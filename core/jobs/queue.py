"""The queue: the waiting runs in order, and requests to runs. Everything is read from the runs' folders."""

import functools
import hashlib
import os
import secrets
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ConflictError, InputError, UnknownError
from core.files.atomic import Stamp, is_settled, locked, stamp, write_bytes, write_json
from core.files.plain import read_plain
from core.jobs.job import Job, JobInfo, note
from core.jobs.limits import Limits
from core.runs import zoo
from core.runs.config import RunConfig
from core.runs.lock import Heartbeat, RunLock, acquire, acquire_once_left, begin_heartbeat, last_heartbeat
from core.runs.options import from_options, to_options
from core.runs.run import Run, Status, is_name, runs_root
from core.runs.states import LEFT_AS, STATES, Request
from core.runs.trash import count, purge

IN_VAIN = 5  # workers in a row that may die on a run before it fails


@dataclass(frozen=True)
class ClaimedJob:
    """A run that was taken from the queue, with its lock."""

    job: Job
    lock: RunLock


def find(name: str, root: Path | None = None) -> Job:
    """The job of that name.

    Raises:
        UnknownError: it does not exist.
    """
    path = (root or runs_root()) / name
    if not is_name(name) or not (path / "job.json").is_file():
        raise UnknownError(f"there is no run {name[:80]!r}")
    return Job(path)


@functools.lru_cache(maxsize=8192)
def _settled(path: Path, state: Stamp) -> tuple[Job, Status]:
    job = Job(path)
    return job, job.status()


def _read(path: Path) -> tuple[Job, Status]:
    """A job; from memory if its files are unchanged, and old enough that a change would show in their times."""
    state = stamp(path, ("job.json", "config.json", "status.json"))
    if is_settled(state):
        return _settled(path, state)
    job = Job(path)
    return job, job.status()


def _folders(root: Path) -> list[Path]:
    """The folders of jobs."""
    try:
        return [path for path in root.iterdir() if is_name(path.name) and os.path.lexists(path / "job.json")]
    except OSError:
        return []


def list_jobs(root: Path | None = None) -> list[tuple[Job, Status]]:
    """All jobs in the order of submission; damaged folders are left out."""
    jobs = []
    for path in _folders(root or runs_root()):
        try:
            jobs.append(_read(path))
        except (InputError, OSError):
            continue
    return sorted(jobs, key=lambda pair: (pair[0].info.submitted, pair[0].name))


def waiting(listed: Iterable[tuple[Job, Status]]) -> list[Job]:
    """The waiting runs, the next one first: each client's in its own order, and one of each client in turn.

    A client whose run is being trained has had its turn.
    """
    turns: Counter[str] = Counter()
    queued = []
    for job, status in listed:
        turns[job.info.client] += status.state == "running"
        if status.state == "queued":
            queued.append(job)
    ranked = []
    for job in sorted(queued, key=lambda job: (job.info.order, job.info.submitted, job.name)):
        ranked.append((turns[job.info.client], job))
        turns[job.info.client] += 1
    return [job for _, job in sorted(ranked, key=lambda pair: pair[0])]


def _client(address: str, root: Path) -> str:
    """A keyed hash of an address, so that a client's runs can be counted without storing the address."""
    key = root / ".key"
    if not key.exists():
        write_bytes(key, secrets.token_bytes(32))
        key.chmod(0o600)
    return hashlib.blake2b(address.encode(), key=read_plain(key, 4096)[:64], digest_size=8).hexdigest()


def _name(config: RunConfig, root: Path) -> str:
    architecture = config.architecture
    while True:
        name = f"{config.task}-{architecture.cell}{architecture.units}-{secrets.token_hex(3)}"
        if not (root / name).exists():
            return name


def _check_room(known: Sequence[tuple[Job, Status]], who: str, limits: Limits, root: Path, more: int) -> None:
    own = sum(job.info.client == who and not STATES[status.state].over for job, status in known) if who else 0
    limits.check_room(sum(status.state == "queued" for _, status in known), own, len(known) + count(root), root, more)


def check_room(more: int, limits: Limits, client: str = "", root: Path | None = None) -> None:
    """Check that a client may queue more runs.

    Raises:
        TooManyError: a limit is reached, which the message names.
    """
    root = root or runs_root()
    root.mkdir(parents=True, exist_ok=True)
    with locked(root / ".lock"):
        _check_room(list_jobs(root), _client(client, root) if client else "", limits, root, more)


def submit(
    settings: Mapping[str, Any],
    *,
    base: RunConfig | None = None,
    root: Path | None = None,
    limits: Limits | None = None,
    client: str = "",
    sweep: str | None = None,
) -> Job:
    """Put a run at the end of the queue.

    Args:
        settings: by the names of ``train``'s options; ``start`` as ``{"run": NAME, "outer_step": K}`` names a snapshot.
        base: a configuration whose settings apply unless overridden.
        root: the folder of runs.
        limits: the limits; by default those of the environment.
        client: address of the client.
        sweep: name of its sweep.

    Raises:
        InputError: the settings are wrong or not allowed; nothing was created.
        OSError: the folder could not be written; nothing was left behind.
    """
    root, limits = root or runs_root(), limits or Limits.from_environment()
    config = from_options(settings, base, strict=True)
    limits.check(config)
    theta = None
    if config.start is not None:
        if not is_name(config.start.run):
            raise InputError(f"start must be one of the runs here (got {config.start.run!r:.60})")
        theta = zoo.find_run(config.start.run).optimizer(config.start.outer_step).theta
    root.mkdir(parents=True, exist_ok=True)
    with locked(root / ".lock"):
        who = _client(client, root) if client else ""
        known = list_jobs(root)
        queue = waiting(known)
        _check_room(known, who, limits, root, 1)
        now = time.time()
        order = max([now, *(job.info.order + 1 for job in queue)])
        name = _name(config, root)
        making = root / f".new-{name}"  # it appears complete or not at all
        try:
            run = Run.create(making, config, theta)
            run.write_status(Status(state="queued", outer_step=0, outer_steps=config.outer_steps))
            write_json(making / "job.json", JobInfo(submitted=now, order=order, client=who, sweep=sweep))
            note(making, "state", state="queued", message="", outer_step=0)
            making.rename(root / name)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
    return Job(root / name)


def restart(
    job: Job,
    outer_step: int | None,
    changes: Mapping[str, Any],
    *,
    limits: Limits | None = None,
    client: str = "",
) -> Job:
    """Queue a new run that starts from a snapshot of another run, with that run's settings and some changes.

    Raises:
        InputError: no such snapshot, a change is invalid, or the shape of the optimizer would change.
    """
    kept = job.run.snapshots()
    if not kept:
        raise InputError(f"{job.name} has no snapshot yet to start from")
    step = kept[-1] if outer_step is None else outer_step
    start = {"run": job.name, "outer_step": step}
    settings = {name: value for name, value in to_options(job.run.config).items() if name != "start"}
    return submit({**settings, "start": start, **changes}, root=job.path.parent, limits=limits, client=client)


def reorder(job: Job, place: int) -> None:
    """Move a waiting run to another position in the queue, among the runs of its client; 0 is the next to run.

    Raises:
        ConflictError: it is not waiting.
    """
    root = job.path.parent
    with locked(root / ".lock"):
        queue = waiting(list_jobs(root))
        names = [other.name for other in queue]
        if job.name not in names:
            raise ConflictError(f"{job.name} is no longer waiting in the queue")
        moved = queue.pop(names.index(job.name))
        own = [other for other in queue if other.info.client == moved.info.client]
        before = sum(other.info.client == moved.info.client for other in queue[: max(0, place)])
        own.insert(before, moved)
        orders = sorted(other.info.order for other in own)
        for other, order in zip(own, orders, strict=True):
            if other.info.order != order:
                with suppress(FileNotFoundError):  # cancelled and deleted in the meantime
                    other.write_job(order=order)


def ask(job: Job, request: Request) -> None:
    """Pause, stop (and keep) or cancel a run: at once if no worker has it, otherwise by a request to the worker.

    Raises:
        ConflictError: the run is over.
        UnknownError: the run was deleted in the meantime.
    """

    def left() -> bool:
        return STATES[job.status().state].deletable

    lock = acquire_once_left(job.path, left)
    if lock is None:
        job.make_request(request)
        lock = acquire_once_left(job.path, left)  # its worker may have left it before the request was there
    if lock is None:
        return
    try:
        leave(job, request)
    finally:
        lock.release()


def leave(job: Job, request: Request) -> None:
    """Apply a request to a locked run.

    Raises:
        ConflictError: the run is over.
    """
    state = job.status().state
    if STATES[state].over and state != LEFT_AS[request]:
        raise ConflictError(f"{job.name} is {state}: there is nothing to {request}")
    job.withdraw_request()
    if state != LEFT_AS[request]:
        if request == "stop":
            job.keep_snapshot()
        job.set_state(LEFT_AS[request])


def withdraw(job: Job) -> None:
    """Remove a run that was queued by mistake; if a worker has it already, cancel it."""
    lock = acquire(job.path)
    if lock is None:
        with suppress(ConflictError, UnknownError):  # over, or deleted in the meantime
            ask(job, "cancel")
        return
    try:
        purge(job.path, job.path.parent)
    finally:
        lock.release()


def tidy(root: Path) -> None:
    """Remove leftovers of processes that were killed while they created or removed a run."""
    for pattern, age in ((".gone-*", 0.0), (".new-*", 3600.0)):
        for path in root.glob(pattern):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime >= age:
                    shutil.rmtree(path, ignore_errors=True)


def resume(job: Job, limits: Limits | None = None) -> None:
    """Queue a run again, to resume from its last training state; no effect on a waiting or training run.

    Raises:
        ConflictError: it is finished, or has reached the limit of training time.
    """
    limits = limits or Limits.from_environment()

    def left() -> bool:
        return job.pending_request() != "pause" and STATES[job.status().state].resumable

    lock = acquire_once_left(job.path, left)
    if lock is None:
        if job.pending_request() == "pause" and job.withdraw_request():
            return  # its worker goes on, or queues it again
        lock = acquire_once_left(job.path, left)  # its worker may have followed the request in the meantime
    if lock is None:
        return
    try:
        status = job.status()
        if status.state == "finished":
            raise ConflictError(f"{job.name} is finished: start a new run from one of its snapshots instead")
        if status.seconds >= limits.seconds:
            raise ConflictError(f"{job.name} has been trained for {limits.seconds:g} s, the limit here")
        if STATES[status.state].resumable:
            job.withdraw_request()
            job.write_job(order=time.time())
            job.set_state("queued")
    finally:
        lock.release()


def take_next(worker: str, root: Path | None = None) -> ClaimedJob | None:
    """Take the next run: first those whose worker was lost, then the queue. None if there is none.

    From then on its state is "running", and its heartbeat is the worker's.
    """
    listed = list_jobs(root)
    lost = [job for job, status in listed if status.state == "running"]
    for job in (*lost, *waiting(listed)):
        lock = acquire(job.path)
        if lock is None:
            continue
        try:
            if _begin(job, worker):
                return ClaimedJob(job, lock)
        except BaseException:
            lock.release()
            raise
        lock.release()
    return None


def _begin(job: Job, worker: str) -> bool:
    """Assign a locked run to the worker, if it still needs training."""
    status = job.status()
    request = job.pending_request()
    if status.state not in ("queued", "running"):
        return False
    if request is not None:
        leave(job, request)
        return False
    before = last_heartbeat(job.path) if status.state == "running" else None
    in_vain = 0
    if before is not None and status.outer_step <= before.outer_step:
        in_vain = before.in_vain + 1
    if in_vain >= IN_VAIN:
        job.set_state("failed", f"its worker died {in_vain} times at the same point, possibly out of memory")
        return False
    heartbeat = Heartbeat(worker=worker, host=socket.gethostname(), outer_step=status.outer_step, in_vain=in_vain)
    begin_heartbeat(job.path, heartbeat)
    message = "its worker was lost; another one resumes from the last training state" if before is not None else ""
    job.set_state("running", message)
    return True


def is_waiting(root: Path | None = None) -> bool:
    """Whether there is work for a worker."""
    for job, status in list_jobs(root):
        if status.state == "queued":
            return True
        if status.state == "running":
            lock = acquire(job.path)
            if lock is not None:
                lock.release()
                return True
    return False


def worker_name() -> str:
    """A unique name for this process as a worker."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
