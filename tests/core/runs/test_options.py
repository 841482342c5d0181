import shlex

import pytest

from core.errors import InputError
from core.runs.config import RunConfig, make_config
from core.runs.options import ARCHITECTURE, OPTIONS, command_of, from_options, to_options
from loptscope.cli.commands import _settings as given_settings
from loptscope.cli.commands import parser

CONFIGS = [
    {"task": "linear_regression"},
    {"task": "rosenbrock", "cell": "lstm", "units": 7, "features": "raw", "learning_rate": 1e-4, "seed": 9},
    {"task": "two_moons", "task_parameters": {"hidden": [8, 8], "noise": 0.2}, "gradient_clip": None, "unroll": 30},
    {
        "task": "linear_regression",
        "recompute": False,
        "truncation": 20,
        "truncation_start": 5,
        "estimator": "evolution",
    },
    {"task": "rosenbrock", "recompute": True, "adjoint_clip": None, "learning_rate_halving": 40, "snapshots": 3},
]


def test_every_setting_has_one_name():
    assert len(set(OPTIONS)) == len(OPTIONS)
    unnamed = {"format", "version", "provenance", "architecture"}
    assert set(OPTIONS) == (set(RunConfig.model_fields) | set(ARCHITECTURE)) - unnamed


@pytest.mark.parametrize("options", CONFIGS)
def test_options_there_and_back(options):
    config = from_options(options, strict=True)
    assert set(to_options(config)) == set(OPTIONS)
    assert from_options(to_options(config), strict=True) == config
    assert from_options({}, config) == config
    assert from_options({"seed": 77}, config) == config.model_copy(update={"seed": 77})


@pytest.mark.parametrize("options", CONFIGS)
def test_the_command_trains_the_same(options):
    config = from_options(options)
    words = shlex.split(command_of(config, "runs/a b"))
    assert words[:2] == ["loptscope", "train"]
    read = parser().parse_args(words[1:])
    assert str(read.run) == "runs/a b"
    assert from_options(given_settings(read)[0]) == config


def test_the_command_names_the_snapshot_it_starts_from():
    config = make_config({"task": "rosenbrock", "start": {"run": "mine", "outer_step": 30}})
    assert "--start mine@30" in command_of(config, "x")


def test_unknown_and_missing_names():
    with pytest.raises(InputError, match="'speed' is not a known setting: choose from task, "):
        from_options({"task": "rosenbrock", "speed": 3})
    with pytest.raises(InputError, match="task is missing: choose one of linear_regression"):
        from_options({"units": 3})
    with pytest.raises(InputError, match="units should be a valid integer"):
        from_options({"task": "rosenbrock", "units": "3"}, strict=True)
    assert from_options({"task": "rosenbrock", "units": "3"}).architecture.units == 3
