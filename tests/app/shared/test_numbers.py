"""Numbers in sentences."""

import math

import pytest

from app.shared.numbers import counted, fraction, number, plus_minus, ratio
from core.mechanisms.wording import listed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.035536, "0.0355"),
        (0.9999, "1.00"),
        (12.345, "12.3"),
        (123456.0, "123,456"),
        (0.0, "0"),
        (-0.5, "−0.500"),
        (5.57e-9, "5.57 × 10⁻⁹"),
        (2e12, "2 × 10¹²"),
        (None, "none"),
        (math.nan, "none"),
        (math.inf, "none"),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("mean", "sem", "text"),
    [
        (0.03553639, 0.0014355, "0.0355 ± 0.0014"),
        (0.1930, 0.0282, "0.193 ± 0.028"),
        (12.3456, 1.5, "12.3 ± 1.5"),
        (1234.0, 150.0, "1,234 ± 150"),
        (0.5, 0.0, "0.500 ± 0"),
        (None, None, "none"),
        (0.5, None, "0.500"),
        (2e-9, 1e-9, "2 × 10⁻⁹ ± 1 × 10⁻⁹"),
    ],
)
def test_means_with_errors(mean: float | None, sem: float | None, text: str) -> None:
    assert plus_minus(mean, sem) == text


def test_lists_and_counts() -> None:
    assert [listed(list("abc"[:n])) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert counted(1, "draw") == "1 draw"
    assert counted(2500, "draw") == "2,500 draws"
    assert counted(2, "this", "these") == "2 these"


@pytest.mark.parametrize(
    ("ours", "theirs", "text"),
    [(0.78, 1, "22 % below"), (1.3, 1, "30 % above"), (1.001, 1, "equal to"), (3.14, 1, "3.1 times")],
)
def test_ratios(ours: float, theirs: float, text: str) -> None:
    assert ratio(ours, theirs) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.500"),
        (0.9001, "0.900"),
        (0.95, "0.950"),
        (0.999, "0.9990"),
        (0.999876, "0.99988"),
        (0.99999994, "1 − 6 × 10⁻⁸"),
        (0.0, "0"),
        (1.0, "1.00"),
    ],
)
def test_fractions_are_read_by_their_distance_from_one(value: float, text: str) -> None:
    assert fraction(value) == text
