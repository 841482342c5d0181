"""Optimizers whose update jumps at gradient 0: a secant of the size of the task's gradients, or a plain "does not apply"."""

import pytest
import torch

from core.mechanisms.context import NO_SLOPE, Context
from core.mechanisms.measures import MEASURES
from core.mechanisms.report import report_of
from core.optimizers import make_hand_designed
from core.optimizers.base import Optimizer
from core.tasks import make_task
from tests.core.helpers import SMALL_MOONS, learned

TASK = make_task("linear_regression")
RATE = 0.01


class SignSGD(Optimizer):
    """u = −α sign g."""

    name, smooth, state_names = "signSGD", False, ()

    def initial_state(self, n, dtype=torch.float32):
        return torch.zeros(n, 0, dtype=dtype)

    def step(self, state, gradient):
        return state, -RATE * gradient.sign()


class Lion(Optimizer):
    """u = −α sign(β₁ m + (1 − β₁) g), m' = β₂ m + (1 − β₂) g (arXiv 2302.06675)."""

    name, smooth, state_names = "Lion", False, ("m",)

    def initial_state(self, n, dtype=torch.float32):
        return torch.zeros(n, 1, dtype=dtype)

    def step(self, state, gradient):
        m = state[:, 0]
        return (0.99 * m + 0.01 * gradient)[:, None], -RATE * (0.9 * m + 0.1 * gradient).sign()


def test_the_sign_of_a_gradient_is_clipping_and_nothing_else():
    context = Context(SignSGD(), TASK)
    found = report_of("sign", context)
    assert {name: getattr(found, name).verdict for name in MEASURES} == {
        "momentum": "not_shown",
        "clipping": "shown",
        "schedule": "not_shown",
        "adaptation": "not_shown",
        "weight_decay": "not_shown",
    }
    rate = RATE / context.observed.scale  # the secant over the task's gradients
    assert found.schedule.start == pytest.approx(rate) and found.adaptation.rate_at_zero == pytest.approx(rate)
    assert "does not apply" in found.clipping.sentences[1]
    assert "jumps at gradient 0" in found.closed_loop.reason


def test_lions_slopes_do_not_exist_and_are_not_made_up():
    context = Context(Lion(), TASK)
    assert context.jumps_with_state
    found = report_of("lion", context)
    for name in ("momentum", "clipping", "adaptation"):
        claim = getattr(found, name)
        assert (claim.verdict, claim.value, claim.reason) == ("unknown", None, NO_SLOPE)
    assert found.adaptation.in_use is None and found.momentum.kernel is None


def test_a_network_with_signs_has_secants_and_no_negative_rate_of_a_jump():
    context = Context(learned(dtype=torch.float32, features="log_sign"), TASK)
    assert not context.jumps_with_state
    found = report_of("log_sign", context)
    with torch.no_grad():
        _, updates = context.double.step(
            context.start.expand(2, -1), context.observed.scale * torch.tensor([1.0, -1.0], dtype=torch.float64)
        )
    secant = -float(updates[0] - updates[1]) / (2 * context.observed.scale)
    assert found.schedule.rates[0] == pytest.approx(secant)
    assert found.clipping.secant and found.clipping.start.nearest is None


def test_a_secant_becomes_the_slope_where_there_is_one():
    """For a smooth optimizer the width makes no difference."""
    context = Context(make_hand_designed("adam", {"learning_rate": 0.01, "epsilon": 1e-3}), TASK)
    assert not context.jumps_with_state
    found = report_of("adam", context)
    assert found.schedule.rates[0] == pytest.approx(0.01 / 1e-3, rel=1e-6)  # bias corrected: α/ε


def test_a_large_task_is_measured_on_the_components_that_are_watched():
    context = Context(learned(dtype=torch.float32, units=2), make_task("two_moons", SMALL_MOONS))
    assert context.sample.gradients.shape == context.sample.states.shape[:-1]
    for measure in MEASURES.values():
        found = measure(context, 0.0)
        assert (found.value is None) == bool(found.reason)
