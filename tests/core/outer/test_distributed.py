import subprocess
import sys
from pathlib import Path

import pytest
import torch

from core.files.atomic import read_tensors
from core.outer.distributed import Team
from core.runs.run import SNAPSHOT_FORMAT, Run

ROOT = Path(__file__).resolve().parents[3]
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


def trained(path, processes, *more):
    launch = (
        ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m", "--"]
        if processes > 1
        else ["-m"]
    )
    command = [sys.executable, *launch, "core", "train", "--run", str(path), "--threads", "1", *OPTIONS, *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return Run(path)


def test_alone_it_is_a_team_of_one():
    team = Team.from_environment()
    assert team.is_main and list(team.share(3)) == [0, 1, 2] and team.broadcast(False) is False
    all_reduce = {"a": torch.ones(2)}
    assert team.all_reduce(all_reduce) is all_reduce


def test_shares_are_everything_once():
    shares = [list(Team(rank, 3).share(7)) for rank in range(3)]
    assert sorted(i for share in shares for i in share) == list(range(7))
    assert [Team(rank, 3).is_main for rank in range(3)] == [True, False, False]


@pytest.mark.parametrize("more", [(), ("--estimator", "evolution", "--pairs", "4", "--truncation", "5")])
def test_two_processes_end_in_the_same_theta_as_one(tmp_path, more):
    one, two = trained(tmp_path / "one", 1, *more), trained(tmp_path / "two", 2, *more)
    assert two.snapshots() == one.snapshots() and two.status().state == "finished"
    for step in one.snapshots():
        expected = read_tensors(one.snapshot_path(step), SNAPSHOT_FORMAT)[0]
        found = read_tensors(two.snapshot_path(step), SNAPSHOT_FORMAT)[0]
        for name, tensor in expected.items():
            torch.testing.assert_close(found[name], tensor, rtol=1e-5, atol=1e-6)
    losses = [[step.meta_loss for step in run.outer_losses()] for run in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
