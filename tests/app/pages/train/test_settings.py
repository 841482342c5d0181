"""The settings as the form of the Train page shows them."""

import pytest

from app.pages.train.settings import PRESETS, allowed, choices_of, highest, parameters_of
from core.errors import InputError
from core.jobs.limits import Limits
from core.runs.options import OPTIONS, SETTINGS, from_options

LIMITS = Limits(units=128, outer_steps=5000)
BY_NAME = {setting.name: setting for setting in SETTINGS}
NUMBERS = [setting for setting in SETTINGS if setting.kind in ("whole", "number")]


def test_every_setting_but_the_start_has_a_control() -> None:
    assert set(BY_NAME) == set(OPTIONS) - {"start"}
    assert all(setting.description.endswith(".") and setting.title for setting in SETTINGS)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_run_that_is_allowed(name: str) -> None:
    Limits().check(from_options(PRESETS[name].settings, strict=True))


@pytest.mark.parametrize("name", [setting.name for setting in SETTINGS if setting.kind == "choice"])
def test_every_choice_is_accepted_and_another_is_not(name: str) -> None:
    for value in choices_of(BY_NAME[name]):
        from_options({"task": "linear_regression", name: value}, strict=True)
    with pytest.raises(InputError):
        from_options({"task": "linear_regression", name: "another"}, strict=True)


@pytest.mark.parametrize("name", [setting.name for setting in NUMBERS])
def test_the_bounds_shown_are_the_bounds_that_hold(name: str) -> None:
    setting, high = BY_NAME[name], highest(BY_NAME[name], LIMITS)
    assert setting.low is not None
    base = {"task": "linear_regression"}
    if setting.above:
        with pytest.raises(InputError):
            from_options({**base, name: setting.low}, strict=True)
    else:
        from_options({**base, name: setting.low}, strict=True)
        with pytest.raises(InputError):
            from_options({**base, name: setting.low - 1}, strict=True)
    if high is not None:
        with pytest.raises(InputError):
            LIMITS.check(from_options({**base, name: high + 1}, strict=True))
    assert allowed(setting, LIMITS)


def test_limits_of_this_instance_are_shown() -> None:
    assert allowed(BY_NAME["units"], LIMITS) == "1 to 128"
    assert allowed(BY_NAME["outer_steps"], LIMITS) == "1 to 5,000"
    assert allowed(BY_NAME["learning_rate"], LIMITS) == "above 0"
    assert allowed(BY_NAME["cell"], LIMITS) == ""


def test_a_tasks_parameters_are_listed_with_their_defaults() -> None:
    assert "hidden [64, 64, 64]" in parameters_of("two_moons") and "noise 0.1" in parameters_of("two_moons")
    assert parameters_of("rosenbrock") == "Rosenbrock has none."
