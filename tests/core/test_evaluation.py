import json
import math

import numpy as np
import pytest
import torch

from core import evaluation
from core.errors import InputError
from core.evaluation import Evaluation, evaluate, loss_curves, score
from core.optimizers import make_hand_designed
from core.seeds import Purpose, generator
from core.tasks import make_task
from tests.core.helpers import learned, plain_losses, small_problems


@pytest.fixture
def losses():
    return torch.from_numpy(np.random.default_rng(0).gamma(1.0, size=(6, 9)))


def test_score_against_numpy(losses):
    found, raw = score(losses, {"learning_rate": 0.1}), losses.numpy()
    relative = raw / raw[0]
    each = relative.mean(0)
    assert found.meta_loss.mean == pytest.approx(each.mean(), rel=1e-12)
    assert found.meta_loss.sem == pytest.approx(each.std(ddof=1) / 3, rel=1e-12)
    assert found.final_loss.mean == pytest.approx(raw[-1].mean(), rel=1e-12)
    assert found.final_loss.median == pytest.approx(np.median(raw[-1]), rel=1e-12)
    assert found.curve_mean == pytest.approx(relative.mean(1), rel=1e-12)
    assert found.curve_sem == pytest.approx(relative.std(1, ddof=1) / 3, rel=1e-12, abs=1e-15)
    assert found.diverged == 0 and found.hyperparameters == {"learning_rate": 0.1}
    assert found.curve_mean[0] == 1.0 and found.curve_sem[0] == 0.0


def test_single_precision_is_summed_in_double():
    losses = torch.tensor([[3e38, 3e38], [3e38, 3e38]], dtype=torch.float32)
    assert score(losses).final_loss.mean == pytest.approx(3e38, rel=1e-6)


@pytest.mark.parametrize("bad", [math.inf, math.nan])
@pytest.mark.parametrize("row", [3, 5])
def test_divergence_is_counted_and_none(losses, bad, row):
    losses[row:, [2, 4]] = bad
    found = score(losses)
    assert found.diverged == 2
    assert found.meta_loss.mean is None and found.meta_loss.sem is None and found.final_loss.mean is None
    assert [value is None for value in found.curve_mean] == [k >= row for k in range(6)]
    assert [value is None for value in found.curve_sem] == [k >= row for k in range(6)]
    json.dumps(found.model_dump(), allow_nan=False)


def test_a_problem_that_came_back_still_counts_as_diverged(losses):
    losses[2, 0] = math.nan
    found = score(losses)
    assert found.diverged == 1 and found.meta_loss.mean is None
    assert found.final_loss.mean == pytest.approx(losses[-1].mean().item())


@pytest.mark.parametrize("at_once", [1, 7, 13, 10**6])
def test_batches_do_not_change_the_curves(monkeypatch, at_once):
    problems, optimizer = small_problems("linear_regression", count=5), learned()
    monkeypatch.setattr(evaluation, "ROWS_AT_ONCE", at_once)
    found = loss_curves(optimizer, problems, 6)
    torch.testing.assert_close(found, plain_losses(optimizer, problems, 6), rtol=1e-10, atol=0)


def test_all_optimizers_meet_the_same_held_out_problems():
    task = make_task("linear_regression")
    optimizers = {"slow": make_hand_designed("sgd"), "fast": make_hand_designed("sgd", {"learning_rate": 0.5})}
    curves = evaluate(task, optimizers, problems=6, seed=4, steps=3)
    held_out = task.sample(6, generator(Purpose.EVALUATE, 4))
    assert torch.equal(curves["slow"][0], curves["fast"][0])
    assert torch.equal(curves["slow"][0], held_out.loss(held_out.x0))
    assert curves["slow"].shape == (4, 6) and (curves["slow"][-1] > curves["fast"][-1]).all()
    assert not torch.equal(curves["slow"][0], evaluate(task, optimizers, problems=6, seed=5, steps=0)["slow"][0])


@pytest.mark.parametrize("problems", [1, 0, -3])
def test_a_standard_error_needs_two_problems(problems):
    with pytest.raises(InputError, match=rf"problems must be at least 2, for a standard error \(got {problems}\)"):
        evaluate(make_task("rosenbrock"), {}, problems=problems)


def test_evaluation_round_trip(losses):
    record = Evaluation(task="rosenbrock", problems=9, seed=0, steps=5, optimizers={"learned": score(losses)})
    assert Evaluation.model_validate_json(record.model_dump_json()) == record
