"""Agreement: how the learning rate differs after gradients of the same sizes that agree in sign and that alternate.

The paper has no such mechanism; delta-bar-delta (Jacobs 1988) is made of it. Its control is what untrained optimizers of the same
architecture show; its calibration, that momentum, RMSProp and Adam have exactly 0. There is no way to switch it off in a learned optimizer
without changing more, so no consequence decides about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pydantic import BaseModel

from core.analysis.agreement import SIGNS, Signs, rates_by_signs, signs_of
from core.analysis.general import rates_after
from core.errors import InputError
from core.late import torch
from core.mechanisms.claims import Range
from core.mechanisms.context import NO_SLOPE, Context
from core.mechanisms.measures import LARGEST, Measure, relative_difference
from core.mechanisms.null import Null
from core.mechanisms.wording import interval, number

if TYPE_CHECKING:
    from torch import Tensor

KINDS: tuple[Signs, Signs] = ("alike", "alternating")  # that are compared
NAME = "agreement"  # among the values of a null
WINDOW, LONGEST = 10, 20  # gradients whose signs are changed, for the number and for the figure
WINDOWS = 1000  # at most that it is measured on
EFFECT = 0.1  # from which on it counts, as for adaptation
EQUAL = 1e-6  # a difference below this is rounding
RESAMPLES = 1000
MOSTLY = 0.9  # share of windows whose rates must be positive for a factor
FEWEST = 4  # problems that an interval needs


class Windows(NamedTuple):
    """Stretches of real runs: the largest tenth by the mean size of their gradients.

    Attributes:
        states: before each of them, [n, S].
        sizes: |g| of their steps, [steps, n].
        problems: the number of the problem that each comes from, [n].
    """

    states: Tensor
    sizes: Tensor
    problems: np.ndarray


def windows_of(context: Context, steps: int) -> Windows:
    """The windows of so many steps on held-out problems.

    Raises:
        InputError: no gradient was finite and other than 0.
    """
    sample = context.sample
    sizes = sample.gradients.abs().unfold(0, steps, 1)  # [K − steps + 1, problems, n, steps]
    states = sample.states[: len(sizes)]
    means = sizes.mean(-1)
    usable = torch.isfinite(means) & (means > 0) & torch.isfinite(states).all(-1)
    if not bool(usable.any()):
        raise InputError("no finite gradient was observed")
    known = means[usable]
    least = torch.quantile(known[:: max(1, len(known) // 100_000)], 1 - LARGEST)
    places = (usable & (means >= least)).nonzero()
    places = places[:: max(1, len(places) // WINDOWS)]
    at = tuple(places.T)
    return Windows(states[at], sizes[at].T.contiguous(), places[:, 1].numpy())


class Rates(NamedTuple):
    """Learning rates after gradients that agree and that alternate, of every window, [n] each."""

    alike: Tensor
    alternating: Tensor


def _rates(context: Context, windows: Windows) -> Rates:
    width = context.observed.scale
    found = [rates_by_signs(context.double, windows.states, windows.sizes, kind, width=width)[-1] for kind in KINDS]
    return Rates(*found)


def _rates_of_tensors(context: Context, kind: Signs, counts: Sequence[int]) -> Tensor:
    """The same for whole tensors: the first gradients of a run, all components with the signs of the first one, [counts, components]."""
    met = context.met
    first = torch.where(met.gradients[0] < 0, -1.0, 1.0).to(met.gradients.dtype)
    sizes = first * met.gradients[: counts[-1] + 1].abs()
    return rates_after(met, signs_of(kind, len(sizes), 1).to(sizes.dtype) * sizes, counts, context.places_met)


def agreement(context: Context, floor: float = 0.0) -> Measure:
    """How the learning rate differs by signs alone: (α after gradients alike − α after alternating ones) / the larger, the median.

    0 where only sizes count, towards 1 where the rate grows while gradients agree, negative where it falls.

    Args:
        context: the optimizer on its task.
        floor: the least size that it is divided by.
    """
    try:
        return _of(_differences(context, floor)[0])
    except InputError as error:
        return Measure(None, str(error))


def _differences(context: Context, floor: float) -> tuple[Tensor, Rates, np.ndarray]:
    if context.sees_tensors:
        at = [min(WINDOW, context.met.steps - 1)]
        rates, problems = Rates(*(_rates_of_tensors(context, kind, at)[0] for kind in KINDS)), np.zeros(0, dtype=int)
    elif context.jumps_with_state:
        raise InputError(NO_SLOPE)
    else:
        windows = windows_of(context, min(WINDOW, len(context.sample.gradients)))
        rates, problems = _rates(context, windows), windows.problems
    if not bool((rates.alike != 0).any() or (rates.alternating != 0).any()):
        raise InputError("its update has no slope over the gradient after the gradients fed")
    return relative_difference(rates.alike, rates.alternating, floor), rates, problems


def _of(differences: Tensor) -> Measure:
    known = differences[torch.isfinite(differences)]
    if 2 * len(known) <= len(differences):
        return Measure(None, "the update has no slope over the gradient after most of the gradients fed")
    return Measure(float(known.median()))


class AgreementReport(BaseModel):
    """Whether the learning rate depends on the agreement of gradients in sign.

    Attributes:
        value: `agreement`; null where it cannot be told.
        low, high: its 95 % interval, bootstrapped over problems; null for fewer than four of them.
        factor: the rate after gradients alike over that after alternating ones, the median; null where less than 90 % of them are positive.
        window: how many gradients.
        null: the 95 % range of untrained optimizers; null for optimizers that are not trained, or where it was not measured.
        shown: whether the whole interval is beyond ``effect`` and outside of the null; null where it cannot be told.
        effect: the size from which on it counts.
        reason: why it is not shown, or cannot be told; "" where it is shown.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    factor: float | None = None
    window: int = WINDOW
    null: Range | None = None
    shown: bool | None = None
    effect: float = EFFECT
    reason: str = ""


def agreement_report(context: Context, null: Null | None = None, *, trained: bool = False) -> AgreementReport:
    """Measure agreement, and hold it against untrained optimizers.

    Args:
        context: the optimizer on its task.
        null: of untrained optimizers of its architecture.
        trained: whether it was trained, so that it needs a null.
    """
    try:
        differences, rates, problems = _differences(context, 0.0 if null is None else null.floor)
        measured = _of(differences)
    except InputError as error:
        return AgreementReport(reason=str(error))
    if measured.value is None:
        return AgreementReport(reason=measured.reason)
    low, high = _interval(differences.numpy(), problems)
    spread = None if null is None else null.range_of(NAME)
    positive = (rates.alike > 0) & (rates.alternating > 0)
    factors = (rates.alike / rates.alternating)[positive]
    found = AgreementReport(
        value=measured.value,
        low=low,
        high=high,
        factor=float(factors.median()) if len(factors) >= MOSTLY * len(positive) else None,
        null=None if spread is None else Range(low=spread[0], high=spread[1], count=spread[2]),
    )
    shown, reason = _decide(found, trained)
    return found.model_copy(update={"shown": shown, "reason": reason})


def _decide(found: AgreementReport, trained: bool) -> tuple[bool | None, str]:
    assert found.value is not None
    low, high = (found.value if end is None else end for end in (found.low, found.high))
    if low < EFFECT and high > -EFFECT:
        small = abs(found.value) < EFFECT
        return False, f"{'its size is' if small else 'its interval reaches'} below that from which on it counts"
    if trained and found.null is None:
        return None, "untrained optimizers were not measured, so there is nothing to compare with"
    if found.null is not None and low <= found.null.high and high >= found.null.low:
        return False, "untrained optimizers show as much"
    return True, ""


def _interval(differences: np.ndarray, problems: np.ndarray) -> tuple[float | None, float | None]:
    """The 95 % interval of the median, bootstrapped over problems."""
    groups = [differences[(problems == one) & np.isfinite(differences)] for one in np.unique(problems)]
    groups = [group for group in groups if len(group)]
    if len(groups) < FEWEST:
        return None, None
    rng = np.random.default_rng(0)
    draws = rng.integers(len(groups), size=(RESAMPLES, len(groups)))
    medians = [float(np.median(np.concatenate([groups[i] for i in draw]))) for draw in draws]
    low, high = np.percentile(medians, (2.5, 97.5))
    return float(low), float(high)


def said(found: AgreementReport) -> str:
    """One sentence on it."""
    if found.value is None:
        return f"Whether its learning rate depends on the signs of gradients cannot be told: {found.reason}."
    if abs(found.value) < EQUAL:
        return (
            f"After {found.window} gradients of one sign its learning rate is the same as after as many of the same sizes that alternate: "
            "it does not depend on signs."
        )
    spread = f" (95 % interval {interval(found.low, found.high)})" if found.low is not None else ""
    times = f": it is {number(found.factor, 3)} times as high" if found.factor is not None else ""
    text = (
        f"After {found.window} gradients of one sign its learning rate differs from that after as many of the same sizes that alternate by "
        f"{number(found.value, 2)} of the larger{spread}{times}"
    )
    if found.null is not None:
        text += f"; untrained optimizers have {number(found.null.low, 2)} to {number(found.null.high, 2)}"
    return f"{text}{f'; {found.reason}' if found.reason else ''}."


def rates_over_windows(context: Context) -> np.ndarray | None:
    """Learning rates while gradients of each kind of signs come in: lower quartile, median, upper quartile over windows.

    Those of an optimizer that sees whole tensors are over the components that are looked at, and half as many steps.

    Returns:
        [3 kinds of `SIGNS`, steps + 1, 3], float32; None where there is nothing to measure, or no slope.
    """
    if not context.sees_tensors and context.jumps_with_state:
        return None
    try:
        rates = [_rates_by_step(context, kind) for kind in SIGNS]
    except InputError:
        return None
    if not all(np.isfinite(one).any(1).all() for one in rates):
        return None
    return np.stack([np.nanpercentile(one, (25, 50, 75), axis=1).T for one in rates]).astype(np.float32)


def _rates_by_step(context: Context, kind: Signs) -> np.ndarray:
    """Learning rates after 0, 1, … gradients, of every window or component, [steps + 1, n]."""
    if context.sees_tensors:
        counts = range(min(WINDOW, context.met.steps - 1) + 1)
        return _rates_of_tensors(context, kind, counts).numpy()
    windows = windows_of(context, min(LONGEST, len(context.sample.gradients)))
    width = context.observed.scale
    return rates_by_signs(context.double, windows.states, windows.sizes, kind, width=width).numpy()
