import csv
import math

import numpy as np
import pytest
import torch

from core.baselines import pruning as racing
from core.baselines.search import default_rungs, read_draws, read_search_result, search, search_all, write_search
from core.errors import InputError
from core.evaluation.held_out import loss_curves
from core.meta_loss import meta_loss
from core.optimizers import HAND_DESIGNED, make_hand_designed
from core.optimizers.hand_designed import BASELINES, EXPLORE_BASELINES
from core.optimizers.hyperparameters import HYPERPARAMETERS, Hyperparameter, Range
from core.seeds import Purpose, generator
from core.tasks import make_task
from tests.core.helpers import SMALL_MOONS

LINEAR = make_task("linear_regression")


def test_the_horizon_of_a_cosine_is_the_unroll():
    searched = search(LINEAR, "adam_cosine", draws=4, steps=12, rungs=[(2, 4)])
    assert searched.draws["horizon"].tolist() == [12.0] * 4 and searched.tuned.hyperparameters["horizon"] == 12


def test_the_best_draw_wins():
    searched = search(LINEAR, "momentum", draws=12, seed=3, steps=20, rungs=[(5, 12)])
    problems = LINEAR.sample(5, generator(Purpose.TUNE, 3, 0))
    means = []
    for i in range(12):
        draw_ = make_hand_designed("momentum", {name: values[i].item() for name, values in searched.draws.items()})
        means.append(meta_loss(loss_curves(draw_, problems, 20)).double())
    means = torch.stack(means)
    best = int(torch.where(means.mean(1).isfinite(), means.mean(1), math.inf).argmin())
    assert searched.tuned.hyperparameters == {name: values[best].item() for name, values in searched.draws.items()}
    assert searched.tuned.meta_loss == pytest.approx(means[best].mean().item(), rel=1e-5)
    assert searched.tuned.sem == pytest.approx(means[best].std().item() / 5**0.5, rel=1e-4)
    assert searched.tuned.diverged == int((~means.isfinite().all(1)).sum())
    assert searched.problems.tolist() == [5] * 12


def test_divergence_is_counted_and_never_wins(monkeypatch):
    monkeypatch.setitem(HYPERPARAMETERS, "learning_rate", Hyperparameter(Range(0.5, 1e4, "log")))
    searched = search(LINEAR, "sgd", draws=20, steps=60, rungs=[(3, 20)])
    assert 0 < searched.tuned.diverged < 20
    assert int(torch.isinf(searched.meta_losses).sum()) == searched.tuned.diverged
    assert math.isfinite(searched.tuned.meta_loss)
    monkeypatch.setitem(HYPERPARAMETERS, "learning_rate", Hyperparameter(Range(1e10, 1e12, "log")))
    with pytest.raises(InputError, match="all 5 draws of sgd diverged on linear_regression"):
        search(LINEAR, "sgd", draws=5, steps=60, rungs=[(3, 5)])


def test_halving_takes_the_best_of_each_stage_to_the_next():
    searched = search(LINEAR, "adam", draws=16, seed=1, steps=10, rungs=[(2, 16), (4, 5), (9, 2)])
    assert sorted(searched.problems.tolist()) == [2] * 11 + [4] * 3 + [9] * 2
    whole = {
        rung: search(LINEAR, "adam", draws=16, seed=1, steps=10, rungs=rungs)
        for rung, rungs in (("first", [(2, 16)]), ("both", [(2, 16), (4, 16)]))
    }
    survivors = torch.argsort(whole["first"].meta_losses)[:5]
    assert set(survivors.tolist()) == set(torch.nonzero(searched.problems > 2)[:, 0].tolist())
    second = whole["both"].meta_losses
    last = survivors[torch.argsort(second[survivors])[:2]]
    assert set(last.tolist()) == set(torch.nonzero(searched.problems == 9)[:, 0].tolist())
    winner = last[torch.argmin(searched.meta_losses[last])]
    assert searched.tuned.hyperparameters["learning_rate"] == searched.draws["learning_rate"][winner].item()
    fresh = LINEAR.sample(9, generator(Purpose.TUNE, 1, 2))
    expected = meta_loss(loss_curves(searched.tuned.make(), fresh, 10)).mean().item()
    assert searched.tuned.meta_loss == pytest.approx(expected, rel=1e-5)


def test_search_is_deterministic_in_its_seed():
    first, again, other = (search(LINEAR, "momentum", draws=6, seed=s, steps=8, rungs=[(3, 6)]) for s in (0, 0, 1))
    assert first.tuned == again.tuned and torch.equal(first.meta_losses, again.meta_losses)
    assert all(torch.equal(values, again.draws[name]) for name, values in first.draws.items())
    assert first.tuned.hyperparameters != other.tuned.hyperparameters


def test_tuned_momentum_beats_the_default_on_held_out_problems():
    tuned = search(LINEAR, "momentum", draws=40, steps=40, rungs=[(16, 40)]).tuned.make()
    held_out = LINEAR.sample(32, generator(Purpose.EVALUATE, 0))
    best, default = (
        meta_loss(loss_curves(o, held_out, 40)).mean().item() for o in (tuned, make_hand_designed("momentum"))
    )
    assert best < 0.5 * default


def test_tuning_problems_are_not_held_out_problems():
    tune, held_out = (LINEAR.sample(16, generator(purpose, 0)) for purpose in (Purpose.TUNE, Purpose.EVALUATE))
    assert torch.cdist(tune.x0, held_out.x0).min() > 0


def test_default_rungs():
    assert default_rungs(LINEAR, 100) == [(64, 100)]
    assert default_rungs(make_task("two_moons", SMALL_MOONS), 100) == [(64, 100)]
    rungs = default_rungs(make_task("two_moons"), 1000)
    problems, kept = zip(*rungs, strict=True)
    assert rungs[0] == (1, 1000) and problems[-1] == 64
    assert list(problems) == sorted(problems) and list(kept) == sorted(kept, reverse=True) and kept[-1] >= 1
    assert default_rungs(make_task("two_moons"), 1)[-1] == (64, 1)


@pytest.mark.parametrize(
    "optimizer, draws, words",
    [("lion", 3, "unknown optimizer 'lion'"), ("adam", 0, "draws must be at least 1"), ("adam", -2, "got -2")],
)
def test_wrong_input_is_refused(optimizer, draws, words):
    with pytest.raises(InputError, match=words):
        search(LINEAR, optimizer, draws=draws)


def test_outcome_on_disk(tmp_path):
    searched = search(LINEAR, "rmsprop", draws=5, steps=6, rungs=[(3, 5), (6, 2)])
    write_search(tmp_path, searched)
    again = read_search_result(tmp_path, "linear_regression", "rmsprop")
    assert again == searched.tuned
    assert again.make().hyperparameters() == searched.tuned.hyperparameters
    with (tmp_path / "linear_regression" / "rmsprop.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["meta_loss"]) for row in rows] == pytest.approx(searched.meta_losses.tolist(), rel=1e-6)
    assert [int(row["problems"]) for row in rows] == searched.problems.tolist()
    for name, values in searched.draws.items():
        assert [float(row[name]) for row in rows] == pytest.approx(values.tolist(), rel=1e-6)


def test_rivals_are_all_there_is():
    assert set(BASELINES) == set(HAND_DESIGNED) and set(EXPLORE_BASELINES) <= set(BASELINES)


@pytest.mark.parametrize("workers", [1, 2])
def test_search_all_keeps_each_outcome(workers, tmp_path):
    events = {}

    def hear(name, done, work):
        events.setdefault(name, []).append((done, work))

    names = ("sgd", "adam_exponential")
    searched = list(search_all(LINEAR, tmp_path, optimizers=names, draws=5, workers=workers, on_done=hear))
    assert [outcome.optimizer for outcome in searched] == list(names)
    for outcome in searched:
        assert outcome == search(LINEAR, outcome.optimizer, draws=5).tuned
        assert read_search_result(tmp_path, "linear_regression", outcome.optimizer) == outcome
        done, work = zip(*events[outcome.optimizer], strict=True)
        assert done[-1] == work[-1] == 5 * 64 and list(done) == sorted(set(done))


def test_search_all_leaves_out_what_is_there(tmp_path):
    def run(**changes):
        settings = {"optimizers": ("sgd", "momentum"), "draws": 3, "skip_existing": True, **changes}
        searched = []
        result = list(search_all(LINEAR, tmp_path, **settings, on_done=lambda name, *_: searched.append(name)))
        return set(searched), result

    assert run(optimizers=("sgd",))[0] == {"sgd"}
    searched, results = run()
    assert searched == {"momentum"} and [outcome.optimizer for outcome in results] == ["sgd", "momentum"]
    assert run()[0] == set()
    assert (
        run(draws=4)[0] == run(draws=4, seed=1)[0] == run(draws=4, seed=1, skip_existing=False)[0] == set(BASELINES[:2])
    )


def test_a_draw_that_was_given_up_is_marked(monkeypatch):
    monkeypatch.setattr(racing, "ROWS_AT_ONCE", 50)
    rungs = [(2, 150), (4, 3)]
    searched = search(LINEAR, "adam", draws=150, steps=40, rungs=rungs)
    partial = searched.steps < 40
    assert 0 < searched.tuned.given_up == int((partial & searched.meta_losses.isfinite()).sum())
    whole = search(LINEAR, "adam", draws=150, steps=40, rungs=[(2, 150)])
    assert (searched.meta_losses[partial] <= whole.meta_losses[partial] * (1 + 1e-6)).all()
    assert set(torch.nonzero(searched.problems == 4)[:, 0].tolist()) == set(
        torch.argsort(whole.meta_losses)[:3].tolist()
    )


def test_a_damaged_outcome_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"adam\.json does not exist"):
        read_search_result(tmp_path, "rosenbrock", "adam")
    (tmp_path / "rosenbrock").mkdir()
    (tmp_path / "rosenbrock" / "adam.json").write_text('{"task": "rosenbrock"}')
    with pytest.raises(InputError, match=r"adam\.json is damaged or not a SearchResult file"):
        read_search_result(tmp_path, "rosenbrock", "adam")


def test_draws_are_read_back_by_column(tmp_path):
    searched = search(LINEAR, "momentum", draws=8, seed=4, steps=10)
    write_search(tmp_path, searched)
    columns = read_draws(tmp_path, "linear_regression", "momentum")
    assert list(columns) == [*searched.draws, "meta_loss", "problems", "steps"]
    for name, values in searched.draws.items():
        np.testing.assert_allclose(columns[name], values, rtol=1e-6)
    np.testing.assert_allclose(columns["meta_loss"], searched.meta_losses, rtol=1e-6)
    np.testing.assert_array_equal(columns["steps"], searched.steps)
    place = tmp_path / "linear_regression" / "momentum.csv"
    for content in ("", "learning_rate,meta_loss\n1,many\n", "learning_rate\n1,2\n"):
        place.write_text(content)
        with pytest.raises(InputError, match="is damaged"):
            read_draws(tmp_path, "linear_regression", "momentum")
    place.unlink()
    with pytest.raises(InputError, match="does not exist"):
        read_draws(tmp_path, "linear_regression", "momentum")
