"""What the instruments say of optimizers whose formula is known."""

import pytest

from core.distil.reading import read_off
from core.mechanisms.context import Context
from core.optimizers.formula import Formula, Structure
from core.optimizers.hand_designed import make_hand_designed
from core.tasks import make_task

FOUR = Structure(1, "tanh", True, "relaxing", "power")


def test_momentum_is_read_from_the_memory_kernel() -> None:
    momentum = make_hand_designed("momentum", {"learning_rate": 0.3, "momentum": 0.8})
    found = read_off(Context(momentum, make_task("linear_regression")), Structure(1))
    assert found.values["rate"] == pytest.approx(1.5, rel=1e-6)
    assert found.values["memory"] == pytest.approx(0.8, rel=1e-6)
    assert found.values["direct"] == pytest.approx(0.0, abs=1e-6)
    assert not found.unread


def test_direct_share_threshold_and_adaptation_are_read() -> None:
    values = {
        "rate": 0.8,
        "memory": 0.85,
        "direct": 0.1,
        "threshold": 0.7,
        "averaging": 0.9,
        "scale": 0.5,
        "exponent": 0.3,
    }
    made = Formula(Structure(1, "tanh", False, "none", "power"), values)
    found = read_off(Context(made, make_task("linear_regression")), made.structure).values
    for name, tolerance in (("rate", 1e-4), ("memory", 1e-4), ("direct", 1e-3), ("exponent", 0.05), ("scale", 0.05)):
        assert found[name] == pytest.approx(values[name], rel=tolerance), name
    assert 0.3 * values["threshold"] < found["threshold"] < values["threshold"]  # adaptation saturates the update, too


def test_what_cannot_be_read_is_said() -> None:
    still = Formula(Structure(0), {"rate": 0.0})
    found = read_off(Context(still, make_task("linear_regression")), FOUR)
    assert {"momentum", "clipping"} <= set(found.unread)
    assert set(found.values) == set(FOUR.parameters)
