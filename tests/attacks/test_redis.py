"""The dashboard and a worker with Redis between them, as compose.yaml starts them; Redis is killed in the middle, and comes back."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.redis_server import RedisServer
from tests.serving import ROOT, Serving, wait_for

LONG = {"task": "linear_regression", "units": 4, "problems": 8, "unroll": 50, "outer_steps": 4000, "snapshots": 3}
SHORT = {**LONG, "outer_steps": 20}


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def composed(tmp_path: Path, redis: RedisServer) -> Iterator[Serving]:
    """The web server, and a worker of its own."""
    own = {"REDIS_URL": redis.url, "LOPTSCOPE_COMPUTE": "1", "LOPTSCOPE_EVALUATE": "0"}
    made = Serving(tmp_path / "runs", tmp_path / "cache", LOPTSCOPE_WORKERS="", **own)
    made.start()
    environment = {**os.environ, **own, "LOPTSCOPE_RUNS": str(tmp_path / "runs"), "OMP_NUM_THREADS": "1"}
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-m", "core", "worker", "--threads", "1"]
    worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet)
    made.wait()
    yield made
    worker.kill()
    worker.wait(10)
    made.close()


def view(seed: int) -> str:
    return f"/api/view.html?task=rosenbrock&seed={seed}"


@pytest.mark.long
def test_without_redis_views_are_computed_and_runs_go_on_and_all_is_well_when_it_is_back(
    composed: Serving, redis: RedisServer, tmp_path: Path
) -> None:
    def kept() -> int:
        with redis.client() as client:
            return len(client.keys("loptscope:bundle:*"))

    def state(name: str) -> str:
        return str(composed.ask(f"/api/jobs/{name}")["state"])

    assert composed.answer(view(1))[0] == 200 and kept() >= 1
    assert not list(tmp_path.glob("cache/*"))  # views are in Redis only
    long = composed.ask("/api/jobs", body=LONG)["id"]
    wait_for(lambda: composed.ask(f"/api/jobs/{long}")["outer_step"] > 50)
    redis.stop()
    assert composed.answer(view(1))[0] == 200  # a miss
    assert composed.answer(view(2))[0] == 200
    assert composed.answer("/")[0] == 200 and composed.ask("/healthz")["status"] == "ok"
    waiting = composed.ask("/api/jobs", body=SHORT)["id"]
    wait_for(lambda: state(long) == "finished")
    redis.start()
    wait_for(lambda: state(waiting) == "finished")  # its message was lost
    again = iter(range(3, 1000))
    wait_for(lambda: composed.answer(view(next(again)))[0] == 200 and kept() >= 1)
