import json
import math

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.evaluation import held_out as evaluation
from core.evaluation.held_out import Evaluation, StepsToTarget, compare, evaluate, kept_steps, loss_curves, score
from core.optimizers import make_hand_designed
from core.seeds import Purpose, generator
from core.tasks import make_task
from tests.core.helpers import learned, plain_losses, small_problems


@pytest.fixture
def losses():
    return torch.from_numpy(np.random.default_rng(0).gamma(1.0, size=(6, 9)))


def test_score_against_numpy(losses):
    scored, raw = score(losses, {"learning_rate": 0.1}), losses.numpy()
    relative = raw / raw[0]
    each = relative.mean(0)
    assert scored.meta_loss.mean == pytest.approx(each.mean(), rel=1e-12)
    assert scored.meta_loss.sem == pytest.approx(each.std(ddof=1) / 3, rel=1e-12)
    assert scored.final_loss.mean == pytest.approx(raw[-1].mean(), rel=1e-12)
    assert scored.final_loss.median == pytest.approx(np.median(raw[-1]), rel=1e-12)
    assert scored.curve_mean == pytest.approx(relative.mean(1), rel=5e-5)
    assert scored.curve_sem == pytest.approx(relative.std(1, ddof=1) / 3, rel=5e-5, abs=1e-15)
    assert scored.curve_median == pytest.approx(np.median(relative, axis=1), rel=5e-5)
    assert scored.diverged == 0 and scored.hyperparameters == {"learning_rate": 0.1}
    assert scored.curve_mean[0] == 1.0 and scored.curve_sem[0] == 0.0


def test_single_precision_is_summed_in_double():
    losses = torch.tensor([[3e38, 3e38], [3e38, 3e38]], dtype=torch.float32)
    assert score(losses).final_loss.mean == pytest.approx(3e38, rel=1e-6)


@pytest.mark.parametrize("bad", [math.inf, math.nan])
@pytest.mark.parametrize("row", [3, 5])
def test_divergence_is_counted_and_none(losses, bad, row):
    losses[row:, [2, 4]] = bad
    scored = score(losses)
    assert scored.diverged == 2
    assert scored.meta_loss.mean is None and scored.meta_loss.sem is None and scored.final_loss.mean is None
    assert [value is None for value in scored.curve_mean] == [k >= row for k in range(6)]
    assert [value is None for value in scored.curve_sem] == [k >= row for k in range(6)]
    json.dumps(scored.model_dump(), allow_nan=False)


def test_a_problem_that_came_back_still_counts_as_diverged(losses):
    losses[2, 0] = math.nan
    scored = score(losses)
    assert scored.diverged == 1 and scored.meta_loss.mean is None
    assert scored.final_loss.mean == pytest.approx(losses[-1].mean().item())


def test_the_median_of_diverged_losses_is_none_and_no_huge_number(losses):
    losses[3:, :5] = math.inf
    scored = score(losses)
    assert scored.final_loss.median is None
    assert [value is None for value in scored.curve_median] == [k >= 3 for k in range(6)]
    losses[3:, 4] = 7.0
    assert score(losses).final_loss.median == pytest.approx(np.median(losses[-1].numpy()))


def test_an_even_number_of_problems_has_the_middle_of_two_as_median():
    losses = torch.tensor([[1.0, 1.0, 1.0, 1.0], [0.1, 0.4, math.nan, 0.2]])
    assert score(losses).curve_median == pytest.approx([1.0, 0.3])
    losses[1, 1] = math.inf
    assert score(losses).curve_median == [1.0, None]


def relative_losses(*rows):
    return torch.tensor(rows, dtype=torch.float64).T


@pytest.mark.parametrize(
    "rows, expected",
    [
        ([[4, 2, 1, 0.5], [4, 1, 1, 1], [4, 4, 4, 1]], (2.0, 3)),  # the target itself counts
        ([[4, 1, 9, 9], [4, math.nan, 0.5, math.inf], [4, 4, 4, 4]], (2.0, 2)),  # so does what rises again
        ([[4, 1, 0, 0], [4, 4, 4, 4]], (None, 1)),
        ([[4, 3, 3, 3], [math.inf, 1, 1, 1]], (None, 1)),
    ],
)
def test_steps_to_a_target_by_hand(rows, expected):
    steps = score(relative_losses(*rows), target=0.25).steps_to_target
    assert steps == StepsToTarget(median=expected[0], reached=expected[1])


@pytest.mark.parametrize("steps, points", [(200, 201), (1000, 201), (1000, 51), (7, 3), (5, 2)])
def test_curves_are_thinned_to_their_ends_and_evenly_between(steps, points):
    kept = kept_steps(steps, points)
    if steps < points:
        assert kept is None
        return
    assert len(kept) == points and (kept[0], kept[-1]) == (0, steps)
    gaps = np.diff(kept)
    assert gaps.min() >= 1 and gaps.max() - gaps.min() <= 1


def test_a_thinned_curve_is_the_whole_one_at_its_steps(losses):
    whole, thin = score(losses), score(losses, curve_steps=[0, 2, 5])
    for name in ("curve_mean", "curve_sem", "curve_median"):
        assert getattr(thin, name) == [getattr(whole, name)[k] for k in (0, 2, 5)]
    assert thin.curve_steps == [0, 2, 5] and whole.curve_steps is None
    assert thin.meta_loss == whole.meta_loss and thin.steps_to_target == whole.steps_to_target


def test_curves_keep_five_digits(losses):
    assert all(value == float(f"{value:.5g}") for value in score(losses).curve_mean)


@pytest.mark.parametrize("at_once", [1, 7, 13, 10**6])
def test_batches_do_not_change_the_curves(monkeypatch, at_once):
    problems, optimizer = small_problems("linear_regression", count=5), learned()
    monkeypatch.setattr(evaluation, "ROWS_AT_ONCE", at_once)
    curves = loss_curves(optimizer, problems, 6)
    torch.testing.assert_close(curves, plain_losses(optimizer, problems, 6), rtol=1e-10, atol=0)


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


def test_a_comparison_notes_what_it_was():
    task = make_task("two_moons", {"hidden": (3,), "points": 20})
    slow = make_hand_designed("sgd", {"learning_rate": 0.01})
    compared = compare(task, {"learned": learned(dtype=torch.float32), "sgd": slow}, problems=3, steps=9, points=4)
    assert (compared.task, compared.task_parameters) == ("two_moons", {"hidden": [3], "points": 20})
    assert (compared.problems, compared.steps, compared.target) == (3, 9, evaluation.target_of("two_moons"))
    assert compared.optimizers["learned"].hyperparameters is None
    assert compared.optimizers["sgd"].hyperparameters == {"learning_rate": 0.01, "learning_rate_decay": 0.0}
    assert compared.optimizers["sgd"].curve_steps == [0, 3, 6, 9]
    curves = evaluate(task, {"sgd": slow}, problems=3, steps=9)["sgd"]
    assert compared.optimizers["sgd"] == score(
        curves, slow.hyperparameters(), target=compared.target, curve_steps=[0, 3, 6, 9]
    )
    assert Evaluation.model_validate_json(compared.model_dump_json()) == compared


def test_the_target_asked_for_is_the_one_timed_to():
    fast = {"sgd": make_hand_designed("sgd", {"learning_rate": 1e-4})}
    easy, hard = (compare(make_task("rosenbrock"), fast, problems=8, steps=20, target=t) for t in (0.99, 1e-9))
    assert easy.optimizers["sgd"].steps_to_target.reached > hard.optimizers["sgd"].steps_to_target.reached == 0
    assert (easy.target, hard.target) == (0.99, 1e-9)


@pytest.mark.parametrize("target", [0.0, -1.0, 1.0, math.nan, math.inf])
def test_a_target_is_a_share_of_the_first_loss(target):
    with pytest.raises(InputError, match="target must be above 0 and below 1"):
        compare(make_task("rosenbrock"), {}, problems=2, steps=1, target=target)


def test_evaluation_round_trip(losses):
    record = Evaluation(task="rosenbrock", problems=9, seed=0, steps=5, optimizers={"learned": score(losses)})
    assert Evaluation.model_validate_json(record.model_dump_json()) == record
