"""Ablations of optimizers that see whole tensors: verdicts on optimizers whose answers are known."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core.mechanisms.ablation import SWITCHED_OFF, ablate
from core.mechanisms.claims import Claim, claim
from core.mechanisms.context import Context
from core.mechanisms.measures import Name, measured
from core.mechanisms.tensor_variants import variants_of_tensors
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import make_hand_designed
from core.optimizers.module_tensors import TensorwiseModule
from core.optimizers.torch_class import TorchClass
from core.optimizers.wrapping import _whole
from core.tasks import make_task

TASK = make_task("linear_regression")


class Descent(nn.Module):
    """Gradient descent with a rate of the step it reads."""

    def __init__(self, rate: Callable[[int], float]):
        super().__init__()
        self.rate = rate

    def initial_state(self, parameters: list[Tensor]) -> dict[str, list[Tensor]]:
        return {}

    def forward(self, state: Any, gradients: list[Tensor], step: int) -> Any:
        return state, [-self.rate(step) * g for g in gradients]


def decided(optimizer: Optimizer, name: Name, problems: int = 4) -> Claim:
    context = Context(optimizer, TASK)
    return claim(
        name,
        measured(name, context),
        None,
        False,
        lambda: ablate(context, problems, steps=60, only=SWITCHED_OFF[name]),
    )


def test_a_schedule_by_step_is_shown_and_a_constant_rate_is_not() -> None:
    falling = decided(TensorwiseModule("falling", Descent(lambda k: 0.5 / (1 + 0.1 * k))), "schedule")
    assert falling.verdict == "shown" and falling.value == pytest.approx(1 - 1 / (1 + 0.1 * 199), rel=1e-6)
    constant = decided(TensorwiseModule("constant", Descent(lambda k: 0.5)), "schedule")
    assert constant.verdict == "not_shown" and constant.value == pytest.approx(0, abs=1e-9)


def test_the_control_of_a_schedule_and_of_adaptation_is_descent_at_a_constant_rate() -> None:
    """Where there is nothing to switch off, every ratio is 1, and so are both ends of its interval."""
    context = Context(TensorwiseModule("constant", Descent(lambda k: 0.5)), TASK)
    found = ablate(context, 4, steps=60, only=(*SWITCHED_OFF["schedule"], *SWITCHED_OFF["adaptation"]))
    for name in ("frozen_start", "frozen_end", "pinned"):
        one = found.of(name)
        assert one is not None and one.ratio is not None and not one.ratio.changes
        assert (one.ratio.low, one.ratio.high) == pytest.approx((1, 1), rel=1e-5)


def test_adam_written_for_whole_tensors_adapts_as_its_components_do() -> None:
    settings = {"lr": 0.1}
    found = decided(_whole(TorchClass("whole", torch.optim.Adam, settings), "for comparison")(), "adaptation")
    known = decided(make_hand_designed("adam", {"learning_rate": 0.1}), "adaptation")
    assert found.value == pytest.approx(known.value, rel=1e-3) and found.verdict == known.verdict
    assert found.consequence is not None and known.consequence is not None
    assert found.consequence.median == pytest.approx(known.consequence.median, rel=0.1)


class Coupled(nn.Module):
    """Gradients over their norm: every component's rate depends on all others."""

    def initial_state(self, parameters: list[Tensor]) -> dict[str, list[Tensor]]:
        return {}

    def forward(self, state: Any, gradients: list[Tensor]) -> Any:
        return state, [-0.05 * g / (1 + g.norm()) for g in gradients]


def test_rates_of_many_components_that_influence_each_other_are_said_to_be_too_many() -> None:
    context = Context(TensorwiseModule("coupled", Coupled()), make_task("two_moons"))
    vars(context)["coupling"] = 0.4
    made, without = variants_of_tensors(context, only=("pinned",))
    assert list(made) == ["whole"] and "one by one at every step, for 20 at most" in without["pinned"]
