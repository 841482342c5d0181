"""What the Train page says of settings."""

import pytest

from app.pages.train.settings import (
    CHOICES,
    PRESETS,
    SETTINGS,
    allowed,
    bounds,
    field_of,
    optional,
    parameters_of,
    whole,
)
from core.errors import InputError
from core.jobs.limits import Limits
from core.runs.options import OPTIONS, from_options

LIMITS = Limits(units=128, outer_steps=5000)


def test_every_setting_but_the_start_has_a_control() -> None:
    assert {setting.name for setting in SETTINGS} == set(OPTIONS) - {"start"}
    assert all(setting.about.endswith(".") and setting.title for setting in SETTINGS)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_run_that_is_allowed(name: str) -> None:
    Limits().check(from_options(PRESETS[name].settings, strict=True))


@pytest.mark.parametrize("name", [name for name in CHOICES if name != "recompute"])
def test_every_choice_is_accepted_and_another_is_not(name: str) -> None:
    for value in CHOICES[name]:
        from_options({"task": "linear_regression", name: value}, strict=True)
    with pytest.raises(InputError):
        from_options({"task": "linear_regression", name: "another"}, strict=True)


NUMBERS = [one.name for one in SETTINGS if one.name not in CHOICES and one.name != "task_parameters"]


@pytest.mark.parametrize("name", NUMBERS)
def test_the_bounds_said_are_the_bounds_that_hold(name: str) -> None:
    low, high, above = bounds(name, LIMITS)
    assert low is not None
    base = {"task": "linear_regression"}
    if above:
        with pytest.raises(InputError):
            from_options({**base, name: low}, strict=True)
    else:
        from_options({**base, name: low}, strict=True)
        with pytest.raises(InputError):
            from_options({**base, name: low - 1}, strict=True)
    if high is not None:
        with pytest.raises(InputError):
            LIMITS.check(from_options({**base, name: high + 1}, strict=True))
    assert allowed(name, LIMITS)


def test_limits_of_this_instance_are_said() -> None:
    assert allowed("units", LIMITS) == "1 to 128"
    assert allowed("outer_steps", LIMITS) == "1 to 5,000"
    assert allowed("learning_rate", LIMITS) == "above 0"
    assert allowed("cell", LIMITS) == ""


def test_kinds_come_from_the_configuration() -> None:
    assert {name for name in NUMBERS if optional(name)} == {
        name for name in NUMBERS if field_of(name).default is None
    } | {"gradient_clip", "adjoint_clip"}
    assert whole("units") and whole("truncation") and not whole("learning_rate") and not whole("gradient_clip")


def test_a_tasks_parameters_are_listed_with_their_defaults() -> None:
    assert "hidden [64, 64, 64]" in parameters_of("two_moons") and "noise 0.1" in parameters_of("two_moons")
    assert parameters_of("rosenbrock") == "Rosenbrock has none."
