"""Where trainings and imitations of a formula start: at the tuned hand-designed optimizers, at the task's sizes, and at what the instruments say."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from core.distil.imitation import Lesson
from core.distil.reading import Reading
from core.distil.tuned import best_member, near
from core.optimizers.formula import PARAMETERS, Formula, Structure, coefficients
from core.optimizers.formula.structure import KNOTS, SCHEDULED

EARLY = 10  # inner steps whose updates give the size of a first update
NEUTRAL = {  # numbers with which a mechanism that is switched on does nothing, beside an unreachable threshold and limit
    "warmup_from": 1.0,
    "exponent": 0.0,
    "second_share": 0.0,
    "forgetting": 0.0,
    "boost": 0.0,
}
UNREACHED = 30.0  # times the largest gradient or update


def constant(values: Mapping[str, float], structure: Structure) -> dict[str, float]:
    """The numbers of a structure from those without a schedule: every scheduled number is constant.

    Args:
        values: numbers that are known; missing ones have their defaults.
        structure: the parts that need numbers.
    """
    known = {name: parameter.default for name, parameter in PARAMETERS.items()} | dict(values)
    known |= {f"{name}_last": known[name] for name in ("rate", "memory", "direct") if f"{name}_last" not in values}
    known |= {f"{name}_{knot}": known[name] for name in SCHEDULED for knot in KNOTS if f"{name}_{knot}" not in values}
    return {name: known[name] for name in structure.parameters}


def extended(formula: Formula, structure: Structure, neutral: Mapping[str, float]) -> dict[str, float]:
    """The numbers with which a formula of more mechanisms does what a formula does.

    Args:
        formula: a formula without some of the structure's mechanisms.
        structure: the parts that need numbers.
        neutral: numbers with which the other mechanisms do nothing.
    """
    values = {**neutral, **formula.values}
    if structure.momenta and not formula.structure.momenta:
        values |= {"memory": PARAMETERS["memory"].default, "direct": 1.0}
    if structure.schedule == "knots" and formula.structure.schedule != "knots":
        at = coefficients(formula.structure, formula.values, torch.tensor(KNOTS, dtype=torch.float64))
        first, second, direct = (torch.as_tensor(field).expand(len(KNOTS)) for field in at[:3])
        rate = first + second + direct
        known = {"rate": rate, "direct": direct / rate, "memory": at.memory, "threshold": values["threshold"]}
        for name, given in known.items():
            along = torch.as_tensor(given, dtype=torch.float64).expand(len(KNOTS)).tolist()
            values |= {f"{name}_{knot}": value for knot, value in zip(KNOTS, along, strict=True)}
    return constant(values, structure)


@dataclass(frozen=True)
class Sizes:
    """The sizes of a learned optimizer's gradients and updates.

    Attributes:
        scale: median |g| at the first steps.
        update: root mean square of the first updates.
        largest: largest |g|.
    """

    scale: float
    update: float
    largest: float

    def neutral(self) -> dict[str, float]:
        """Numbers with which mechanisms do nothing."""
        return {
            **NEUTRAL,
            "threshold": UNREACHED * self.largest,
            "limit": UNREACHED * UNREACHED * self.update,
            "scale": self.scale,
        }


def sizes_of(lesson: Lesson) -> Sizes:
    """The sizes of what a learned optimizer met and did."""
    early = np.abs(lesson.gradients[:EARLY])
    scale = float(np.median(early[early > 0])) if (early > 0).any() else 1.0
    update = float(np.sqrt((lesson.updates[:EARLY] ** 2).mean()))
    return Sizes(scale, max(update, 1e-9), float(np.abs(lesson.gradients).max()))


def starts_for(structure: Structure, task: str, lesson: Lesson, reading: Reading) -> list[dict[str, float]]:
    """The starts that every training of a structure has.

    Args:
        structure: the formula's parts.
        task: name of the task, whose best tuned optimizer with these mechanisms is one start.
        lesson: gradients and updates of the learned optimizer, whose sizes are another one.
        reading: what the instruments say of it, the third.
    """
    sizes = sizes_of(lesson)
    starts = tuned_starts(structure, task, sizes)
    if structure.momenta or structure.clipping != "none" or structure.limit:
        by_size = {"rate": sizes.update / sizes.scale, "memory": 0.9, "direct": 0.05, "exponent": 0.05}
        clipping = {"threshold": 2 * sizes.scale, "limit": 20 * sizes.update}
        starts.append(constant(sizes.neutral() | by_size | clipping, structure))
    if structure.schedule != "none" and structure.clipping != "none" and structure.momenta:
        starts.append(constant(reading.values, structure))
    return starts


def tuned_starts(structure: Structure, task: str, sizes: Sizes) -> list[dict[str, float]]:
    """Numbers near the best tuned hand-designed optimizers: the best one without adaptation, and the best one if that adapts.

    One with a schedule counts for a formula without one, too, with its learning rate half-way.

    Args:
        structure: the formula's parts.
        task: name of the task.
        sizes: of the learned optimizer's gradients and updates.
    """
    plain = [name for name in structure.mechanisms if name != "adaptation"]
    members = [best_member({*allowed, "schedule"}, task) for allowed in (plain, structure.mechanisms)]
    starts: list[dict[str, float]] = []
    for member in [one for one in members if one is not None]:
        parts = {*member.structure.mechanisms, "schedule"}.intersection(structure.mechanisms)
        base = structure.only(parts)
        values = near(member, base, sizes.scale)
        rate = max(values["rate"], values.get("rate_last", 0.0)) * max(1.0, values.get("warmup_from", 1.0))
        neutral = sizes.neutral() | {"limit": UNREACHED * rate * sizes.largest}
        start = extended(Formula(base, constant(values, base)), structure, neutral)
        if start not in starts:
            starts.append(start)
    return starts or [constant(sizes.neutral(), structure)]
