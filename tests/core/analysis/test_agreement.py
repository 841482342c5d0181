"""Agreement: nothing where only sizes count, and the known ratio where rates follow signs."""

import math

import numpy as np
import pytest
import torch

from core.analysis.agreement import SIGNS, rates_by_signs, signs_of
from core.optimizers import make_hand_designed
from core.optimizers.base import Optimizer
from core.optimizers.formula import Formula, Structure

SIZES = torch.rand(10, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1


class DeltaBarDelta(Optimizer):
    """The rule of Jacobs with logarithmic rates: × 1.1 where a gradient has the sign of its average before it, × 0.7 where it has the other."""

    name, smooth, state_names = "delta_bar_delta", True, ("log rate", "average")

    def initial_state(self, n: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        return torch.tensor([math.log(0.05), 0.0], dtype=dtype or torch.float32).expand(n, 2)

    def step(self, state: torch.Tensor, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rate, average = state.T
        agree = torch.sign(average * gradient)
        change = torch.where(agree > 0, math.log(1.1), torch.where(agree < 0, math.log(0.7), 0.0))
        # The rate of the moment is that of the step before: the gradient of the moment has no part in it.
        return torch.stack([rate + change, 0.5 * average + 0.5 * gradient], 1), -torch.exp(rate) * gradient


def after(optimizer: Optimizer, kind) -> torch.Tensor:
    return rates_by_signs(optimizer, optimizer.initial_state(7, torch.float64), SIZES, kind)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("sgd", {"learning_rate": 1.0}),
        ("momentum", {"learning_rate": 1.0, "momentum": 0.9}),
        ("nesterov", {"learning_rate": 1.0, "momentum": 0.9}),
        ("rmsprop", {"learning_rate": 0.03, "decay": 0.9}),
        ("adam", {"learning_rate": 0.03, "beta1": 0.9, "beta2": 0.99}),
    ],
)
def test_where_only_sizes_count_signs_make_no_difference(name, values) -> None:
    alike, alternating, random = (after(make_hand_designed(name, values), kind) for kind in SIGNS)
    assert torch.allclose(alike, alternating, rtol=1e-12) and torch.allclose(alike, random, rtol=1e-12)
    assert alike.shape == (11, 7)


def test_delta_bar_delta_has_its_own_ratio() -> None:
    alike, alternating = after(DeltaBarDelta(), "alike")[-1], after(DeltaBarDelta(), "alternating")[-1]
    assert torch.allclose(
        alike, torch.full((7,), 0.05 * 1.1**9, dtype=torch.float64)
    )  # the first gradient meets no average
    averages, expected = np.zeros(7), np.zeros(7)
    for k, size in enumerate(SIZES.numpy()):
        signed = (-1) ** k * size
        expected += np.select([averages * signed > 0, averages * signed < 0], [math.log(1.1), math.log(0.7)], 0.0)
        averages = 0.5 * averages + 0.5 * signed
    assert np.allclose(alternating.numpy(), 0.05 * np.exp(expected)) and bool((alternating < alike).all())


def test_a_formula_has_the_agreement_of_its_numbers() -> None:
    structure = Structure(momenta=1, agreement=True)
    values = {"rate": 0.1, "memory": 0.8, "direct": 1.0, "agreement_decay": 0.7, "boost": 0.9}
    for kind, sign in (("alike", lambda k: 1.0), ("alternating", lambda k: (-1.0) ** k)):
        v, q, size = np.zeros(7), np.zeros(7), np.zeros(7)
        for k, one in enumerate(SIZES.numpy()):
            y = sign(k) * one
            q, size, v = 0.7 * q + 0.3 * v * y, 0.7 * size + 0.3 * np.abs(v * y), 0.8 * v + 0.2 * y
        found = after(Formula(structure, values), kind)[-1].numpy()
        assert np.allclose(found, 0.1 * np.exp(0.9 * q / size), rtol=1e-9)


def test_signs_are_what_they_say() -> None:
    assert signs_of("alike", 3, 2).tolist() == [[1, 1]] * 3
    assert signs_of("alternating", 3, 2).tolist() == [[1, 1], [-1, -1], [1, 1]]
    drawn = signs_of("random", 1000, 4, seed=1)
    assert set(drawn.unique().tolist()) == {-1.0, 1.0} and bool((drawn.mean(0).abs() < 0.15).all())
    assert torch.equal(drawn, signs_of("random", 1000, 4, seed=1))


def test_a_secant_is_finite_where_the_slope_is_not() -> None:
    structure = Structure(momenta=1, agreement=True)
    values = {"rate": 0.1, "memory": 0.8, "direct": 0.2, "agreement_decay": 0.7, "boost": 0.9}
    formula = Formula(structure, values)
    found = rates_by_signs(formula, formula.initial_state(7, torch.float64), SIZES, "alike", secant=0.5)
    # After one gradient there is a momentum v, but q and q₊ are 0 still: the factor is e^λ for one sign and e^−λ for the other.
    v = 0.2 * SIZES[0]
    ends = [0.1 * math.exp(s * 0.9) * (0.8 * (0.8 * v + 0.2 * s * 0.5) + 0.2 * s * 0.5) for s in (1, -1)]
    assert torch.allclose(found[1], (ends[0] - ends[1]) / (2 * 0.5)) and bool(torch.isfinite(found).all())
