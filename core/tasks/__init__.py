"""The tasks by name. To add one, add a file here and a line in `TASKS`.

Besides its name and title, a task's class may have training settings that suit it (``suited``), out-of-distribution variants
(``other_problems``), a target (``target``), and parameters with which its problems cost less and are nearly the same (``lighter``).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from core.errors import InputError, choose, sentence
from core.tasks.autograd import AutogradProblems
from core.tasks.base import ClassifierProblems, PlanarProblems, Plane, Problems, Task, is_large
from core.tasks.linear_regression import LinearRegression
from core.tasks.rosenbrock import Rosenbrock
from core.tasks.two_moons import TwoMoons
from core.tasks.variant import Variant

__all__ = [
    "SHIPPED",
    "TASKS",
    "AutogradProblems",
    "ClassifierProblems",
    "PlanarProblems",
    "Plane",
    "Problems",
    "Task",
    "Variant",
    "is_large",
    "lighter_parameters",
    "make_task",
    "other_problems",
    "suited_settings",
]

TASKS: dict[str, type[Task]] = {
    task.name: task
    for task in (
        LinearRegression,
        Rosenbrock,
        TwoMoons,
    )
}
SHIPPED = tuple(TASKS)  # plugins add others to TASKS


def suited_settings(name: str) -> Mapping[str, Any]:
    """Settings of a run that suit a task and differ from the defaults: the class's ``suited``, if any."""
    return getattr(TASKS.get(name), "suited", {})


def lighter_parameters(name: str) -> Mapping[str, Any]:
    """Parameters with which a task's problems cost less and are nearly the same: the class's ``lighter``, if any."""
    return getattr(TASKS.get(name), "lighter", {})


def other_problems(name: str) -> Sequence[Variant]:
    """Out-of-distribution variants of a task: the class's ``other_problems``, if any."""
    return getattr(TASKS.get(name), "other_problems", ())


def make_task(name: str, parameters: Mapping[str, Any] | None = None) -> Task:
    """The task of that name.

    Args:
        name: of a shipped or registered task.
        parameters: its parameters by name; the others have their defaults.

    Raises:
        InputError: unknown name, unknown parameter, or a value out of range.
    """
    task = choose("task", name, TASKS)
    try:
        return task.model_validate_json(
            json.dumps(dict(parameters or {})), strict=True
        )  # strict, so that "5" is not a number
    except ValidationError as error:
        allowed = ", ".join(task.model_fields) or "none"
        raise InputError(f"task {name}: {sentence(error)}; its parameters are: {allowed}") from None
