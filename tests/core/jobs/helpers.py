"""What the tests of jobs share."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from core.files.atomic import read_tensors
from core.jobs.job import Job, events
from core.jobs.queue import submit, take_next
from core.jobs.worker import execute
from core.outer.trainer import train
from core.runs.run import SNAPSHOT_FORMAT

REPOSITORY = Path(__file__).resolve().parents[3]
SMALL = {"task": "linear_regression", "units": 4, "problems": 4, "unroll": 10, "outer_steps": 30, "snapshots": 5}


def queued(**settings):
    """A small run in the queue."""
    return submit(SMALL | settings)


def work(worker="w", **options):
    """What a worker does when there is a message."""
    held = take_next(worker)
    if held is not None:
        execute(held, worker, threads=1, **options)
    return None if held is None else held.job


def kinds(record, kind):
    """The events of one kind."""
    return [event for event in events(record.path)[0] if event["kind"] == kind]


def states(record):
    """What it went through."""
    return [event["state"] for event in kinds(record, "state")]


def worker_process(root, **environment):
    """A worker in a process of its own."""
    known = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    settings = {**known, "LOPTSCOPE_RUNS": str(root), "OMP_NUM_THREADS": "1", **environment}
    command = [sys.executable, "-m", "core", "worker", "--threads", "1"]
    return subprocess.Popen(command, cwd=REPOSITORY, env=settings, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def wait_for(condition, seconds=180.0):
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.02)
    return found


def uninterrupted(path, config):
    """The same run without a break."""
    return train(path, config)


def assert_same_training(record: Job, reference):
    """Snapshots, training state and curve are those of another run, bit for bit, but for the time they took."""
    run = record.run
    assert run.snapshots() == reference.snapshots()
    pairs = [
        tuple(read_tensors(one.snapshot_path(step), SNAPSHOT_FORMAT)[0] for one in (run, reference))
        for step in reference.snapshots()
    ]
    pairs.append((run.training_state()[0], reference.training_state()[0]))
    for found, expected in pairs:
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    curves = ([replace(step, seconds=0.0) for step in one.outer_losses()] for one in (run, reference))
    assert next(curves) == next(curves)
