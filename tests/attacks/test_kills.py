"""Processes are killed again and again while a run is trained: it comes to the same, bit for bit."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.jobs.job import Job
from core.runs.lock import last_heartbeat
from tests.core.jobs.conftest import root, start_worker
from tests.core.jobs.helpers import assert_same_training, queued, uninterrupted, wait_for
from tests.serving import Serving

__all__ = ["root", "start_worker"]
KILLS = int(os.environ.get("LOPTSCOPE_KILLS", "6"))  # docs/security.md: 20 were tried
RUN = {"units": 32, "problems": 32, "unroll": 100, "outer_steps": 3000, "snapshots": 4}


def at_work(job: Job, workers: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes] | None:
    """The worker that trains the run, if its curve has grown since the run was taken."""
    heartbeat = last_heartbeat(job.path)
    if heartbeat is None or job.status().state != "running":
        return None
    return next((worker for worker in workers if f"-{worker.pid}-" in heartbeat.worker and worker.poll() is None), None)


@pytest.mark.long
def test_kills_in_one_run(root: Path, start_worker: Callable[..., subprocess.Popen[bytes]], tmp_path: Path) -> None:
    job = queued(**RUN)
    chance = random.Random(0)
    workers = [start_worker(), start_worker()]  # one trains, and one is ready to take over
    for number in range(KILLS):
        doomed = wait_for(lambda: at_work(job, workers))
        if number % 3 == 2:  # a run whose worker dies again and again before anything is saved is given up
            saved = job.status().outer_step
            wait_for(lambda saved=saved: job.status().outer_step > saved)
        else:
            seen = len(job.run.outer_losses())
            wait_for(lambda seen=seen: len(job.run.outer_losses()) != seen)
            time.sleep(chance.uniform(0, 0.3))
        assert job.status().state == "running"
        os.kill(doomed.pid, signal.SIGKILL)
        doomed.wait(10)
        workers.append(start_worker())
    wait_for(lambda: job.status().state == "finished")
    assert_same_training(job, uninterrupted(tmp_path / "reference", job.run.config))


@pytest.mark.long
def test_a_killed_server_leaves_nothing_behind(serving: Serving) -> None:
    """What it had started to compute ends, and the next one goes on."""
    wait_for(lambda: serving.processes(b"multiprocessing.forkserver"))  # they start after the first answers
    serving.kill_server()
    wait_for(lambda: not serving.processes(b"multiprocessing.forkserver"))
    serving.start()
    serving.wait()
