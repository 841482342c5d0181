"""Shares and contributions on numbers whose results are known."""

import numpy as np
import pytest

from core.distil.shares import Bootstrap, contributions, shapley, share, subsets

NAMES = ("a", "b", "c")


def test_shapley_of_a_sum_is_its_terms() -> None:
    worth = {"a": 1.0, "b": 2.0, "c": -0.5}
    values = {key: np.array(sum(worth[name] for name in key)) for key in subsets(NAMES)}
    assert {name: float(value) for name, value in shapley(values, NAMES).items()} == pytest.approx(worth)


def test_shapley_shares_what_only_two_have_together() -> None:
    values = {key: np.array(float({"a", "b"} <= set(key))) for key in subsets(NAMES)}
    found = {name: float(value) for name, value in shapley(values, NAMES).items()}
    assert found == pytest.approx({"a": 0.5, "b": 0.5, "c": 0.0})


def test_contributions_multiply_to_the_whole_factor() -> None:
    source = np.random.default_rng(0)
    losses = {key: source.uniform(0.5, 1.5, (3, 20)) / (1 + len(key)) for key in subsets(NAMES)}
    found = contributions(losses, NAMES, Bootstrap(20, 3))
    product = np.prod([one.mean for one in found.values()])
    assert product == pytest.approx(losses[()].mean() / losses[NAMES].mean())
    assert all(one.low <= one.mean <= one.high for one in found.values())


def test_a_share_is_0_at_the_best_tuned_and_1_at_the_learned() -> None:
    source = np.random.default_rng(1)
    learned, best = source.uniform(0.02, 0.04, 50), source.uniform(0.05, 0.07, 50)
    draws = Bootstrap(50, 3)
    for losses, expected in ((best, 0.0), (learned, 1.0), ((best + learned) / 2, 0.5)):
        found = share(np.stack([losses] * 3), best, learned, draws)
        assert (
            found.mean == pytest.approx(expected) and found.low <= expected + 1e-12 and found.high >= expected - 1e-12
        )
    noisy = share(np.stack([best, learned, learned]), best, learned, draws)
    assert noisy.low < 0.4 and noisy.high > 0.9  # seeds that differ widen the interval


def test_what_diverges_has_no_share() -> None:
    best = np.ones(4)
    found = share(np.array([[1.0, np.inf, 1.0, 1.0]]), best, best / 2, Bootstrap(4, 1))
    assert found.mean is None and found.low is None
