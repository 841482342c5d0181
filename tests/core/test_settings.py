"""Settings are what the fields of the models say."""

from typing import Literal

import pytest
from pydantic import BaseModel

from core.runs.config import RunConfig
from core.runs.options import SETTINGS
from core.settings import GRADIENT, TASK, setting, settings_of


class Model(BaseModel):
    """Fields of every kind, out of order."""

    rate: float | None = setting(None, "Rate", "How fast.", GRADIENT, gt=0)
    size: int = setting(3, "Size", "How many.", TASK, ge=1, le=9)
    way: Literal["there_now", "back"] = setting("back", "Way", "Where to.", TASK, choices={"back": "Back home"})
    again: bool | None = setting(None, "Again", "Once more.", GRADIENT)
    hidden: int = 5


def test_kinds_limits_and_groups_come_from_the_fields() -> None:
    by_name = {setting.name: setting for setting in settings_of(Model)}
    assert list(by_name) == ["size", "way", "rate", "again"]
    size, way, rate, again = by_name.values()
    assert (size.kind, size.low, size.high, size.above, size.optional, size.default) == ("whole", 1, 9, False, False, 3)
    assert (way.kind, dict(way.choices)) == ("choice", {"there_now": "there now", "back": "Back home"})
    assert (rate.kind, rate.low, rate.high, rate.above, rate.optional) == ("number", 0, None, True, True)
    assert (again.kind, again.optional, again.title, again.group) == ("switch", True, "Again", GRADIENT)


@pytest.mark.parametrize("name", [chosen.name for chosen in SETTINGS if chosen.kind in ("whole", "number")])
def test_defaults_are_within_their_bounds(name: str) -> None:
    chosen = next(row for row in SETTINGS if row.name == name)
    assert chosen.default is None or (chosen.low is not None and chosen.low <= chosen.default)
    assert chosen.optional == (chosen.default is None or name in ("gradient_clip", "adjoint_clip"))


def test_what_nobody_chooses_is_no_setting() -> None:
    assert {"format", "version", "provenance", "architecture", "start"} == set(RunConfig.model_fields) - {
        setting.name for setting in SETTINGS
    }
