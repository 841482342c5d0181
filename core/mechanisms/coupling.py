"""How the components of an optimizer influence each other."""

from __future__ import annotations

from pydantic import BaseModel, Field

from core.mechanisms.context import Context


class Coupling(BaseModel):
    """How components influence each other.

    Attributes:
        value: the share of the answer to one component's gradient that is found in other components' updates, from 0 (independent) to
            1; null where it cannot be told.
    """

    value: float | None
    sentences: list[str] = Field(default_factory=list)


def precision(context: Context) -> list[str]:
    """What is to be said of its arithmetic, if anything."""
    return [context.about_precision] if context.about_precision else []


def coupling_report(context: Context) -> Coupling:
    """How components influence each other."""
    if not context.sees_tensors:
        return Coupling(value=0.0, sentences=["Every component evolves by itself."])
    value = context.coupling
    if value is None:
        return Coupling(
            value=None,
            sentences=["It cannot be told: the updates have no slope over a gradient at most places looked at."],
        )
    said = f"{100 * value:.3g} % of the answer to one component's gradient is found in other components' updates."
    return Coupling(value=value, sentences=[said, *precision(context)])
