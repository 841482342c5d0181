"""The settings in the form of the Train page: choices, limits and presets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.jobs.limits import Limits
from core.settings import Setting
from core.tasks import TASKS

SWITCH = {"auto": "if memory requires it", "yes": "always", "no": "never"}  # for a setting that is yes, no or unset
SWITCHED = {None: "auto", True: "yes", False: "no"}


@dataclass(frozen=True)
class Preset:
    """A named set of settings.

    Attributes:
        title: on its button.
        about: one line.
        settings: those that differ from the task's defaults.
    """

    title: str
    about: str
    settings: Mapping[str, Any]


PRESETS = {
    "linear": Preset(
        "Linear regression",
        "Aims for a lower meta-loss than tuned momentum within a minute.",
        {
            "task": "linear_regression",
            "units": 32,
            "truncation": 20,
            "adjoint_clip": 1.0,
            "outer_steps": 3000,
            "learning_rate_halving": 700,
        },
    ),
    "rosenbrock": Preset(
        "Rosenbrock",
        "A curved valley with a chaotic outer loss, so adjoints are clipped.",
        {"task": "rosenbrock", "units": 32, "truncation": 20, "outer_steps": 1000},
    ),
    "moons": Preset(
        "Two moons, small",
        "A 16-16 classifier learns to separate two moons.",
        {
            "task": "two_moons",
            "task_parameters": {"hidden": [16, 16]},
            "problems": 8,
            "truncation": 20,
            "outer_steps": 300,
        },
    ),
}


def choices_of(setting: Setting) -> Mapping[str, str]:
    """The values of a setting's menu and their labels; empty if it has no menu."""
    if setting.kind == "switch":
        return SWITCH
    if setting.name == "task":
        return {name: task.title for name, task in TASKS.items()}
    return setting.choices


def highest(setting: Setting, limits: Limits) -> float | None:
    """The largest value allowed here; None if there is no bound."""
    bounds = [setting.high, getattr(limits, setting.name) if setting.name in ("units", "outer_steps") else None]
    return min((bound for bound in bounds if bound is not None), default=None)


def allowed(setting: Setting, limits: Limits) -> str:
    """The allowed range of a number as text; empty for other settings."""
    if setting.kind not in ("whole", "number"):
        return ""
    high, low = highest(setting, limits), setting.low
    if high is not None:
        return f"{low:,} to {high:,}"
    return f"above {low:,}" if setting.above else f"from {low:,}"


def parameters_of(task: str) -> str:
    """A task's parameters and their defaults as a sentence."""
    fields = TASKS[task].model_fields
    listed = ", ".join(f"{name} {_plain(field.default)}" for name, field in fields.items())
    return f"{TASKS[task].title} has {listed}." if listed else f"{TASKS[task].title} has none."


def _plain(value: Any) -> str:
    return str(list(value)) if isinstance(value, tuple) else f"{value:g}"
