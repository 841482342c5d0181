"""Scores of snapshots."""

import pytest
import torch

from core.errors import InputError
from core.evaluation.held_out import compare
from core.evaluation.out_of_distribution import FEW, problems_for
from core.evaluation.snapshots import SnapshotScores, score_snapshots
from core.evaluation.typical import most_typical
from core.optimizers import make_hand_designed
from core.tasks import make_task


def test_every_snapshot_runs_on_the_problems_of_the_comparison() -> None:
    task = make_task("linear_regression")
    optimizers = {3: make_hand_designed("sgd", {"learning_rate": 0.1}), 9: make_hand_designed("adam")}
    seen: list[int] = []
    scores = score_snapshots(task, optimizers.items(), problems=8, steps=12, on_snapshot=seen.append)
    assert seen == [3, 9] and scores.problems == 8
    for step, optimizer in optimizers.items():
        wanted = compare(task, {"learned": optimizer}, problems=8, steps=12).optimizers["learned"]
        assert scores.snapshots[step].meta_loss == wanted.meta_loss
    assert SnapshotScores.model_validate_json(scores.model_dump_json()) == scores


def test_a_snapshot_that_diverges_has_no_mean() -> None:
    wild = make_hand_designed("sgd", {"learning_rate": 1e30})
    scores = score_snapshots(make_task("linear_regression"), [(0, wild)], problems=4, steps=40)
    assert scores.snapshots[0].meta_loss.mean is None and scores.snapshots[0].diverged == 4


def test_large_problems_are_few() -> None:
    assert problems_for(make_task("two_moons"), 128) == FEW
    assert problems_for(make_task("two_moons"), 4) == 4
    assert problems_for(make_task("rosenbrock"), 128) == 128


def test_the_typical_problem_is_nearest_to_the_medians_of_all_optimizers() -> None:
    ours = torch.tensor([0.01, 0.1, 0.1, 1.0, 0.1])
    theirs = torch.tensor([0.2, 0.2, 5.0, 0.2, float("nan")])
    assert most_typical({"ours": ours, "theirs": theirs}) == 1
    with pytest.raises(InputError, match="no problem is typical"):
        most_typical({"ours": torch.tensor([float("inf")])})
