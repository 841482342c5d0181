"""Where trainings and imitations of a formula start: at the tuned hand-designed optimizers, at the task's sizes, and at what the instruments say."""

import numpy as np

from core.distil.imitation import Lesson
from core.distil.reading import Reading
from core.errors import InputError
from core.optimizers.formula import PARAMETERS, Structure
from core.optimizers.formula.structure import KNOTS, SCHEDULED
from core.runs import zoo

EARLY = 10  # inner steps whose updates give the size of a first update


def constant(values: dict[str, float], structure: Structure) -> dict[str, float]:
    """The numbers of a structure from those without a schedule: every scheduled number is constant.

    Args:
        values: at least "rate", "memory", "direct" and "threshold".
        structure: the parts that need numbers.
    """
    known = {name: parameter.default for name, parameter in PARAMETERS.items()} | values
    known |= {f"{name}_last": known[name] for name in ("rate", "memory", "direct") if f"{name}_last" not in values}
    known |= {f"{name}_{knot}": known[name] for name in SCHEDULED for knot in KNOTS}
    if structure.momenta == 0:
        known["direct"] = 1.0
    return {name: known[name] for name in structure.parameters}


def starts_for(structure: Structure, task: str, lesson: Lesson, reading: Reading) -> list[dict[str, float]]:
    """The starts that every training of a structure has.

    Args:
        structure: the formula's parts.
        task: name of the task, whose tuned optimizers are one start.
        lesson: gradients and updates of the learned optimizer, whose sizes are another one.
        reading: what the instruments say of it, the third.
    """
    sizes = np.abs(lesson.gradients[:EARLY])
    scale = float(np.median(sizes[sizes > 0])) if (sizes > 0).any() else 1.0
    update = float(np.sqrt((lesson.updates[:EARLY] ** 2).mean()))
    common = {"threshold": 2 * scale, "limit": 20 * update, "scale": scale, "warmup_from": 0.9}
    starts = [constant(common | _tuned(structure, task), structure)]
    if structure.momenta or structure.clipping != "none" or structure.limit:
        by_size = {"rate": max(update, 1e-9) / scale, "memory": 0.9, "direct": 0.05}
        starts.append(constant(common | by_size, structure))
    if structure.schedule != "none" and structure.clipping != "none" and structure.momenta:
        starts.append(constant(reading.values, structure))
    return starts


def _tuned(structure: Structure, task: str) -> dict[str, float]:
    """Rate and memory of tuned momentum, or the rate of tuned gradient descent."""
    name = "momentum" if structure.momenta else "sgd"
    try:
        found = zoo.find_tuned(task, name).hyperparameters
    except (InputError, OSError):
        return {}
    if not structure.momenta:
        return {"rate": found["learning_rate"]}
    beta = min(found["momentum"], 0.999)
    return {"rate": found["learning_rate"] / (1 - beta), "memory": max(beta, 0.02), "direct": 0.01}
