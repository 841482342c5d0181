"""Longer trainings: what is refused before anything is trained. What they find is tested with the ladder."""

import numpy as np
import pytest

from core.distil.longer import numbers_of, train_longer
from core.distil.scoring import Comparison
from core.distil.store import find_distillation
from core.errors import InputError
from core.runs import zoo
from core.seeds import Purpose, generator

NAME = "rosenbrock-gru64"


def test_every_seed_goes_on_from_its_own_numbers_if_they_are_known() -> None:
    stored = find_distillation(zoo.find_run(NAME))
    assert stored is not None
    rung = stored.ladder[0].model_copy(update={"numbers_by_seed": []})
    best = rung.formula.formula().values
    assert numbers_of(rung, 3) == [best, best, best]
    own = [{**best, "rate": rate} for rate in (0.1, 0.2, 0.3)]
    assert numbers_of(rung.model_copy(update={"numbers_by_seed": own}), 3) == own


def test_shares_are_not_measured_from_another_tuned_optimizer(monkeypatch: pytest.MonkeyPatch) -> None:
    run = zoo.find_run(NAME)
    stored = find_distillation(run)
    assert stored is not None

    def retuned(*given: object) -> Comparison:
        return Comparison(stored_problems, np.zeros(1), "lion", np.zeros(1))

    stored_problems = run.config.make_task().sample(1, generator(Purpose.EVALUATE, 0))
    monkeypatch.setattr(Comparison, "of", retuned)
    with pytest.raises(
        InputError, match=r"best tuned optimizer for rosenbrock is lion by now.*distil rosenbrock-gru64 again first"
    ):
        train_longer(run, stored, stored.budget + 1)
