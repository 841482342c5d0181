"""Numbers in sentences, and the running median that smooths curves."""

import math
from collections.abc import Mapping

import numpy as np

from core.digits import decay_text
from core.mechanisms.wording import times_ten

WINDOW = 0.12  # the running median spans this share of the outer step on either side


def number(value: float | None, digits: int = 3) -> str:
    """A number with a few significant digits; "none" for None and for values that are not finite."""
    if value is None or not math.isfinite(value):
        return "none"
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    power = int(exponent)
    if not -4 <= power <= 5:
        return times_ten(f"{float(mantissa):g}", power).replace("-", "−")
    return f"{value:,.{max(0, digits - 1 - power)}f}".replace("-", "−")


def fraction(value: float) -> str:
    """A decay constant with digits that show its distance from 1: 0.99988, not 1.00; beyond five of them that distance itself, 1 − 6 × 10⁻⁸."""
    return decay_text(value, number, lambda distance: f"1 − {number(distance, 1)}")


FRACTIONS = ("momentum", "decay", "rho", "beta1", "beta2")  # hyperparameters whose distance from 1 matters


def hyperparameter(name: str, value: float) -> str:
    """A hyperparameter's value."""
    return fraction(value) if name in FRACTIONS else number(value)


def hyperparameters(values: Mapping[str, float]) -> str:
    """Hyperparameters in a sentence: "learning rate 0.100, momentum 0.90"."""
    return ", ".join(f"{name.replace('_', ' ')} {hyperparameter(name, value)}" for name, value in values.items())


def plus_minus(mean: float | None, sem: float | None) -> str:
    """A mean and its standard error, to two digits of the error."""
    if mean is None or sem is None or not math.isfinite(mean) or not math.isfinite(sem):
        return number(mean)
    if sem <= 0:
        return f"{number(mean)} ± 0"
    places = 1 - math.floor(math.log10(sem))
    if not 0 <= places <= 6:
        return f"{number(mean)} ± {number(sem, 2)}"
    return f"{mean:,.{places}f} ± {sem:.{places}f}".replace("-", "−")


def counted(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun: "1 draw", "2,500 draws"."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def ratio(ours: float, theirs: float) -> str:
    """How our loss compares with theirs: "22 % below", "3.1 times" or "equal to"."""
    share = ours / theirs
    if share > 2:
        return f"{number(share, 2)} times"
    percent = round(100 * abs(1 - share))
    return "equal to" if percent == 0 else f"{percent} % {'below' if share < 1 else 'above'}"


def running_median(values: np.ndarray) -> np.ndarray:
    """[N] -> [N]: median over a window that grows with the position; non-finite values count as infinite."""
    worst = np.where(np.isfinite(values), values, np.inf)
    reach = (WINDOW * np.arange(len(values))).astype(int)
    return np.array([np.median(worst[max(0, i - r) : i + r + 1]) for i, r in enumerate(reach)])
