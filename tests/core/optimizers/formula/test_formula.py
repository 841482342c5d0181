"""Formulas: hand-designed optimizers are members, parts can be switched off, and wrong numbers are refused."""

import pytest
import torch

from core.errors import InputError
from core.optimizers.formula import FOUR, MECHANISMS, Formula, Structure, as_formula
from core.optimizers.hand_designed import make_hand_designed
from core.optimizers.hand_designed.base import HandDesigned
from core.unroll import unroll
from tests.core.helpers import small_problems

MEMBERS = [
    ("sgd", {"learning_rate": 0.3}),
    ("sgd", {"learning_rate": 0.3, "learning_rate_decay": 0.02}),
    ("momentum", {"learning_rate": 0.3, "momentum": 0.9}),
    ("momentum", {"learning_rate": 0.3, "momentum": 0.0, "learning_rate_decay": 0.1}),
    ("nesterov", {"learning_rate": 0.3, "momentum": 0.8}),
    ("rmsprop", {"learning_rate": 0.01, "decay": 0.95, "epsilon": 1e-8}),
    ("adam", {"learning_rate": 0.05, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8}),
    ("adam_cosine", {"learning_rate": 0.05, "warmup": 10.0, "horizon": 80.0}),
    ("adam_exponential", {"learning_rate": 0.05, "half_life": 30.0}),
    ("clipped_sgd", {"learning_rate": 0.3, "threshold": 0.2}),
    ("scheduled_sgd", {"learning_rate": 0.3, "warmup": 10.0, "horizon": 80.0}),
]


@pytest.mark.parametrize("name, hyperparameters", MEMBERS)
def test_hand_designed_optimizers_are_members(name: str, hyperparameters: dict[str, float]) -> None:
    optimizer = make_hand_designed(name, hyperparameters)
    problems = small_problems("linear_regression", 6)
    theirs = unroll(optimizer, problems, 100, record=("x",))
    ours = unroll(as_formula(optimizer), problems, 100, record=("x",))
    assert theirs.x is not None and ours.x is not None
    assert float((ours.x - theirs.x).abs().max()) < 1e-10


def test_an_optimizer_with_other_parts_is_no_member() -> None:
    class Other(HandDesigned):
        kind = "other"

        @property
        def counts(self) -> bool:
            return False

        def step(self, state: torch.Tensor, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return state, gradient

        def hyperparameters(self) -> dict[str, float]:
            return {"learning_rate": 1.0}

    with pytest.raises(InputError, match="other is no formula of these mechanisms"):
        as_formula(Other())


def test_parts_are_switched_off() -> None:
    whole = Structure(2, "tanh", True, "knots", "power", True, True)
    assert whole.mechanisms == tuple(MECHANISMS)
    assert whole.only(FOUR) == Structure(1, "tanh", True, "relaxing", "power")
    assert whole.only(()) == Structure(0)
    assert whole.only(("adaptation", "clipping")).parameters == (
        "rate", "threshold", "limit", "averaging", "scale", "exponent",
    )  # fmt: skip
    for name in FOUR:
        assert whole.only([name]).mechanisms == (name,)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Structure(3), "0, 1 or 2 momenta"),
        (lambda: Structure(1, schedule="relaxing", bias_correction=True), "constant memory"),
        (lambda: Structure(0, adaptive_memory=True), "needs a momentum"),
        (lambda: Structure(0, agreement=True), "needs a momentum"),
        (lambda: Structure(1).only(["magic"]), "'magic' is no mechanism of a formula; these are: momentum, "),
        (lambda: Formula(Structure(1), {"rate": 0.1, "memory": 0.9}), "missing or unknown: direct"),
        (lambda: Formula(Structure(0), {"rate": -0.1}), "rate must be at least 0"),
        (lambda: Formula(Structure(0), {"rate": float("nan")}), "rate must be a finite number"),
        (
            lambda: Formula(Structure(1), {"rate": 1.0, "memory": 1.0, "direct": 0.0}),
            "memory must be at least 0 and below 1",
        ),
    ],
)
def test_wrong_parts_and_numbers_are_refused(make, message) -> None:
    with pytest.raises(InputError, match=message):
        make()
