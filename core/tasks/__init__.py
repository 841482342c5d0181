"""The tasks, by name. A new task is one new file here and one line in `TASKS`."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from core.errors import InputError, choose, sentence
from core.tasks.autograd import AutogradProblems
from core.tasks.base import ClassifierProblems, PlanarProblems, Plane, Problems, Task
from core.tasks.linear_regression import LinearRegression
from core.tasks.rosenbrock import Rosenbrock
from core.tasks.two_moons import TwoMoons

__all__ = [
    "SHIPPED",
    "TASKS",
    "AutogradProblems",
    "ClassifierProblems",
    "PlanarProblems",
    "Plane",
    "Problems",
    "Task",
    "make_task",
]

TASKS: dict[str, type[Task]] = {task.name: task for task in (LinearRegression, Rosenbrock, TwoMoons)}
SHIPPED = tuple(TASKS)  # those that come with tuned optimizers; plugins add others to TASKS


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
