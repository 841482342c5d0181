"""Tuned hand-designed optimizers as starts of a formula."""

import numpy as np
import pytest
import torch

from core.distil.compiled import losses_of, respond
from core.distil.starts import Sizes, constant, tuned_starts
from core.distil.training import training_problems
from core.distil.tuned import INSIDE, RELAXING, best_member, near, nearest_relaxing
from core.meta_loss import meta_loss
from core.optimizers.formula import Formula, Structure, as_formula, coefficients
from core.optimizers.hand_designed import BASELINES, Adam, AdamExponential, Momentum
from core.runs import zoo
from core.tasks import make_task

GRADIENTS = np.random.default_rng(0).standard_normal((200, 64))
FOUR = Structure(1, "tanh", True, "relaxing", "power")


def started(member: Formula, structure: Structure) -> Formula:
    return Formula(structure, constant(near(member, structure, 1.0), structure))


def test_momentum_is_met_exactly_just_inside_its_rate() -> None:
    slower = as_formula(Momentum(INSIDE * 0.3, 0.9))
    found = started(as_formula(Momentum(0.3, 0.9)), Structure(1))
    np.testing.assert_allclose(respond(found, GRADIENTS), respond(slower, GRADIENTS), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    "optimizer",
    [AdamExponential(0.1, 0.8, 0.9, 1e-8, half_life=60.0), Adam(0.1, 0.9, 0.99, 1e-3)],
    ids=["half-life", "constant"],
)
def test_adam_is_met_closely_with_its_bias_correction_and_its_schedule(optimizer: Adam) -> None:
    structure = Structure(1, "none", False, "relaxing", "power")
    wanted = INSIDE * respond(as_formula(optimizer), GRADIENTS)
    found = respond(started(as_formula(optimizer), structure), GRADIENTS)
    assert np.abs(found - wanted).mean() < 0.06 * np.abs(wanted).mean()


def test_a_formula_without_a_schedule_has_the_rate_half_way() -> None:
    member = as_formula(AdamExponential(0.1, 0.8, 0.9, 1e-8, half_life=50.0))
    found = near(member, Structure(1, adaptation="power"), 1.0)
    assert found["rate"] * found["scale"] == pytest.approx(INSIDE * 0.1 / 4, rel=1e-3)


def test_a_relaxing_schedule_is_found_again() -> None:
    numbers = {"rate": 2.0, "rate_last": 0.3, "relaxation": 40.0, "warmup_from": 0.2, "warmup": 4.0}
    rates = coefficients(Structure(0, schedule="relaxing"), numbers, torch.arange(200, dtype=torch.float64)).direct
    found = nearest_relaxing(torch.as_tensor(rates).numpy())
    assert list(found) == list(RELAXING)
    assert found == pytest.approx(numbers, rel=1e-3)


def test_the_best_optimizer_without_other_mechanisms_is_chosen() -> None:
    for mechanisms in ((), ("momentum", "schedule"), ("momentum", "schedule", "adaptation")):
        searches = [zoo.find_tuned("two_moons", name) for name in BASELINES]
        fitting = [one for one in searches if set(as_formula(one.make()).structure.mechanisms) <= set(mechanisms)]
        found = best_member(mechanisms, "two_moons")
        if not fitting:
            assert found is None
            continue
        best = as_formula(min(fitting, key=lambda one: one.meta_loss).make())
        assert found is not None and (found.structure, found.values) == (best.structure, best.values)
    assert best_member(("momentum",), "no such task") is None


@pytest.mark.parametrize(
    "structure", [FOUR, Structure(2, "symlog", True, "knots", "power", True, True)], ids=["four", "whole"]
)
def test_a_formula_that_could_be_the_best_tuned_optimizer_starts_near_it(structure: Structure) -> None:
    problems = training_problems(make_task("rosenbrock"), 0, 0, 64)

    def score(formula: Formula) -> float:
        return float(meta_loss(losses_of(formula, problems, 200)).mean())

    best = min(score(as_formula(zoo.find_tuned("rosenbrock", name).make())) for name in BASELINES)
    starts = tuned_starts(structure, "rosenbrock", Sizes(scale=12.0, update=0.13, largest=3000.0))
    assert len(starts) == 2  # one of them without adaptation
    assert min(score(Formula(structure, start)) for start in starts) < 1.1 * best
