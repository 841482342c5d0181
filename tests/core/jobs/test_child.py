"""The worker that the dashboard brings along."""

import os
import sys

import pytest

from core.jobs import child
from core.jobs.child import WorkerProcess, how_many
from tests.core.jobs.helpers import wait_for


@pytest.mark.parametrize(
    "workers, redis, count", [("", "", 1), ("0", "", 0), ("3", "", 3), ("", "redis://x", 0), ("2", "redis://x", 2)]
)
def test_how_many(monkeypatch, workers, redis, count):
    monkeypatch.setenv("LOPTSCOPE_WORKERS", workers)
    monkeypatch.setenv("REDIS_URL", redis)
    assert how_many() == count


def test_it_is_started_again_and_stopped(tmp_path, monkeypatch):
    log = tmp_path / "log"
    stand_in = tmp_path / "python"
    stand_in.write_text(f'#!/bin/sh\necho "$$ $*" >> {log}\nexec sleep 60\n')
    stand_in.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(stand_in))
    monkeypatch.setattr(child, "RESTART_AFTER", (0.01, 0.02))
    kept = WorkerProcess()

    def lines():
        return log.read_text().splitlines() if log.exists() else []

    (first,) = wait_for(lines)
    assert first.split(" ", 1)[1] == f"-m core worker --parent {os.getpid()}"
    os.kill(int(first.split()[0]), 9)
    wait_for(lambda: len(lines()) == 2)
    kept.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(int(lines()[1].split()[0]), 0)
    assert len(lines()) == 2
