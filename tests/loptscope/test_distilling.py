"""Distilling by name: what is stored is returned, and what cannot be is refused before anything is trained."""

import pytest

from core.errors import InputError
from core.runs import zoo
from loptscope.distilling import distil

NAME = "rosenbrock-gru64"


def test_what_is_stored_is_returned() -> None:
    found = distil(NAME)
    assert found.run == NAME and found.ladder == distil(NAME, budget=found.budget, seed=found.held_out_seed).ladder


@pytest.mark.parametrize("options", [{}, {"budget": 5000}, {"again": True}])
def test_training_that_is_not_longer_is_refused_at_once(options: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loptscope.distilling._distil", lambda *given, **named: pytest.fail("trained"))
    with pytest.raises(
        InputError, match=r"longer training needs more than the \d+ outer steps of the ladder \(got 900\)"
    ):
        distil(zoo.find_run(NAME).name, longer=900, **options)
