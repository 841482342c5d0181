import pytest
import torch

from core.errors import InputError
from core.evaluation import out_of_distribution as generalization
from core.evaluation.held_out import compare, target_of
from core.evaluation.out_of_distribution import Generalization, Plan, generalize, plans
from core.optimizers import make_hand_designed
from core.tables import generalization_table
from core.tasks import TASKS, base, make_task
from tests.core.helpers import SMALL_MOONS, learned


@pytest.fixture
def optimizers():
    return {
        "learned": learned(dtype=torch.float32),
        "sgd": make_hand_designed("sgd", {"learning_rate": 1e-4}),
        "momentum": make_hand_designed("momentum", {"learning_rate": 1e-4, "momentum": 0.5}),
    }


@pytest.fixture
def short(monkeypatch):
    """Three quick conditions; the last has 36 parameters, which counts as many here."""
    own = make_task("linear_regression")
    planned = [
        Plan("as trained", "trained", own, 6),
        Plan("longer", "unroll", own, 60),
        Plan("small moons", "task", make_task("two_moons", SMALL_MOONS), 6),
    ]
    monkeypatch.setattr(generalization, "plans", lambda task: planned)
    monkeypatch.setattr(base, "LARGE", 20)
    monkeypatch.setattr(generalization, "FEW", 3)
    return planned


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_tried_as_trained_longer_and_on_the_other_tasks(task):
    planned = plans(task)
    own = make_task(task)
    assert (planned[0].group, planned[0].task, planned[0].steps) == ("trained", own, 200)
    assert (planned[1].group, planned[1].task, planned[1].steps) == ("unroll", own, 1000)
    assert [plan.task for plan in planned if plan.group == "task"] == [
        make_task(name) for name in TASKS if name != task
    ]
    assert len({plan.name for plan in planned}) == len(planned)
    for plan in planned[2:]:
        assert plan.task != own and plan.steps == 200
        assert (plan.group == "task") == (plan.task.name != task)


def test_the_conditions_asked_for_are_there():
    def values(task, group):
        return [plan.task.model_dump(exclude_defaults=True) for plan in plans(task) if plan.group == group]

    smallest = [1e-1, 1e-2, 1e-4, 1e-5]  # 1e-3 is the task itself
    assert values("linear_regression", "conditioning") == [
        *({"smallest_eigenvalue": value} for value in smallest),
        {"largest_eigenvalue": 10.0},
    ]
    assert values("linear_regression", "size") == [{"parameters": n} for n in (2, 20, 100)]
    assert values("two_moons", "size") == [{"hidden": (16, 16)}, {"hidden": (128, 128)}, {"hidden": (32,) * 5}]
    assert values("two_moons", "noise") == [{"noise": 0.3}]
    assert {plan.group for plan in plans("rosenbrock")} == {"trained", "unroll", "task"}


def test_an_unknown_task_is_refused():
    with pytest.raises(InputError, match="unknown task 'quadratic'"):
        plans("quadratic")


def test_each_condition_is_the_plain_comparison(short, optimizers):
    seen = []
    results = generalize(
        "linear_regression",
        optimizers,
        outer_step=7,
        problems=5,
        seed=4,
        on_condition=lambda condition, count: seen.append((condition.name, count)),
    )
    assert seen == [(plan.name, 3) for plan in short]
    assert (results.outer_step, results.seed) == (7, 4)
    for plan, condition in zip(short, results.conditions, strict=True):
        few = 3 if plan.group == "task" else 5
        assert condition.evaluation == compare(
            plan.task, optimizers, problems=few, seed=4, steps=plan.steps, points=51, outer_step=7
        )
        assert (condition.name, condition.group) == (plan.name, plan.group)
    assert results.conditions[1].evaluation.optimizers["sgd"].curve_steps[-1] == 60
    assert Generalization.model_validate_json(results.model_dump_json()) == results


def test_fewer_problems_than_the_limit_stay_as_asked(short, optimizers):
    results = generalize("linear_regression", optimizers, outer_step=0, problems=2)
    assert [condition.evaluation.problems for condition in results.conditions] == [2, 2, 2]


def test_a_target_is_for_the_own_task(short, optimizers):
    results = generalize("linear_regression", optimizers, outer_step=0, problems=2, target=0.5)
    targets = [condition.evaluation.target for condition in results.conditions]
    assert targets == [0.5, 0.5, target_of("two_moons")]


def test_a_divergence_out_of_distribution_is_counted_and_said(short, optimizers):
    optimizers["learned"] = learned(dtype=torch.float32, output_scale=1e30)
    results = generalize("linear_regression", optimizers, outer_step=0, problems=4)
    score = results.conditions[1].evaluation.optimizers["learned"]
    assert score.diverged == 4 and score.meta_loss.mean is None and score.curve_median[-1] is None
    lines = generalization_table(results).splitlines()
    assert len(lines) == 1 + 3 + 1
    for line in lines[1:4]:
        assert "diverged" in line and line.endswith("FAILS here")
    assert lines[-1].startswith("fails under 3 of 3 conditions")
