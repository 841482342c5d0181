import json
import math

import pytest
import torch

from core.errors import InputError
from core.mechanisms.context import Context
from core.mechanisms.report import report_of
from core.optimizers import make_hand_designed
from core.tables import report_table
from core.tasks import make_task
from tests.core.helpers import learned

TASK = make_task("linear_regression")


def report(name, **values):
    return report_of(name, Context(make_hand_designed(name, values), TASK))


@pytest.mark.parametrize("beta", [0.3, 0.9])
def test_momentum(beta):
    measured = report("momentum", learning_rate=0.05, momentum=beta)
    (mode,) = measured.momentum.modes
    assert mode.eigenvalue == pytest.approx((beta, 0), rel=1e-6)
    assert mode.learning_rate == pytest.approx((0.05, 0), rel=1e-6)
    assert mode.timescale == pytest.approx(-1 / math.log(beta), rel=1e-6)
    assert measured.momentum.direct_learning_rate == pytest.approx(0, abs=1e-9)
    assert measured.momentum.present is (beta > 0.8)
    assert not measured.clipping.present and not measured.schedule.present and not measured.adaptation.present
    assert measured.adaptation.rate_at_typical == pytest.approx(0.05, rel=1e-6)


def test_nesterov_is_a_mode_beside_a_direct_rate():
    measured = report("nesterov", learning_rate=0.05, momentum=0.9).momentum
    assert measured.modes[0].learning_rate[0] == pytest.approx(0.05 * 0.9, rel=1e-6)
    assert measured.direct_learning_rate == pytest.approx(0.05, rel=1e-6)


def test_sgd_has_no_mechanism():
    measured = report("sgd", learning_rate=0.05)
    assert not any(getattr(measured, name).present for name in ("momentum", "clipping", "schedule", "adaptation"))
    assert measured.momentum.direct_learning_rate == pytest.approx(0.05, rel=1e-9)
    assert "no state" in measured.momentum.sentences[0]


def test_rmsprop():
    gamma, alpha, epsilon = 0.9, 0.01, 1e-3
    measured = report("rmsprop", learning_rate=alpha, decay=gamma, epsilon=epsilon)
    assert measured.momentum.eigenvalues == pytest.approx([gamma], rel=1e-6)
    assert measured.adaptation.present and measured.adaptation.rate_at_zero == pytest.approx(alpha / epsilon, rel=1e-6)
    size = measured.adaptation.typical
    exact = alpha * (gamma * size + epsilon) / (size + epsilon) ** 2
    assert measured.adaptation.rate_at_typical == pytest.approx(exact, rel=0.02)
    assert measured.clipping.present
    assert measured.clipping.start.largest_update == pytest.approx(alpha / math.sqrt(1 - gamma), rel=1e-3)


def test_adam():
    measured = report("adam", learning_rate=0.01, beta1=0.8, beta2=0.95, epsilon=1e-3)
    assert measured.momentum.eigenvalues == pytest.approx([0.95, 0.8], rel=1e-6)
    assert measured.schedule.present and measured.schedule.clock
    expected = [0.01 * 0.2 / (1 - 0.8 ** (k + 1)) / 1e-3 for k in range(201)]
    assert measured.schedule.rates == pytest.approx(expected, rel=1e-6)


def test_clipping_and_a_schedule_alone():
    clipped = report("clipped_sgd", learning_rate=0.1, threshold=0.25)
    assert clipped.clipping.present and not clipped.schedule.present
    assert clipped.clipping.start.half_slope == pytest.approx((0.25, 0.25), rel=1e-6)
    assert clipped.clipping.start.largest_update == pytest.approx(0.025, rel=1e-6)
    scheduled = report("scheduled_sgd", learning_rate=0.1, warmup=9, horizon=100)
    assert scheduled.schedule.present and not scheduled.clipping.present
    assert (scheduled.schedule.peak_step, scheduled.schedule.peak) == (9, pytest.approx(0.1, rel=1e-6))
    assert scheduled.schedule.start == pytest.approx(0.01, rel=1e-6)


@pytest.mark.parametrize(
    "architecture", [{}, {"cell": "lstm"}, {"cell": "vanilla", "units": 1}, {"features": "log_sign"}]
)
def test_a_learned_optimizers_report_is_json_and_says_something(architecture):
    measured = report_of("mine", Context(learned(dtype=torch.float32, **architecture), TASK))
    plain = json.loads(json.dumps(measured.model_dump(mode="json"), allow_nan=False))
    assert {"momentum", "clipping", "schedule", "adaptation"} <= set(plain)
    for name in ("momentum", "clipping", "schedule", "adaptation"):
        assert plain[name]["sentences"] and isinstance(plain[name]["present"], bool)
    text = report_table(measured)
    assert all(name in text for name in ("momentum", "clipping", "schedule", "adaptation"))


def test_weights_that_are_not_finite_are_said():
    optimizer = learned(dtype=torch.float32)
    broken = optimizer.with_theta({n: t * math.nan if n == "weight_hh" else t for n, t in optimizer.theta.items()})
    with pytest.raises(InputError, match="broken cannot be analysed: its weights, or its first update, are not finite"):
        report_of("broken", Context(broken, TASK))
