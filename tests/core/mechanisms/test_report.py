import json
import math

import pytest
import torch

from core.errors import InputError
from core.mechanisms.context import Context
from core.mechanisms.measures import MEASURES
from core.mechanisms.report import report_of
from core.optimizers import make_hand_designed
from core.tables import report_table
from core.tasks import make_task
from tests.cases import some_always
from tests.core.helpers import learned

TASK = make_task("linear_regression")


def report(name, **values):
    return report_of(name, Context(make_hand_designed(name, values), TASK))


@pytest.mark.parametrize("beta", [0.3, 0.9])
def test_momentum(beta):
    found = report("momentum", learning_rate=0.05, momentum=beta)
    (mode,) = found.momentum.modes
    assert mode.eigenvalue == pytest.approx((beta, 0), rel=1e-6)
    assert mode.learning_rate == pytest.approx((0.05, 0), rel=1e-6)
    assert mode.timescale == pytest.approx(-1 / math.log(beta), rel=1e-6)
    assert found.momentum.direct_learning_rate == pytest.approx(0, abs=1e-9)
    assert found.momentum.value == pytest.approx(1 / (1 - beta), rel=1e-6)
    assert found.momentum.kernel.total == pytest.approx(0.05 / (1 - beta), rel=1e-6)
    assert (found.momentum.kernel.alpha, found.momentum.kernel.beta) == pytest.approx((0.05, beta), rel=1e-6)
    assert found.momentum.kernel.exponentials == 1 and mode.contribution == pytest.approx(1, rel=1e-6)
    assert (found.momentum.verdict == "shown") is (beta > 0.8)
    assert {found.clipping.verdict, found.schedule.verdict, found.adaptation.verdict} == {"not_shown"}
    assert found.adaptation.rate_at_typical == pytest.approx(0.05, rel=1e-6)


def test_nesterov_is_a_mode_beside_a_direct_rate():
    found = report("nesterov", learning_rate=0.05, momentum=0.9).momentum
    assert found.modes[0].learning_rate[0] == pytest.approx(0.05 * 0.9, rel=1e-6)
    assert found.direct_learning_rate == pytest.approx(0.05, rel=1e-6)


def test_sgd_has_no_mechanism():
    found = report("sgd", learning_rate=0.05)
    assert {getattr(found, name).verdict for name in MEASURES} == {"not_shown"}
    assert found.momentum.direct_learning_rate == pytest.approx(0.05, rel=1e-9)
    assert "no state" in " ".join(found.momentum.sentences)


def test_rmsprop():
    gamma, alpha, epsilon = 0.9, 0.01, 1e-3
    found = report("rmsprop", learning_rate=alpha, decay=gamma, epsilon=epsilon)
    assert found.momentum.eigenvalues == pytest.approx([gamma], rel=1e-6)
    assert found.adaptation.verdict == "shown"
    assert found.adaptation.rate_at_zero == pytest.approx(alpha / epsilon, rel=1e-6)
    size = found.adaptation.typical
    assert found.adaptation.rate_at_typical == pytest.approx(alpha / (math.sqrt(gamma) * size + epsilon), rel=1e-6)
    exact = alpha * (gamma * size + epsilon) / (size + epsilon) ** 2
    assert found.adaptation.local.rate_at_typical == pytest.approx(exact, rel=1e-6)
    assert found.clipping.verdict == "not_shown"  # the update function saturates; in use its gradients do not
    assert found.clipping.start.largest_update == pytest.approx(alpha / math.sqrt(1 - gamma), rel=1e-3)


def test_adam():
    found = report("adam", learning_rate=0.01, beta1=0.8, beta2=0.95, epsilon=1e-3)
    assert found.momentum.eigenvalues == pytest.approx([0.95, 0.8], rel=1e-6)
    assert found.schedule.verdict == "shown" and found.schedule.clock
    expected = [0.01 * 0.2 / (1 - 0.8 ** (k + 1)) / 1e-3 for k in range(201)]
    assert found.schedule.rates == pytest.approx(expected, rel=1e-6)


def test_clipping_and_a_schedule_alone():
    clipped = report("clipped_sgd", learning_rate=0.1, threshold=0.25)
    assert (clipped.clipping.verdict, clipped.schedule.verdict) == ("shown", "not_shown")
    assert clipped.clipping.start.half_slope == pytest.approx((0.25, 0.25), rel=1e-6)
    assert clipped.clipping.start.largest_update == pytest.approx(0.025, rel=1e-6)
    scheduled = report("scheduled_sgd", learning_rate=0.1, warmup=9, horizon=100)
    assert (scheduled.schedule.verdict, scheduled.clipping.verdict) == ("shown", "not_shown")
    assert (scheduled.schedule.peak_step, scheduled.schedule.peak) == (9, pytest.approx(0.1, rel=1e-6))
    assert scheduled.schedule.start == pytest.approx(0.01, rel=1e-6)


@pytest.mark.parametrize(
    "architecture",
    some_always(
        [{}, {"cell": "lstm"}, {"cell": "vanilla", "units": 1}, {"features": "log_sign"}],
        [{"cell": "vanilla", "units": 1}, {"features": "log_sign"}],
    ),
)
def test_a_learned_optimizers_report_is_json_and_says_something(architecture):
    found = report_of("mine", Context(learned(dtype=torch.float32, **architecture), TASK))
    plain = json.loads(json.dumps(found.model_dump(mode="json"), allow_nan=False))
    assert set(MEASURES) <= set(plain)
    for name in MEASURES:
        assert plain[name]["sentences"] and plain[name]["verdict"] in ("shown", "not_shown", "unknown")
    text = report_table(found)
    assert all(name.replace("_", " ") in text for name in MEASURES) and "closed loop" in text


def test_a_trained_optimizer_without_its_control_is_unknown_and_no_more():
    """The number alone would count: with nothing to compare it with, nothing is said."""
    context = Context(make_hand_designed("momentum", {"learning_rate": 0.05, "momentum": 0.9}), TASK)
    found = report_of("mine", context, trained=True).momentum
    assert found.verdict == "unknown" and found.value == pytest.approx(10) and found.null is None
    assert "untrained optimizers were not measured" in found.reason


def test_weights_that_are_not_finite_are_said():
    optimizer = learned(dtype=torch.float32)
    broken = optimizer.with_theta({n: t * math.nan if n == "weight_hh" else t for n, t in optimizer.theta.items()})
    with pytest.raises(InputError, match="broken cannot be analysed: its weights, or its first update, are not finite"):
        report_of("broken", Context(broken, TASK))
