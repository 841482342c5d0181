"""The Celery broker: sends "there is work" messages through a folder or Redis (REDIS_URL), and runs the worker process that receives them."""

import functools
import logging
import os
import signal
import sys
import tempfile
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from core.jobs import measurements
from core.jobs.queue import is_waiting, take_next, tidy, worker_name
from core.runs.options import from_options
from core.runs.run import runs_root

if TYPE_CHECKING:
    from celery import Celery

TASK = "loptscope.work"
QUEUE = "loptscope"
LOOK_EVERY = 2.0  # seconds between an idle worker's checks for runs whose message was lost
SEEN_WITHIN = 10.0  # seconds after its last sign of life in which a worker counts as present
STOPPING = (signal.SIGTERM, signal.SIGINT)
PRESENT = ".workers"

log = logging.getLogger("loptscope.worker")


@functools.lru_cache(maxsize=8)
def celery_app(root: Path, redis_url: str | None) -> "Celery":
    """The Celery application of a folder of runs.

    Args:
        root: that folder; the broker is a folder in it unless Redis is used.
        redis_url: such as "redis://host:6379/0"; None for the folder.
    """
    from celery import Celery

    from core.jobs.messages import SCHEME

    options: dict[str, Any]
    if redis_url:
        broker, options = redis_url, {"visibility_timeout": 3600, "socket_connect_timeout": 2.0, "socket_timeout": 30.0}
    else:
        folder = root / ".broker"
        for part in ("messages", "control"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        messages = str(folder / "messages")
        broker = f"{SCHEME}://localhost/"
        options = {"data_folder_in": messages, "data_folder_out": messages, "control_folder": str(folder / "control")}
        options |= {"polling_interval": 0.2}
    app = Celery("loptscope", broker=broker, backend=None, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=2.0,
        broker_transport_options=options,
        task_create_missing_queues=True,
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_serializer="json",
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_prefetch_multiplier=1,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
    )
    return app


def notify(root: Path | None = None) -> None:
    """Tell the workers that there is work. If this fails, an idle worker finds the work within seconds."""
    from kombu.exceptions import KombuError

    try:
        app = celery_app(root or runs_root(), os.environ.get("REDIS_URL") or None)
        app.send_task(TASK, retry=False, expires=3600)
    except (KombuError, OSError, ValueError) as error:
        log.warning("the workers could not be notified of new work (%s); they will find it themselves", error)


def workers_present(root: Path | None = None) -> int:
    """The number of workers that are present."""
    now = time.time()
    count = 0
    for path in ((root or runs_root()) / PRESENT).glob("*"):
        try:
            age = now - path.stat().st_mtime
        except OSError:
            continue
        count += age < SEEN_WITHIN
    return count


def begin_anew() -> NoReturn:
    """Replace this process by a fresh worker. A request to stop that comes meanwhile is handled when that one is ready."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    os.execv(sys.executable, sys.orig_argv)


def forget_absent(root: Path) -> None:
    """Remove the signs of workers that were killed long ago."""
    for path in (root / PRESENT).glob("*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > 24 * 3600:
                path.unlink()


class _Service:
    """One worker process: trains runs one after another, shows that it is present, and finds runs whose message was lost."""

    def __init__(self, root: Path, threads: int | None, parent: int | None):
        self.root, self.threads, self.parent = root, threads, parent
        self.name = worker_name()
        self.leaving = threading.Event()
        self.busy = threading.Lock()
        self.presence = root / PRESENT / self.name

    def warm(self) -> None:
        """Load slow modules ahead of the first run."""
        from core.outer.kernels.__main__ import load as load_kernels
        from core.outer.trainer import train

        settings = {"task": "linear_regression", "units": 2, "problems": 2, "unroll": 2, "outer_steps": 1}
        with self.busy, tempfile.TemporaryDirectory() as folder:
            load_kernels()
            train(Path(folder), from_options(settings))

    def work(self) -> None:
        """Train the next run; if there is none, make the next measurement of one."""
        from core.jobs import measurer
        from core.jobs.worker import execute

        if self.leaving.is_set() or self.orphaned():
            return
        with self.busy:
            try:
                claimed = take_next(self.name, self.root)
                measurement = measurements.take_next(self.root) if claimed is None else None
            except OSError as error:
                log.warning("no run could be taken: %s", error)
                return
            if claimed is not None:
                execute(claimed, self.name, leaving=self.leaving.is_set, threads=self.threads, give_up=self.give_up)
            if measurement is not None:
                measurer.execute(measurement, leaving=self.leaving.is_set, threads=self.threads)

    def give_up(self) -> None:
        """End this process at once; unless it is to stop, it begins anew."""
        self.absent()
        if self.leaving.is_set():
            os._exit(0)
        begin_anew()

    def orphaned(self) -> bool:
        """Whether the dashboard that started this worker has ended."""
        return self.parent is not None and os.getppid() != self.parent

    def watch(self) -> None:
        """The watching thread: shows that this worker is present, and looks for work while it is idle."""
        looked = 0.0
        while not self.leaving.wait(0.5):
            try:
                self.presence.parent.mkdir(parents=True, exist_ok=True)
                self.presence.touch()
            except OSError as error:  # a full disk must not stop a worker
                log.debug("presence: %s", error)
            if self.busy.locked():
                continue
            if self.orphaned():
                os.kill(os.getpid(), signal.SIGTERM)
                return
            if time.monotonic() - looked > LOOK_EVERY:
                looked = time.monotonic()
                if is_waiting(self.root) or measurements.is_waiting(self.root):
                    notify(self.root)
        with self.busy:  # after the current run has been saved
            self.absent()
            os._exit(0)  # everything is saved in files; Celery and torch would take seconds to exit

    def absent(self) -> None:
        """Remove the sign that this worker is present."""
        self.presence.unlink(missing_ok=True)


def run_worker(root: Path | None = None, threads: int | None = None, parent: int | None = None) -> None:
    """Run a worker until SIGTERM or Ctrl-C; the current run is then saved and queued again.

    Args:
        root: the folder of runs.
        threads: number of training threads; by default one for each core.
        parent: process id; the worker stops taking runs when that process has ended.
    """
    from celery import signals

    if parent is not None:
        with suppress(OSError):
            os.nice(5)  # keeps the dashboard responsive
    root = root or runs_root()
    root.mkdir(parents=True, exist_ok=True)
    tidy(root)
    forget_absent(root)
    app = celery_app(root, os.environ.get("REDIS_URL") or None)
    service = _Service(root, threads, parent)
    app.task(name=TASK)(service.work)

    @signals.worker_shutting_down.connect(weak=False)
    def leave(**_: Any) -> None:
        service.leaving.set()

    @signals.worker_ready.connect(weak=False)
    def begin(**_: Any) -> None:
        service.warm()
        threading.Thread(target=service.watch, name="watch", daemon=True).start()
        notify(root)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)

    warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")
    logging.basicConfig(level=logging.INFO, format="worker: %(message)s")
    logging.getLogger("celery").setLevel(logging.WARNING)
    logging.getLogger("kombu").setLevel(logging.WARNING)
    worker = app.Worker(
        hostname=f"worker@{service.name}",
        pool="solo",
        queues=[QUEUE],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
        loglevel="WARNING",
    )
    with suppress(SystemExit):
        worker.start()
    if not service.leaving.is_set():
        time.sleep(1.0)
    service.absent()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    if service.leaving.is_set():
        return
    begin_anew()  # Celery gave up
