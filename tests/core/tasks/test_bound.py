"""Losses are compared above a bound: said by the task, found by descent, or 0."""

from typing import ClassVar, final

import pytest
import torch

from core.baselines.search import search
from core.errors import InputError
from core.evaluation.held_out import score
from core.mechanisms.ablation import ablate
from core.mechanisms.context import Context
from core.meta_loss import meta_loss
from core.optimizers import make_hand_designed
from core.tasks import AutogradProblems, Task, make_task
from core.tasks.bound import above_bound, check_bound, loss_bound


@final
class Valley(AutogradProblems):
    def loss(self, x):
        return ((x - 1) ** 2).sum(1) - 5


class Below(Task):
    """A parabola with its minimum at −5."""

    name: ClassVar[str] = "below"
    title: ClassVar[str] = "Below 0"

    def sample(self, count, generator, dtype=torch.float32):
        x0 = 3 * torch.randn(count, 2, generator=generator, dtype=torch.float64)
        x0[0] = 1  # one starts at its minimum
        return Valley(x0.to(dtype), {})


class Said(Below):
    name: ClassVar[str] = "said"
    minimum: ClassVar[float | None] = -5.0


@pytest.mark.parametrize("name", ["linear_regression", "rosenbrock", "two_moons"])
def test_shipped_tasks_have_none_below_0(name):
    assert loss_bound(make_task(name)) == 0


def test_a_minimum_that_is_said_is_taken_and_one_that_is_not_is_found():
    assert loss_bound(Said()) == -5
    assert -6.0 < loss_bound(Below()) < -5.0


def test_the_meta_loss_is_over_heights():
    losses = torch.tensor([[-1.0, -5.0, 3.0], [-3.0, -5.0, float("inf")]], dtype=torch.float64)
    found = meta_loss(losses, -5.0)
    assert found[0] == pytest.approx((1 + 0.5) / 2) and bool(torch.isnan(found[1])) and bool(torch.isinf(found[2]))
    scored = score(losses[:, :2].repeat(1, 2), bound=-5.0)
    assert scored.left_out == 2 and scored.diverged == 0 and scored.meta_loss.mean == pytest.approx(0.75)


def test_a_search_prefers_what_goes_down():
    found = search(Said(), "sgd", draws=30, steps=40, rungs=[(8, 30)]).tuned
    problems = Said().sample(4, torch.Generator().manual_seed(1), torch.float64)
    assert 0.05 < found.hyperparameters["learning_rate"] < 1 and 0 < found.meta_loss < 0.5
    shifted = above_bound(problems, -5.0)
    torch.testing.assert_close(shifted.part(1, 3).loss(problems.x0[1:3]), problems.loss(problems.x0)[1:3] + 5)


class TooHigh(Below):
    name: ClassVar[str] = "too_high"
    minimum: ClassVar[float | None] = -3.0


class NoNumber(Below):
    name: ClassVar[str] = "no_number"
    minimum: ClassVar[float | None] = float("nan")


@final
class Slope(AutogradProblems):
    def loss(self, x):
        return x.sum(1)


class Endless(Below):
    name: ClassVar[str] = "endless"

    def sample(self, count, generator, dtype=torch.float32):
        return Slope(torch.randn(count, 2, generator=generator, dtype=torch.float64).to(dtype), {})


class AtRest(Below):
    name: ClassVar[str] = "at_rest"
    minimum: ClassVar[float | None] = -5.0

    def sample(self, count, generator, dtype=torch.float32):
        return Valley(torch.ones(count, 2, dtype=dtype), {})


WRONG = {
    TooHigh: "said to be -3, and its loss comes to -5",
    NoNumber: "must be a finite number, or None",
    Endless: "seems to have no lower bound",
}


@pytest.mark.parametrize("task", WRONG)
def test_a_minimum_that_cannot_be_is_not_taken(task):
    with pytest.raises(InputError, match=WRONG[task]):
        check_bound(task())


def test_where_all_problems_start_at_the_minimum_there_is_nothing_to_tune_on():
    check_bound(AtRest())
    with pytest.raises(InputError, match="start at its minimum"):
        search(AtRest(), "sgd", draws=4, steps=5, rungs=[(4, 4)])


def test_a_problem_that_starts_at_the_minimum_does_not_hide_that_others_descend():
    found = ablate(Context(make_hand_designed("sgd", {"learning_rate": 0.1}), Said()), 4, steps=20).of("whole")
    assert found is not None and found.median is not None and found.median < 0.5


def test_a_loss_without_curvature_has_a_hessian_of_zeros():
    problems = Endless().sample(2, torch.Generator().manual_seed(0), torch.float64)
    assert problems.hessian_vector_product(problems.x0, problems.x0).tolist() == [[0, 0], [0, 0]]
