"""A folder of runs for each test."""

import pytest

from tests.core.jobs.helpers import worker_process


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The folder of runs, as everything takes it from the environment."""
    path = tmp_path / "runs"
    path.mkdir()
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(path))
    return path


@pytest.fixture
def start_worker(root):
    """Starts worker processes, and sees to it that none survives the test."""
    started = []

    def start(**environment):
        started.append(worker_process(root, **environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait(10)
