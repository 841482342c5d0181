"""Outer steps that are left in the middle, between two blocks of inner steps."""

import pytest
import torch

from core.evaluation.held_out import loss_curves
from core.interruption import LeaveError
from core.outer import compiled
from core.outer.gradient import Workers, outer_gradient
from core.outer.trainer import Hooks, train
from tests.core.helpers import learned, small_config, small_problems
from tests.core.outer.test_trainer import assert_same_run

WINDOWS = {"truncation": 3, "unroll": 9, "problems": 8}
SETTINGS = {
    "whole unrolls": {},
    "recomputed": {"recompute": True},
    "another task": {"task": "two_moons", "task_parameters": {"hidden": [4, 3], "points": 24}, "outer_steps": 5},
    "windows": WINDOWS,
    "evolution": {"estimator": "evolution", "pairs": 2, **WINDOWS},
}


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Every inner step is a block of its own."""
    monkeypatch.setattr(compiled, "BLOCK", 1.0)


class Leaving:
    """Leaves at some check of some outer step."""

    def __init__(self, outer_step: int, checks: int, done: int = 0):
        self.outer_step, self.checks, self.now = outer_step, checks, done

    def on_step(self, step):
        self.now = step.outer_step
        return True

    def check(self):
        if self.now + 1 == self.outer_step:
            self.checks -= 1
            if self.checks < 0:
                raise LeaveError


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_blocks_change_no_bit(monkeypatch, dtype):
    problems = small_problems("linear_regression", count=5, dtype=dtype)
    in_blocks = outer_gradient(learned(dtype=dtype), problems, 9, 0.01)
    monkeypatch.setattr(compiled, "BLOCK", 1e9)
    at_once = outer_gradient(learned(dtype=dtype), problems, 9, 0.01)
    assert torch.equal(in_blocks.meta_losses, at_once.meta_losses)
    assert all(torch.equal(part, at_once.gradients[name]) for name, part in in_blocks.gradients.items())


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_step_that_was_left_never_was(tmp_path, settings, threads):
    config = small_config(**settings)
    reference = train(tmp_path / "reference", config, workers=Workers(1))
    before, done = 0.0, 0
    for number, (outer_step, checks) in enumerate([(1, 0), (1, 5), (3, 2), (4, 9)]):
        leaving = Leaving(outer_step, checks, done)
        workers = Workers(threads, leaving.check)
        hooks = Hooks(left_as=lambda: ("paused", "why"))
        run = train(tmp_path / "run", config, resume=number > 0, on_step=leaving.on_step, workers=workers, hooks=hooks)
        status = run.status()
        assert (status.state, status.message, status.outer_step) == ("paused", "why", outer_step - 1)
        assert len(run.outer_losses()) == outer_step - 1
        assert status.seconds >= before  # the time was spent
        before, done = status.seconds, outer_step - 1
    assert_same_run(train(tmp_path / "run", config, resume=True), reference)


def test_no_thread_works_on_for_a_step_that_was_left():
    working, leaves = [0], Leaving(1, 4)

    def work(item, space):
        working[0] += 1
        try:
            while True:
                space.check()
        finally:
            working[0] -= 1

    with pytest.raises(LeaveError):
        Workers(2, leaves.check).map(work, range(6))
    assert working == [0]


def test_whatever_follows_the_last_step_can_be_left_and_the_run_is_finished(tmp_path):
    config = small_config()

    def theta(step, theta):
        if step.outer_step == config.outer_steps:
            raise LeaveError

    run = train(tmp_path / "run", config, hooks=Hooks(theta=theta, left_as=pytest.fail))
    assert run.status().state == "finished" and run.snapshots()[-1] == config.outer_steps


def test_an_unroll_is_left():
    with pytest.raises(LeaveError):
        loss_curves(learned(), small_problems("rosenbrock"), 100, check=Leaving(1, 50).check)
