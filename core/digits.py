"""Digits of decay constants: as many as show how far they are from 1, which is what they mean."""

import math
from collections.abc import Callable

MOST_PLACES = 5  # after the point
NEAR = 0.9  # a decay above it is close to 1
ROUNDING = 1e-9  # of a logarithm: 1 − 0.9999 is a little below 10⁻⁴


def decay_text(
    value: float,
    plain: Callable[[float], str],
    away: Callable[[float], str],
    *,
    digits: int = 2,
    most: int = MOST_PLACES,
) -> str:
    """A decay constant in some notation: 0.99988, not 1.00; with 1 − 6 · 10⁻⁸ only its distance from 1 is written.

    Args:
        value: the decay.
        plain: writes a number that is not close to 1.
        away: writes one that is so close to 1 that it needs more than ``most`` places, given its distance from 1.
        digits: significant digits of the distance from 1.
        most: places after the point.
    """
    if not NEAR < value < 1:
        return plain(value)
    places = digits - 1 - math.floor(math.log10(1 - value) + ROUNDING)
    return f"{value:.{places}f}" if places <= most else away(1 - value)
