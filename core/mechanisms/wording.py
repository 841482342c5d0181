"""Numbers, intervals and verdicts of mechanisms in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.mechanisms.claims import Claim

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
PLAIN = 1e6  # numbers from here on are written with a power of ten
SAYS = {"shown": "shown", "not_shown": "not shown", "unknown": "cannot be told"}


def listed(texts: Sequence[str]) -> str:
    """Texts in a sentence: "a", "a and b", "a, b and c"; "" without any."""
    return " and ".join(texts) if len(texts) < 3 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def times_ten(mantissa: str, power: int) -> str:
    """A number with a power of ten: 4 × 10⁻³."""
    return f"{mantissa} × 10{str(power).translate(SUPERSCRIPTS)}"


def number(value: float | None, digits: int = 4) -> str:
    """A number to some significant digits; "unknown" where it is not known."""
    if value is None:
        return "unknown"
    text = f"{value + 0.0:.{digits}g}"  # −0 is 0
    mantissa, _, power = text.partition("e")
    if math.isfinite(value) and 1000 <= abs(float(text)) < PLAIN:
        text = f"{float(text):,.0f}"
    elif power:
        text = times_ten(mantissa, int(power))
    return text.replace("-", "−")


def interval(low: float | None, high: float | None) -> str:
    """An interval, both ends to two digits of its width."""
    if low is None or high is None or not 0 < high - low < math.inf:
        return f"{number(low, 3)} to {number(high, 3)}"
    places = max(0, 1 - math.floor(math.log10(high - low)))
    if places > 4 or max(abs(low), abs(high)) >= 1e5:
        return f"{number(low, 3)} to {number(high, 3)}"
    return f"{low:.{places}f} to {high:.{places}f}".replace("-", "−")


def verdict_sentence(claim: Claim, unit: str = "") -> str:
    """What a claim comes to: its verdict, its number, that of noise, and what switching it off does."""
    parts = [SAYS[claim.verdict].capitalize()]
    if claim.value is not None:
        parts.append(f"its size is {number(claim.value, 3)}{f' {unit}' if unit else ''}")
        if claim.null is not None:
            parts.append(f"untrained optimizers have {interval(claim.null.low, claim.null.high)}")
    if claim.consequence is not None:
        ratio = claim.consequence
        ends = f"{number(ratio.low, 3)} to more" if ratio.high is None else interval(ratio.low, ratio.high)
        middle = "diverges" if ratio.median is None else f"× {number(ratio.median, 3)} ({ends})"
        parts.append(f"switched off, the meta-loss {'' if ratio.median is None else 'is '}{middle}")
    if claim.reason:
        parts.append(claim.reason)
    return (parts[0] + ": " + "; ".join(parts[1:]) if len(parts) > 1 else parts[0]) + "."
