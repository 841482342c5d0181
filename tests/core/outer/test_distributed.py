import multiprocessing
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from core.files.atomic import read_tensors
from core.outer.distributed import Team
from core.outer.gradient import Workers
from core.outer.trainer import train
from core.runs.run import SNAPSHOT_FORMAT, Run
from tests.core.helpers import small_config

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = {"architecture": {"units": 6}, "outer_steps": 12, "problems": 7, "unroll": 20, "snapshots": 3, "seed": 3}
EVOLUTION = {"estimator": "evolution", "pairs": 4, "truncation": 5}
OPTIONS = [
    "--task",
    "linear_regression",
    "--units",
    "6",
    "--outer-steps",
    "12",
    "--problems",
    "7",
    "--unroll",
    "20",
    "--snapshots",
    "3",
    "--seed",
    "3",
]


def test_alone_it_is_a_team_of_one():
    with Team.joined() as team:
        assert team.is_main and list(team.share(3)) == [0, 1, 2] and team.broadcast(False) is False
        total = {"a": torch.ones(2)}
        assert team.all_reduce(total) is total


def test_shares_are_everything_once():
    shares = [list(Team(rank, 3).share(7)) for rank in range(3)]
    assert sorted(i for share in shares for i in share) == list(range(7))
    assert [Team(rank, 3).is_main for rank in range(3)] == [True, False, False]


def assert_same_run(actual, expected):
    """Snapshots and outer training curve, up to rounding."""
    assert actual.snapshots() == expected.snapshots() and actual.status().state == "finished"
    for step in expected.snapshots():
        theta, wanted = (read_tensors(run.snapshot_path(step), SNAPSHOT_FORMAT)[0] for run in (actual, expected))
        for name, tensor in wanted.items():
            torch.testing.assert_close(theta[name], tensor, rtol=1e-5, atol=1e-6)
    losses = [[step.meta_loss for step in run.outer_losses()] for run in (actual, expected)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def train_in_two_forks(path, config):
    """Two forks of this process, in the environment that torchrun gives: they need not import anything again."""
    port = free_port()

    def member(rank):
        os.environ.update(WORLD_SIZE="2", RANK=str(rank), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
        with Team.joined() as team:
            train(path, config, team=team, workers=Workers(1))

    members = [multiprocessing.get_context("fork").Process(target=member, args=(rank,)) for rank in (0, 1)]
    for process in members:
        process.start()
    for process in members:
        process.join(60)
        process.kill()
    assert [process.exitcode for process in members] == [0, 0]
    return Run(path)


@pytest.mark.parametrize("settings", [{}, EVOLUTION], ids=["exact", "evolution"])
def test_two_processes_end_in_the_same_theta_as_one(tmp_path, settings):
    config = small_config(**SETTINGS, **settings)
    single = train(tmp_path / "one", config, workers=Workers(1))
    assert_same_run(train_in_two_forks(tmp_path / "two", config), single)


@pytest.mark.long
def test_torchrun_starts_two_that_do_the_same(tmp_path):
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--", "core", "train"]
    command = [sys.executable, *launch, "--run", str(tmp_path / "two"), "--threads", "1", *OPTIONS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert_same_run(Run(tmp_path / "two"), train(tmp_path / "one", small_config(**SETTINGS), workers=Workers(1)))
