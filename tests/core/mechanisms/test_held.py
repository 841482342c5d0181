"""Second moments held where they are typical: what is measured there is known in closed form."""

import math

import pytest
import torch

from core.errors import InputError
from core.mechanisms.context import Context
from core.mechanisms.held import HeldMoment, held_at, typical_moment
from core.mechanisms.momentum import momentum_view
from core.mechanisms.schedule import schedule_view
from core.optimizers.hand_designed import make_hand_designed
from core.tasks import make_task

TASK = make_task("linear_regression")


def context(name: str, **values: float) -> Context:
    return Context(make_hand_designed(name, values), TASK)


def test_the_typical_moment_is_a_percentile_of_the_run() -> None:
    own = context("adam", learning_rate=0.1, beta2=0.9)
    low, middle, high = (typical_moment(own, share) for share in (0.1, 0.5, 0.9))
    assert 0 < low < middle < high
    with pytest.raises(InputError, match="no second moment"):
        typical_moment(context("momentum", learning_rate=0.1), 0.5)


def test_adam_held_is_momentum() -> None:
    alpha, beta1, beta2, epsilon, moment = 0.1, 0.9, 0.99, 1e-8, 0.04
    held = held_at(context("adam", learning_rate=alpha, beta1=beta1, beta2=beta2, epsilon=epsilon), moment)
    kernel = held.kernel.values
    corrected = beta2 * moment / (1 - beta2**101)  # at step 100, where the counter is held
    rate = alpha / (math.sqrt(corrected) + epsilon)
    ages = torch.arange(len(kernel), dtype=torch.float64)
    torch.testing.assert_close(kernel, rate * (1 - beta1) * beta1**ages, rtol=1e-3, atol=1e-9)
    updates = torch.from_numpy(momentum_view(held).arrays["updates"])
    assert float(updates.abs().max()) < 1e3  # at a second moment of 0 it is 10⁷ and more


def test_the_autonomous_path_of_a_held_adam_is_not_empty() -> None:
    held = held_at(context("adam", learning_rate=0.1), 0.04)
    rates = schedule_view(held).arrays["rates"]
    assert rates.max() < 100 and (rates > 0).all()


def test_what_it_observes_is_what_it_observes_without_being_held() -> None:
    own = context("rmsprop", learning_rate=0.01)
    held = held_at(own, 0.5)
    assert held.observed.gradients.equal(own.observed.gradients)
    assert (held.observed.states[..., 0] == 0.5).all()
    state, _ = HeldMoment(own.optimizer, 0.5).step(torch.zeros(3, 1), torch.ones(3))
    assert (state == 0.5).all()
