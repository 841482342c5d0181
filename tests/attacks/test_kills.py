"""Processes are killed again and again while a run is trained: it comes to the same, bit for bit."""

import random
import time
from pathlib import Path

import pytest

from core.jobs.job import Job
from tests.core.jobs.helpers import assert_same_training, uninterrupted
from tests.serving import Serving, wait_for

KILLS = 20
RUN = {"task": "linear_regression", "units": 32, "problems": 32, "unroll": 100, "outer_steps": 3000, "snapshots": 4}


@pytest.mark.long
def test_twenty_kills_in_one_run(serving: Serving, tmp_path: Path) -> None:
    name = serving.ask("/api/jobs", body=RUN)["id"]
    job = Job(tmp_path / "runs" / name)
    chance = random.Random(0)
    for number in range(KILLS):
        if number % 3 == 2:  # a run whose worker dies again and again before anything is saved is given up
            saved = job.status().outer_step
            wait_for(lambda saved=saved: job.status().outer_step > saved)
        else:
            seen = len(job.run.outer_losses())
            wait_for(lambda seen=seen: len(job.run.outer_losses()) not in (0, seen))
            time.sleep(chance.uniform(0, 0.5))
        assert job.status().state == "running"
        serving.kill_worker()
        if number % 5 == 4:
            serving.kill_server()
            serving.start()
    wait_for(lambda: job.status().state == "finished")
    assert_same_training(job, uninterrupted(tmp_path / "reference", job.run.config))
    wait_for(lambda: serving.ask(f"/api/jobs/{name}")["state"] == "finished")
