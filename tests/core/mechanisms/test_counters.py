"""Optimizers that count steps: what is measured with the counter held at a step is known in closed form."""

import math

import pytest
import torch

from core.errors import InputError
from core.mechanisms.context import Context
from core.mechanisms.counters import (
    CLIPPING,
    CLOSED_LOOP,
    adaptation_along,
    clipping_along,
    closed_loop_along,
    momentum_along,
    sentences_of,
)
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import make_hand_designed
from core.optimizers.wrapping import wrap
from core.tasks import make_task

TASK = make_task("linear_regression")
STEPS = [0, 100, 199]
LR, B1, B2, EPS = 0.01, 0.9, 0.999, 1e-8

ADAMS: dict[str, Optimizer] = {
    "ours": make_hand_designed("adam", {"learning_rate": LR}),
    "torch's": wrap("adam_", torch.optim.Adam, lr=LR)(),
}


@pytest.mark.parametrize("name", ADAMS)
def test_adam_at_a_step_is_that_of_its_closed_form(name: str) -> None:
    context = Context(ADAMS[name], TASK)
    typical = context.observed.typical
    clipping, adaptation = clipping_along(context), adaptation_along(context)
    assert [at.step for at in clipping] == [at.step for at in adaptation] == STEPS
    for clip, adapt in zip(clipping, adaptation, strict=True):
        first, second = 1 - B1 ** (clip.step + 1), 1 - B2 ** (clip.step + 1)
        rate, spread = LR * (1 - B1) / first, math.sqrt((1 - B2) / second)
        assert clip.numbers["slope"] == pytest.approx(rate / EPS, rel=1e-6)
        assert clip.numbers["half_slope"] == pytest.approx((math.sqrt(2) - 1) * EPS / spread, rel=1e-6)
        assert clip.numbers["largest_update"] == pytest.approx(rate / spread, rel=1e-3)
        assert adapt.numbers["rate_at_zero"] == pytest.approx(rate / EPS, rel=1e-6)
        known = rate / (math.sqrt(B2 / second) * typical + EPS)
        assert adapt.numbers["rate_at_typical"] == pytest.approx(known, rel=1e-6)
    assert [at.numbers["memory"] for at in momentum_along(context)] == pytest.approx([1 / (1 - B1)] * 3, rel=1e-6)
    said = sentences_of(context, clipping, CLIPPING)[0]
    assert "held at step 100 of 200" in said and "steps 0, 100 and 199" in said and "unknown" not in said


def test_a_rate_that_falls_with_the_step_converges_at_that_of_the_step() -> None:
    context = Context(make_hand_designed("sgd", {"learning_rate": 0.5, "learning_rate_decay": 0.1}), TASK)
    curvatures = torch.tensor([0.2, 1.0], dtype=torch.float64)
    found = closed_loop_along(context, curvatures)
    for at in found:
        rates = [abs(1 - 0.5 / (1 + 0.1 * at.step) * float(value)) for value in curvatures]
        assert at.numbers == pytest.approx({"worst_rate": max(rates), "mean_rate": sum(rates) / 2})
    assert "worst factor" in sentences_of(context, found, CLOSED_LOOP)[0]


def test_radam_descends_with_momentum_before_it_adapts() -> None:
    """Its first five steps are momentum's: nothing saturates there, and that is no finding about the rest of the run."""
    context = Context(wrap("radam_", torch.optim.RAdam)(), TASK)
    first, middle, _ = clipping_along(context)
    assert first.numbers["half_slope"] is None and middle.numbers["half_slope"] is not None
    assert first.numbers["slope"] == pytest.approx(1e-3)
    said = sentences_of(context, clipping_along(context), CLIPPING)[0]
    assert "it halves never, 1.31 × 10⁻⁷" in said


def test_the_step_can_be_chosen_and_nothing_is_said_where_nothing_counts() -> None:
    held = Context(make_hand_designed("sgd", {"learning_rate_decay": 0.1}), TASK, step=30)
    assert held.counts_to == 30 and list(held.along_counters) == [0, 30, 199]
    assert float(held.with_counters(held.start)[0]) == 30
    still = Context(make_hand_designed("momentum", {"momentum": 0.9}), TASK)
    assert still.counts_to is None and momentum_along(still) == [] and sentences_of(still, [], CLIPPING) == []
    with pytest.raises(InputError, match="step must be from 0 to 200"):
        Context(still.optimizer, TASK, step=201)
