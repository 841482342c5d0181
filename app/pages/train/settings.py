"""What the Train page says of settings: titles, one line each, and what is allowed; and the presets to begin with."""

import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo

from core.jobs.limits import Limits
from core.optimizers.recurrent import Architecture
from core.runs.config import RunConfig
from core.tasks import TASKS


@dataclass(frozen=True)
class Setting:
    """One setting of a run, as the form shows it.

    Attributes:
        name: as in ``train``'s options.
        title: beside its control.
        about: one line.
        group: of the form.
    """

    name: str
    title: str
    about: str
    group: str


SETTINGS = (
    Setting("task", "Task", "The distribution of problems that it learns to optimize.", "Task"),
    Setting("task_parameters", "Task parameters", "As a JSON object; empty for the defaults.", "Task"),
    Setting("problems", "Problems", "In the batch of one outer step: more are slower and less noisy.", "Task"),
    Setting("unroll", "Unroll", "Inner steps of one optimization.", "Task"),
    Setting("cell", "Cell", "The recurrent network that every parameter gets a copy of.", "Optimizer"),
    Setting("units", "Units", "Width of the cell.", "Optimizer"),
    Setting("reset", "Reset gate", "Of a GRU: after the recurrent product as in PyTorch, or before.", "Optimizer"),
    Setting("features", "Features", "What the cell sees of a gradient.", "Optimizer"),
    Setting("feature_scale", "Feature scale", "Factor on the gradient; raw features have none.", "Optimizer"),
    Setting("output_scale", "Output scale", "Factor on the update.", "Optimizer"),
    Setting("outer_steps", "Outer steps", "Updates of the optimizer's own weights.", "Outer training"),
    Setting("learning_rate", "Learning rate", "Of Adam on the weights, at the start.", "Outer training"),
    Setting("learning_rate_halving", "Halving", "Outer steps in which it halves; empty: constant.", "Outer training"),
    Setting("gradient_clip", "Gradient clip", "Largest norm of the outer gradient; empty: none.", "Outer training"),
    Setting("seed", "Seed", "Of the first weights and of all training problems.", "Outer training"),
    Setting("snapshots", "Snapshots", "How many to keep, evenly spaced in the logarithm.", "Outer training"),
    Setting("estimator", "Estimator", "Back-propagation, or persistent evolution strategies.", "Outer gradient"),
    Setting("adjoint_clip", "Adjoint clip", "Largest norm at each inner step; empty: exact.", "Outer gradient"),
    Setting("truncation", "Window", "Inner steps between two updates; empty: the whole unroll.", "Outer gradient"),
    Setting("truncation_start", "First window", "Where windows grow; empty: they do not.", "Outer gradient"),
    Setting("truncation_growth", "Growth", "Outer steps over which windows grow.", "Outer gradient"),
    Setting("pairs", "Pairs", "Of perturbed optimizers, for evolution strategies.", "Outer gradient"),
    Setting("perturbation", "Perturbation", "Its standard deviation, for evolution strategies.", "Outer gradient"),
    Setting("recompute", "Recompute states", "Instead of storing them: slower, in less memory.", "Outer gradient"),
)
CHOICES = {
    "task": {name: task.title for name, task in TASKS.items()},
    "cell": {"gru": "GRU", "lstm": "LSTM", "vanilla": "Vanilla RNN"},
    "reset": {"after": "after", "before": "before"},
    "features": {name: name.replace("_", " ") for name in get_args(Architecture.model_fields["features"].annotation)},
    "estimator": {"backpropagation": "back-propagation", "evolution": "evolution (PES)"},
    "recompute": {"auto": "as memory needs", "yes": "always", "no": "never"},
}
TEXTS = ("task_parameters",)


@dataclass(frozen=True)
class Preset:
    """Settings to begin with.

    Attributes:
        title: on its button.
        about: one line.
        settings: where they differ from what suits the task.
    """

    title: str
    about: str
    settings: Mapping[str, Any]


PRESETS = {
    "linear": Preset(
        "Linear regression",
        "Aims to beat tuned momentum within a minute.",
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
        "A curved valley, and a chaotic outer loss: adjoints are clipped.",
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


def field_of(name: str) -> FieldInfo:
    """The field that holds a setting."""
    return {**RunConfig.model_fields, **Architecture.model_fields}[name]


def optional(name: str) -> bool:
    """Whether a setting may be left out, which then means something."""
    kind = field_of(name).annotation
    return get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind)


def whole(name: str) -> bool:
    """Whether it is a whole number."""
    kind = field_of(name).annotation
    return int in (get_args(kind) or (kind,)) and get_origin(kind) is not Literal


def bounds(name: str, limits: Limits) -> tuple[float | None, float | None, bool]:
    """The least and the largest value allowed, None where there is no bound, and whether the least one is itself left out."""
    rules: dict[type, Any] = {type(rule): rule for rule in field_of(name).metadata}
    above = Gt in rules
    low = rules[Gt].gt if above else rules[Ge].ge if Ge in rules else None
    highs = [rules[Le].le] if Le in rules else []
    if name in ("units", "outer_steps"):
        highs.append(getattr(limits, name))
    return low, min(highs, default=None), above


def allowed(name: str, limits: Limits) -> str:
    """What a setting may be, in words; empty for choices and texts."""
    if name in CHOICES or name in TEXTS:
        return ""
    low, high, above = bounds(name, limits)
    if high is not None:
        return f"{low:,} to {high:,}"
    return f"above {low:,}" if above else f"from {low:,}"


def parameters_of(task: str) -> str:
    """A task's parameters and their defaults, in words."""
    found = TASKS[task].model_fields
    listed = ", ".join(f"{name} {_plain(field.default)}" for name, field in found.items())
    return f"{TASKS[task].title} has {listed}." if listed else f"{TASKS[task].title} has none."


def _plain(value: Any) -> str:
    return str(list(value)) if isinstance(value, tuple) else f"{value:g}"
