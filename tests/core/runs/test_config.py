import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.runs.config import RunConfig, make_config, snapshot_steps
from core.tasks import make_task


def test_defaults_need_only_a_task():
    config = make_config({"task": "rosenbrock"})
    assert (config.problems, config.unroll, config.seed) == (64, 200, 0)
    assert config.architecture.label == "GRU-64"
    assert config.make_task() == make_task("rosenbrock")


def test_json_round_trip():
    config = make_config(
        {
            "task": "two_moons",
            "task_parameters": {"hidden": [4, 4]},
            "adjoint_clip": None,
            "architecture": {"cell": "lstm"},
        }
    )
    assert RunConfig.model_validate_json(config.model_dump_json()) == config
    assert config.make_task().hidden == (4, 4)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({}, "task is missing"),
        ({"task": "quadratic"}, "unknown task 'quadratic'"),
        ({"task": "rosenbrock", "outer_steps": 0}, "outer_steps should be greater than or equal to 1 (got 0)"),
        ({"task": "rosenbrock", "problems": -4}, "problems should be greater than or equal to 1 (got -4)"),
        ({"task": "rosenbrock", "unroll": 2.5}, "unroll should be a valid integer"),
        ({"task": "rosenbrock", "unroll": "long"}, "unroll should be a valid integer"),
        ({"task": "rosenbrock", "seed": -1}, "seed should be greater than or equal to 0"),
        ({"task": "rosenbrock", "seed": 2**63}, "seed should be less than"),
        ({"task": "rosenbrock", "learning_rate": math.nan}, "learning_rate"),
        ({"task": "rosenbrock", "learning_rate": 0}, "learning_rate should be greater than 0"),
        ({"task": "rosenbrock", "adjoint_clip": 0}, "adjoint_clip should be greater than 0"),
        ({"task": "rosenbrock", "gradient_clip": -1}, "gradient_clip should be greater than 0"),
        ({"task": "rosenbrock", "learning_rate_halving": 0}, "learning_rate_halving"),
        ({"task": "rosenbrock", "snapshots": 1}, "snapshots should be greater than or equal to 2"),
        ({"task": "rosenbrock", "momentum": 0.9}, "momentum is not a known setting"),
        ({"task": "rosenbrock", "architecture": {"units": 0}}, "units should be greater than or equal to 1"),
        ({"task": "rosenbrock", "architecture": {"cell": "rnn"}}, "cell should be 'gru', 'lstm' or 'vanilla'"),
        ({"task": "rosenbrock", "format": "loptscope-run/9"}, "format"),
        ({"task": "two_moons", "task_parameters": {"points": 1}}, "points should be greater than or equal to 2"),
    ],
)
def test_wrong_settings_are_named_in_one_line(settings, words):
    with pytest.raises(InputError) as caught:
        make_config(settings)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@given(outer_steps=st.integers(1, 100_000), count=st.integers(2, 60))
def test_snapshot_steps_hold_both_ends_and_no_more_than_asked(outer_steps, count):
    steps = snapshot_steps(outer_steps, count)
    assert steps[0] == 0 and steps[-1] == outer_steps
    assert all(a < b for a, b in itertools.pairwise(steps))
    assert len(steps) <= count


def test_snapshot_steps_are_evenly_spaced_in_their_logarithm():
    assert snapshot_steps(1000, 5) == [0, 1, 10, 100, 1000]
    steps = snapshot_steps(100_000, 40)
    large = [s for s in steps if s > 100]
    ratios = [b / a for a, b in itertools.pairwise(large)]
    assert max(ratios) < 1.03 * min(ratios)


@pytest.mark.parametrize("outer_steps, count, expected", [(1, 14, [0, 1]), (7, 2, [0, 7]), (7, 3, [0, 1, 7])])
def test_few_snapshots(outer_steps, count, expected):
    assert snapshot_steps(outer_steps, count) == expected


@pytest.mark.parametrize(
    "fidelity, parameters, points", [("full", {}, 1024), ("reduced", {}, 256), ("reduced", {"points": 9}, 9)]
)
def test_reduced_fidelity_trains_on_cheaper_problems_and_is_judged_on_the_tasks_own(fidelity, parameters, points):
    config = make_config({"task": "two_moons", "task_parameters": parameters, "fidelity": fidelity})
    assert dict(config.training_task())["points"] == points
    assert dict(config.make_task())["points"] == parameters.get("points", 1024)
