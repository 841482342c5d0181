"""Outer training of a formula's numbers."""

import math
from dataclasses import replace

import pytest
import torch

from core.distil.compiled import losses_of
from core.distil.training import Budget, budget_for, train, training_problems
from core.errors import TrainingError
from core.meta_loss import meta_loss
from core.optimizers.formula import Formula, Structure
from core.seeds import Purpose, generator
from core.tasks import make_task

TASK = make_task("linear_regression")
SHORT = Budget(outer_steps=40, problems=8, unroll=50, learning_rate=0.1)
POOR = {"rate": 0.2, "memory": 0.5, "direct": 0.0}


def held_out(formula: Formula) -> float:
    problems = TASK.sample(64, generator(Purpose.EVALUATE, 0), torch.float64)
    return float(meta_loss(losses_of(formula, problems, SHORT.unroll)).mean())


def test_training_lowers_the_held_out_meta_loss_and_repeats() -> None:
    structure = Structure(1)
    found = train(TASK, structure, [POOR], SHORT, seed=1)
    assert held_out(found.formula) < 0.9 * held_out(Formula(structure, POOR))
    assert len(found.curve) == 40 and found.diverged == found.skipped == 0 and math.isfinite(found.meta_loss)
    again = train(TASK, structure, [POOR], SHORT, seed=1)
    assert again.formula.values == found.formula.values
    assert train(TASK, structure, [POOR], SHORT, seed=2).formula.values != found.formula.values


def test_the_best_start_goes_on() -> None:
    wild = {"rate": 1e6, "memory": 0.99, "direct": 0.0}
    found = train(TASK, Structure(1), [wild, POOR], SHORT)
    assert 0.1 < found.formula.values["rate"] < 100
    beyond = wild | {"rate": 1e12}
    with pytest.raises(TrainingError, match="diverges from every start"):
        train(TASK, Structure(1), [beyond, beyond], SHORT)


def test_a_start_at_which_problems_diverge_is_calmed() -> None:
    wild = {"rate": 0.05, "memory": 0.9, "direct": 0.0}
    found = train(make_task("rosenbrock"), Structure(1), [wild], SHORT)
    assert math.isfinite(found.meta_loss) and found.formula.values["rate"] < 0.03
    assert len(found.curve) == SHORT.outer_steps


def test_the_best_numbers_count_and_not_the_last() -> None:
    trained = train(TASK, Structure(1), [POOR], SHORT).formula
    restless = replace(
        SHORT, learning_rate=3.0, outer_steps=SHORT.outer_steps - 1
    )  # too large steps, and no look on the way
    again = train(TASK, Structure(1), [trained.values], restless)
    assert again.curve[-1] > 1.5 * again.curve[0] and held_out(again.formula) < 1.1 * held_out(trained)


def test_problems_differ_with_the_outer_step_and_are_few_where_they_are_large() -> None:
    first, second = (training_problems(TASK, 0, step, 4).x0 for step in (1, 2))
    assert first.dtype == torch.float64 and not torch.equal(first, second)
    large = training_problems(make_task("two_moons"), 0, 1, 64)
    assert large.count == 4 and large.x0.dtype == torch.float32
    assert training_problems(make_task("two_moons"), 0, 1, 64, 16).count == 16


def test_training_never_ends_above_its_start() -> None:
    trained = train(TASK, Structure(1), [POOR], SHORT)
    again = train(
        TASK, Structure(1), [trained.formula.values], replace(SHORT, learning_rate=9.0, outer_steps=3), seed=1
    )
    assert again.meta_loss < 1.1 * trained.meta_loss  # the seed jitters the start


def test_large_tasks_have_a_budget_that_ends() -> None:
    assert budget_for(TASK) == Budget()
    assert budget_for(make_task("two_moons")).outer_steps == 24
