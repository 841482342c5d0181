"""Claims with controls: is a mechanism there, is it not, or can it not be told?

A mechanism is *shown* where its number

- lies outside the 95 % range of untrained optimizers of the same architecture (the null),
- is beyond a stated size of effect, and
- has consequences: with the mechanism switched off, the meta-loss on held-out problems changes beyond its interval, for an optimizer that
  lowers the loss at all.

An optimizer without an untrained version (a hand-designed one) has no null; the other two decide.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from core.mechanisms.ablation import SWITCHED_OFF, Ablations, Ratio, consequence
from core.mechanisms.context import Context
from core.mechanisms.measures import MEASURES, Measure, Name, measured
from core.mechanisms.null import Null

Verdict = Literal["shown", "not_shown", "unknown"]
DESCENDS = 1.0  # median meta-loss below which an optimizer lowers the loss: one that stands still has 1


@dataclass(frozen=True)
class Effect:
    """The size of effect from which on a mechanism counts.

    Attributes:
        least: of the number, in the direction that counts; where both do, of its size.
        both: whether a number below −``least`` counts too, as a learning rate that rises or falls.
        unit: after the number.
    """

    least: float
    both: bool = False
    unit: str = ""


EFFECTS: dict[Name, Effect] = {
    "momentum": Effect(2.0, unit="steps"),  # as much memory as momentum with β = 1/2
    "clipping": Effect(0.1),
    "schedule": Effect(0.1),
    "adaptation": Effect(0.1, both=True),
    "weight_decay": Effect(1e-6, both=True, unit="a step"),
}


class Range(BaseModel):
    """The 95 % range of a number among untrained optimizers, and how many there are."""

    low: float
    high: float
    count: int


class Claim(BaseModel):
    """One mechanism of one optimizer.

    Attributes:
        verdict: "shown", "not_shown" or "unknown".
        value: the number (`core.mechanisms.measures`); None where it cannot be told.
        null: the range of untrained optimizers; None for optimizers that are not trained, or where it was not measured.
        effect: the size from which on it counts.
        consequence: meta-loss with the mechanism switched off over that of the whole optimizer; None where it was not run.
        reason: why it is not shown, or cannot be told; "" where it is shown.
    """

    verdict: Verdict
    value: float | None
    null: Range | None = None
    effect: float
    consequence: Ratio | None = None
    reason: str = ""


def _exceeds(value: float, effect: Effect) -> bool:
    return value >= effect.least or (effect.both and value <= -effect.least)


def claim(
    name: Name, measure: Measure, null: Null | None, needs_null: bool, ablations: Callable[[], Ablations]
) -> Claim:
    """Decide on one mechanism.

    Args:
        name: the mechanism.
        measure: its number.
        null: of untrained optimizers, if it was measured.
        needs_null: whether the optimizer was trained, so that there is a null to hold it against.
        ablations: run, or read, only if the number alone would count.
    """
    spread = None if null is None else null.range_of(name)
    found = Claim(
        verdict="unknown",
        value=measure.value,
        null=None if spread is None else Range(low=spread[0], high=spread[1], count=spread[2]),
        effect=EFFECTS[name].least,
    )
    early = _by_number(EFFECTS[name], measure, null, spread, needs_null)
    verdict, reason, consequence = early if early is not None else _by_consequence(name, ablations())
    return found.model_copy(update={"verdict": verdict, "reason": reason, "consequence": consequence})


Decision = tuple[Verdict, str, Ratio | None]


def _by_number(
    effect: Effect, measure: Measure, null: Null | None, spread: tuple[float, float, int] | None, needs_null: bool
) -> Decision | None:
    """What the number alone decides; None if it leaves the decision to the consequences."""
    value, reason = measure.value, ""
    verdict: Verdict = "unknown"
    if value is None:
        reason = measure.reason
    elif not _exceeds(value, effect):
        verdict, reason = "not_shown", "its size is below that from which on it counts"
    elif needs_null and spread is None:
        what = (
            "untrained optimizers were not measured"
            if null is None
            else "too few untrained optimizers could be measured"
        )
        reason = f"{what}, so there is nothing to compare with"
    elif spread is not None and spread[0] <= value <= spread[1]:
        verdict, reason = "not_shown", "untrained optimizers show as much"
    return (verdict, reason, None) if reason else None


def _by_consequence(name: Name, ablations: Ablations) -> Decision:
    """Whether switching the mechanism off changes the meta-loss of an optimizer that lowers the loss at all."""
    least, whole = consequence(ablations, name), ablations.of("whole")
    if least is None or whole is None:
        reasons = dict.fromkeys(ablations.without.get(variant, "it was not run") for variant in SWITCHED_OFF[name])
        missing = "; ".join(reasons)
        return "unknown", f"it could not be switched off: {missing}", None
    if whole.median is None or whole.median >= DESCENDS:
        return "not_shown", "the optimizer does not lower the loss", least
    if not least.changes:
        return "not_shown", "the meta-loss is the same with it switched off", least
    return "shown", "", least


def claims_of(
    context: Context, null: Null | None, needs_null: bool, ablations: Callable[[], Ablations]
) -> dict[Name, Claim]:
    """Every mechanism of an optimizer.

    Args:
        context: the optimizer on its task.
        null: of untrained optimizers of its architecture.
        needs_null: whether it was trained.
        ablations: what switching each mechanism off does; called once at most.
    """
    kept: list[Ablations] = []

    def once() -> Ablations:
        if not kept:
            kept.append(ablations())
        return kept[0]

    floor = 0.0 if null is None else null.floor
    return {name: claim(name, measured(name, context, floor), null, needs_null, once) for name in MEASURES}
