"""Interventions on whole tensors: on optimizers that act by component they are those of components."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core.analysis import interventions as by_component
from core.analysis.autonomous import autonomous_trajectory
from core.analysis.tensor_interventions import Frozen, Intervened, Pinned, Rated
from core.analysis.update_function import effective_learning_rate
from core.errors import InputError
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import make_hand_designed
from core.optimizers.module_tensors import TensorwiseModule
from core.optimizers.tensorwise import ProblemRun, TensorwiseOptimizer
from core.optimizers.torch_class import TorchClass
from core.optimizers.wrapping import _whole
from core.seeds import Purpose, generator
from core.tasks import make_task
from core.unroll import unroll

STEPS = 12
WIDTHS = [1e-3]  # of secants, small against the gradients
PROBLEMS = make_task("linear_regression").sample(2, generator(Purpose.VIEW, 0), torch.float64)


def losses(optimizer: Optimizer) -> Tensor:
    return unroll(optimizer, PROBLEMS, STEPS, record=()).losses


def changed(optimizer: Optimizer, change: Callable[[ProblemRun], ProblemRun]) -> Tensor:
    assert isinstance(optimizer, TensorwiseOptimizer)
    return losses(Intervened(optimizer, "changed", change))


def whole(torch_class: Any, **settings: Any) -> Optimizer:
    return _whole(TorchClass("whole", torch_class, settings), "for comparison")()


class Falling(nn.Module):
    """Gradient descent with a rate that falls with the step it reads, and weight decay."""

    def __init__(self, decay: float = 0.0):
        super().__init__()
        self.decay = decay

    def initial_state(self, parameters: list[Tensor]) -> dict[str, list[Tensor]]:
        return {}

    def forward(self, state: Any, gradients: list[Tensor], parameters: list[Tensor], step: int) -> Any:
        rate = 0.5 / (1 + step)
        return state, [-rate * g - self.decay * x for g, x in zip(gradients, parameters, strict=True)]


ADAM = {"lr": 0.05, "weight_decay": 0.1}


@pytest.mark.parametrize("at", [1, 5])
def test_a_frozen_adam_keeps_the_bias_correction_of_a_step(at: int) -> None:
    """Torch makes its state in the first step, so that 0 is taken as 1; decoupled weight decay is no drift and goes on."""
    decayed = whole(torch.optim.AdamW, **ADAM)
    adam = make_hand_designed("adam", {"learning_rate": 0.05})
    frozen = by_component.Frozen(adam, autonomous_trajectory(adam, at)[at])
    plain = whole(torch.optim.AdamW, lr=0.05, weight_decay=0)
    for s in {at, 0} if at == 1 else {at}:
        torch.testing.assert_close(changed(plain, lambda run, s=s: Frozen(run, s)), losses(frozen), rtol=1e-7, atol=0)
    x, state = PROBLEMS.x0.reshape(-1), frozen.state_at(PROBLEMS.x0.reshape(-1))
    for known in changed(decayed, lambda run: Frozen(run, at)):
        loss, gradient = PROBLEMS.loss_and_gradient(x.view(PROBLEMS.x0.shape))
        torch.testing.assert_close(known, loss, rtol=1e-7, atol=0)
        state, update = frozen.step(state, gradient.reshape(-1))
        x = x * (1 - ADAM["lr"] * ADAM["weight_decay"]) + update


@pytest.mark.parametrize("decay", [0.0, 0.02])
def test_a_frozen_rate_is_that_of_the_step(decay: float) -> None:
    found = changed(TensorwiseModule("falling", Falling(decay)), lambda run: Frozen(run, 3))
    x = PROBLEMS.x0
    for known in found:
        loss, gradient = PROBLEMS.loss_and_gradient(x)
        torch.testing.assert_close(known, loss, rtol=1e-12, atol=0)
        x = (1 - decay) * x - 0.125 * gradient


class Anchored(nn.Module):
    """Averages that start from the parameters, with weight decay: its drift cannot be told from what it makes of the parameters."""

    def initial_state(self, parameters: list[Tensor]) -> dict[str, list[Tensor]]:
        return {"z": [x.clone() for x in parameters]}

    def forward(self, state: Any, gradients: list[Tensor], parameters: list[Tensor]) -> Any:
        z = [0.99 * one - 0.1 * g for one, g in zip(state["z"], gradients, strict=True)]
        return {"z": z}, [0.5 * (one - x) for one, x in zip(z, parameters, strict=True)]


def test_a_drift_that_cannot_be_told_from_weight_decay_is_said() -> None:
    with pytest.raises(InputError, match="its state starts from the parameters"):
        changed(TensorwiseModule("anchored", Anchored()), lambda run: Frozen(run, 0))


@pytest.mark.parametrize("coupled", [False, True])
def test_pinned_adam_is_that_of_its_components(coupled: bool) -> None:
    """Whether components are asked one by one or all together; and the rates that are noted are the median ones."""
    adam, rates = make_hand_designed("adam", {"learning_rate": 0.05}), [0.05 / (1 + k) for k in range(STEPS + 1)]
    found = changed(whole(torch.optim.Adam, lr=0.05), lambda run: Pinned(run, rates, WIDTHS, coupled))
    torch.testing.assert_close(found, losses(by_component.Pinned(adam, rates)), rtol=1e-4, atol=0)
    noted: list[list[float]] = []
    changed(whole(torch.optim.Adam, lr=0.05), lambda run: Rated(run, WIDTHS, coupled, noted))
    states = unroll(adam, PROBLEMS, STEPS, record=("states",)).states
    assert states is not None and len(noted) == 3  # the first is of the step on which it is fitted
    known = effective_learning_rate(adam, states)[1:].median(-1).values
    torch.testing.assert_close(torch.tensor(noted[1:]).mT[1:].double(), known, rtol=1e-3, atol=0)


def test_what_does_not_adapt_is_not_changed_by_pinning() -> None:
    sgd = whole(torch.optim.SGD, lr=0.1, momentum=0.9)
    torch.testing.assert_close(
        changed(sgd, lambda run: Pinned(run, [0.1], WIDTHS, False)), losses(sgd), rtol=1e-7, atol=0
    )
