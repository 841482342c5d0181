"""Mechanisms of a trained formula, switched off."""

import numpy as np
import pytest
import torch

from core.distil.ablation import ablations_of, without
from core.distil.compiled import losses_of
from core.distil.completion import _looked_at, complete
from core.distil.result import Interval
from core.distil.store import find_distillation
from core.optimizers.formula import FOUR, Formula, Structure, coefficients
from core.runs import zoo
from core.seeds import Purpose, generator
from core.tasks import make_task
from tests.core.distil.helpers import STRUCTURES, formula

EVERYTHING = formula(STRUCTURES["everything"])


def updates(made: Formula, gradients: torch.Tensor) -> list[float]:
    state, found = made.initial_state(1, torch.float64), []
    for g in gradients:
        state, u = made.step(state, g[None])
        found.append(float(u))
    return found


@pytest.mark.parametrize(
    ("mechanism", "structure", "changed"),
    [
        ("clipping", Structure(2, "none", False, "relaxing", "power", True, True), {}),
        ("adaptation", Structure(2, "tanh", True, "relaxing", "power", True, True), {"exponent": 0.0}),
        ("agreement", Structure(2, "tanh", True, "relaxing", "power", True, False), {}),
        ("second_momentum", Structure(1, "tanh", True, "relaxing", "power", True, True), {}),
        ("adaptive_memory", Structure(2, "tanh", True, "relaxing", "power", False, True), {}),
    ],
)
def test_switched_off_is_the_formula_that_never_had_it(
    mechanism: str, structure: Structure, changed: dict[str, float]
) -> None:
    whole = formula(Structure(2, "tanh", True, "relaxing", "power", True, True))
    found = without(whole, mechanism)
    assert found is not None
    never = Formula(
        structure, {name: value for name, value in (whole.values | changed).items() if name in structure.parameters}
    )
    gradients = torch.randn(60, generator=generator(Purpose.VIEW, 0), dtype=torch.float64)
    assert updates(found, gradients) == pytest.approx(updates(never, gradients), rel=1e-9)
    assert updates(whole, gradients) != pytest.approx(updates(never, gradients), rel=1e-3)


def test_without_momentum_the_last_gradient_counts_alone() -> None:
    whole = formula(Structure(2, "none", False, "relaxing"))
    found = without(whole, "momentum")
    assert found is not None
    gradients = torch.randn(20, generator=generator(Purpose.VIEW, 0), dtype=torch.float64)
    at = coefficients(whole.structure, whole.values, torch.arange(20, dtype=torch.float64))
    rate = torch.as_tensor(at.first + at.second + at.direct)
    assert updates(found, gradients) == pytest.approx((-rate * gradients).tolist())


@pytest.mark.parametrize("schedule", ["relaxing", "knots"])
def test_a_schedule_is_held_at_its_means(schedule: str) -> None:
    whole = formula(Structure(2, "tanh", True, schedule, "power", True, True))  # type: ignore[arg-type]
    found = without(whole, "schedule")
    assert found is not None and found.structure.schedule == "none"
    at = coefficients(whole.structure, whole.values, torch.arange(200, dtype=torch.float64))
    rate = torch.as_tensor(at.first + at.second + at.direct).numpy()
    assert found.values["rate"] == pytest.approx(float(np.exp(np.log(rate).mean())))
    assert rate.min() < found.values["rate"] < rate.max()
    assert found.values["memory"] == pytest.approx(float(torch.as_tensor(at.memory).mean()))
    assert found.values["second_share"] == whole.values["second_share"]


def test_what_a_formula_does_not_have_cannot_be_switched_off() -> None:
    assert without(formula(Structure(0)), "momentum") is None
    assert without(formula(STRUCTURES["sign"]), "clipping") is None
    assert without(EVERYTHING, "free_schedule") is None


def test_what_does_nothing_is_found() -> None:
    problems = make_task("rosenbrock").sample(16, generator(Purpose.VIEW, 0), torch.float64)
    stored = find_distillation(zoo.find_run("rosenbrock-gru64"))
    assert stored is not None
    best = stored.best.formula.formula()
    never = Formula(best.structure, {**best.values, "boost": 0.0})
    found = ablations_of(never, problems, losses_of(never, problems, 200))
    assert found["agreement"] == Interval(mean=1.0, low=1.0, high=1.0)
    rung = stored.best.model_copy(update={"ablations": found})
    assert "agreement" in rung.idle and "momentum" not in rung.idle
    one = found["schedule"]
    assert one.low is not None and one.high is not None and 1 < one.low < one.high
    near = {"near": Interval(mean=1.0, low=0.99, high=1.01), "gone": Interval(mean=None, low=None, high=None)}
    assert rung.model_copy(update={"ablations": near}).idle == []
    away = Formula(
        best.structure,
        {**best.values, "limit": 1e300, **{name: 1e300 for name in best.values if name.startswith("rate")}},
    )
    assert ablations_of(away, problems, losses_of(away, problems, 200)) == {}


def test_stored_results_are_completed_once() -> None:
    run = zoo.find_run("linear_regression-gru64")
    stored = find_distillation(run)
    assert stored is not None and complete(run, stored) is stored
    bare = stored.model_copy(update={"ladder": [rung.model_copy(update={"ablations": {}}) for rung in stored.ladder]})
    again = complete(run, bare, workers=2)
    for mine, theirs in zip(again.ladder, stored.ladder, strict=True):
        assert set(mine.ablations) == set(theirs.ablations) == set(theirs.mechanisms) - {"free_schedule"}
        for name, one in mine.ablations.items():
            known = theirs.ablations[name].mean
            assert one.mean is known is None or one.mean == pytest.approx(known, rel=1e-6)
    assert again.best == again.ladder[-1] and again.longest(FOUR).ablations and not again.longest(FOUR).curve


def test_a_curve_that_is_not_finite_is_not_stored() -> None:
    stored = find_distillation(zoo.find_run("rosenbrock-gru64"))
    assert stored is not None
    problems = make_task("rosenbrock").sample(4, generator(Purpose.VIEW, 0), torch.float64)
    assert len(_looked_at(stored.best, problems, large=True).curve) == 201
    values = dict(stored.best.formula.parameters)
    values |= {
        name: one.model_copy(update={"value": 1e300})
        for name, one in values.items()
        if name.startswith(("rate", "limit"))
    }
    away = stored.best.model_copy(update={"formula": stored.best.formula.model_copy(update={"parameters": values})})
    found = _looked_at(away, problems, large=True)
    assert found.curve == [] and found.ablations == {}
