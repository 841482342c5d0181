import math

import numpy as np
import pytest
import torch

from core.files.atomic import read_json, write_json
from core.tasks import TASKS
from tools.study import figures, words
from tools.study.__main__ import RESULTS, missing_curves, snapshots_studied
from tools.study.measure import (
    ARMS,
    SHIPPED,
    Bias,
    Curve,
    Results,
    config_of,
    exact_gradient,
    measure_bias,
    measure_curve,
)


@pytest.fixture(scope="module")
def results():
    return read_json(RESULTS, Results)


@pytest.mark.long
def test_a_training_ends_when_its_time_is_up(tmp_path):
    curve = measure_curve("rosenbrock", "clipped", 1, 0.2, problems=4, unroll=10, architecture={"units": 4})
    assert 1 <= curve.outer_steps < 20_000 and curve.seconds[0] == 0
    assert curve.seconds == sorted(curve.seconds) and len(curve.held_out) == len(curve.seconds)
    assert all(value is not None and value > 0 for value in curve.held_out)
    write_json(tmp_path / "r.json", Results(budget=0.2, curves=[curve]))
    assert read_json(tmp_path / "r.json", Results).curves == [curve]


@pytest.mark.long
def test_the_exact_estimator_has_no_bias():
    step = snapshots_studied("linear_regression")[0]
    exact = exact_gradient("linear_regression", step, 2, problems=8)
    bias = measure_bias("linear_regression", "exact", step, exact, 2, problems=8)
    assert bias.cosine == pytest.approx(1, abs=1e-4) and bias.ratio == pytest.approx(1, rel=1e-2)
    assert bias.not_finite == 0 and bias.noise > 0
    clipped = measure_bias("linear_regression", "clipped", step, exact, 2, problems=8, adjoint_clip=1e-4)
    assert clipped.ratio < 0.5


def test_arms_are_what_their_titles_say():
    assert config_of("rosenbrock", "exact").adjoint_clip is None
    assert config_of("rosenbrock", "truncated").truncation == 20
    assert config_of("rosenbrock", "scheduled").truncation_start == 10
    assert config_of("two_moons", "evolution").estimator == "evolution"
    assert len({config_of("two_moons", arm).model_dump_json() for arm in ARMS}) == len(ARMS)


def test_what_was_measured_is_not_measured_again():
    curve = Curve(
        task="rosenbrock", arm="exact", seed=0, outer_steps=1, diverged=0, skipped=0, seconds=[0.0], held_out=[None]
    )
    left = list(missing_curves(Results(budget=1, curves=[curve]), 1))
    assert len(left) == len(TASKS) * len(ARMS) - 1 and ("rosenbrock", "exact", 0) not in left


def test_a_band_holds_the_last_snapshot_before_a_time_and_all_seeds():
    def curve(seed, held_out):
        return Curve(
            task="rosenbrock",
            arm="exact",
            seed=seed,
            outer_steps=2,
            diverged=0,
            skipped=0,
            seconds=[0, 5],
            held_out=held_out,
        )

    times, (low, middle, high) = figures.band(
        Results(budget=10, curves=[curve(0, [1.0, 0.5]), curve(1, [1.0, 0.7]), curve(2, [1.0, None])]),
        "rosenbrock",
        "exact",
    )
    assert np.all(high[times < 5] == 1) and np.all(np.isnan(middle[times >= 5]))
    assert len(times) == figures.POINTS and low[0] == 1


def test_the_page_says_what_was_measured(results):
    text = words.PAGE.read_text(encoding="utf-8")
    assert words.updated(text, results) == text
    assert "20 steps" in text and len(text) > 2000


def test_everything_was_measured(results):
    assert not list(missing_curves(results, 3))
    for task in TASKS:
        for step in snapshots_studied(task):
            biases = [bias for bias in results.biases if (bias.task, bias.outer_step) == (task, step)]
            assert {bias.arm for bias in biases} == set(ARMS), (task, step)
    assert set(SHIPPED) == set(TASKS)


def test_a_gradient_that_is_not_finite_is_counted():
    step = snapshots_studied("linear_regression")[0]
    bias = measure_bias(
        "linear_regression", "exact", step, torch.full((12993,), math.nan, dtype=torch.float64), 1, problems=2, unroll=2
    )
    assert bias.cosine is None and isinstance(bias, Bias)
