"""The tasks, by name. A new task is one new file here and one line in `TASKS`.

Beside its name and title, a task's class may say what trains well on it (``suited``) and what else optimizers trained on it are
tried on (``other_problems``).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from core.errors import InputError, choose, sentence
from core.tasks.autograd import AutogradProblems
from core.tasks.base import ClassifierProblems, PlanarProblems, Plane, Problems, Task
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
    "make_task",
    "other_problems",
    "suited_settings",
]

TASKS: dict[str, type[Task]] = {task.name: task for task in (LinearRegression, Rosenbrock, TwoMoons)}
SHIPPED = tuple(TASKS)  # those that come with tuned optimizers; plugins add others to TASKS


def suited_settings(name: str) -> Mapping[str, Any]:
    """Settings of a run that train well on a task, where they differ from the defaults: the class's ``suited``, if it has any."""
    return getattr(TASKS.get(name), "suited", {})


def other_problems(name: str) -> Sequence[Variant]:
    """What an optimizer trained on a task is also tried on: the class's ``other_problems``, if it has any."""
    return getattr(TASKS.get(name), "other_problems", ())


def make_task(name: str, parameters: Mapping[str, Any] | None = None) -> Task:
    """The task of that name with these parameters (the others at their defaults).

    Raises:
        InputError: unknown name, unknown parameter, or a value out of range.
    """
    task = choose("task", name, TASKS)
    try:
        return task.model_validate_json(json.dumps(dict(parameters or {})), strict=True)  # so that "5" is no number
    except ValidationError as error:
        allowed = ", ".join(task.model_fields) or "none"
        raise InputError(f"task {name}: {sentence(error)}; its parameters are: {allowed}") from None
