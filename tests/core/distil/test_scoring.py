"""Trained formulas on held-out problems: what ships is what they do."""

import pytest

from core.distil.compiled import losses_of
from core.distil.result import Distillation
from core.distil.scoring import held_out
from core.distil.store import find_distillation
from core.distil.tables import conclusion, distillation_table
from core.meta_loss import meta_loss
from core.runs import zoo

SHIPPED = ("linear_regression-gru64", "rosenbrock-gru64")


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_what_the_formula_does(name: str) -> None:
    run = zoo.find_run(name)
    found = find_distillation(run)
    assert isinstance(found, Distillation) and found.problems == 128 and len(found.seeds) == 3
    _, problems = held_out(run.config.make_task(), found.problems, found.held_out_seed)
    losses = meta_loss(losses_of(found.formula.formula(), problems, found.steps))
    assert float(losses.mean()) == pytest.approx(found.best.by_seed[found.formula.seed], rel=1e-6)
    advantage = found.best_tuned.meta_loss.mean - found.learned.meta_loss.mean
    share = (found.best_tuned.meta_loss.mean - found.best.meta_loss.mean) / advantage
    assert share == pytest.approx(found.best.share.mean, rel=1e-6)
    assert found.best.share.low < share < found.best.share.high
    text = distillation_table(found)
    assert f"{found.best.meta_loss.mean:.4f}" in text and conclusion(found) in text
