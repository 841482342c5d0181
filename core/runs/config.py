"""The settings of an outer training: everything needed to repeat it."""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.errors import InputError, sentence
from core.meta_loss import Objective
from core.optimizers.recurrent import Architecture
from core.settings import GRADIENT, TASK, TRAINING, setting
from core.tasks import Task, lighter_parameters, make_task, suited_settings
from core.version import __version__


class Start(BaseModel):
    """The snapshot that a run starts from; a copy of its θ is in the run's own folder.

    Attributes:
        run: name of the run it was taken from.
        outer_step: of the snapshot.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    outer_step: int = Field(ge=0, le=1_000_000)

    @field_validator("run")
    @classmethod
    def _is_no_path(cls, run: str) -> str:
        if not run or len(run) > 255 or "/" in run or "\0" in run:
            raise ValueError("must be a run's name, not a path")
        return run


class RunConfig(BaseModel):
    """The settings of one outer training, stored in ``RUN/config.json``.

    Attributes:
        task: name of the task trained on.
        task_parameters: its parameters that differ from the defaults.
        architecture: the learned optimizer.
        start: the snapshot of another run to start from; None for a random θ.
        outer_steps: number of updates of θ.
        problems: problems in the batch of one outer step.
        fidelity: "reduced" trains on problems that cost less and are nearly the same; the optimizer is judged on the task's own all the same.
        unroll: inner steps of one unroll.
        objective: what is minimized: the meta-loss ("mean"), or the mean over inner steps of ln f(x_k) ("log").
        bias_penalty: factor of a penalty on the gradient at which the optimizer rests (`core.outer.bias`); None for none.
        learning_rate: of Adam on θ, at the start.
        learning_rate_halving: outer steps in which that learning rate halves, continuously; None keeps it constant.
        gradient_clip: largest global norm of the outer gradient; None for no limit.
        adjoint_clip: largest norm of each problem's adjoints at every inner step; None for the exact gradient.
        estimator: of the outer gradient: back-propagation, or persistent evolution strategies ("evolution").
        truncation: inner steps of one window between two updates of θ; None for the whole unroll.
        truncation_start: inner steps of the first windows, if windows grow; None if they do not.
        truncation_growth: outer steps over which windows grow, geometrically.
        pairs: pairs of perturbed optimizers in one outer step, for evolution strategies.
        perturbation: standard deviation σ of the perturbations of θ.
        recompute: whether to recompute states in the backward pass instead of storing them; None decides by the memory needed.
        seed: of the initial θ and of all training problems.
        snapshots: number of log-spaced snapshots, including the initial and the final θ.
        version: of Loptscope.
        provenance: "trained" here or "imported"; of imported runs only the architecture is certain.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["loptscope-run/1"] = "loptscope-run/1"
    task: str = setting(..., "Task", "The distribution of problems that the optimizer learns on.", TASK)
    task_parameters: dict[str, Any] = setting(
        {}, "Task parameters", "Its parameters that differ from the defaults, as a JSON object.", TASK
    )
    architecture: Architecture = Architecture()
    start: Start | None = None
    problems: int = setting(
        64,
        "Problems",
        "Problems in the batch of one outer step: more are slower and less noisy.",
        TASK,
        ge=1,
        le=100_000,
    )
    fidelity: Literal["full", "reduced"] = setting(
        "full",
        "Fidelity",
        "The task's own problems, or ones that cost less and are nearly the same, if the task has some (two moons: a quarter of the points).",
        TASK,
    )
    unroll: int = setting(200, "Unroll", "Inner steps of one optimization.", TASK, ge=1, le=100_000)
    outer_steps: int = setting(
        1000, "Outer steps", "Updates of the optimizer's own weights.", TRAINING, ge=1, le=1_000_000
    )
    objective: Objective = setting(
        "mean",
        "Objective",
        "What is minimized: the mean loss of an optimization (the meta-loss), or the mean of its logarithm, to which late steps count as much.",
        TRAINING,
        choices={"mean": "mean loss (the meta-loss)", "log": "mean logarithm of the loss"},
    )
    bias_penalty: float | None = setting(
        None,
        "Bias penalty",
        "Factor of a penalty on the gradient at which the optimizer rests, relative to the first ones; none for no penalty.",
        TRAINING,
        gt=0,
        allow_inf_nan=False,
    )
    learning_rate: float = setting(
        3e-3,
        "Learning rate",
        "Learning rate of Adam on the weights, at the start.",
        TRAINING,
        gt=0,
        allow_inf_nan=False,
    )
    learning_rate_halving: int | None = setting(
        None,
        "Halving",
        "Outer steps in which the learning rate halves; none for a constant rate.",
        TRAINING,
        ge=1,
        le=10**9,
    )
    gradient_clip: float | None = setting(
        0.1, "Gradient clip", "Largest norm of the outer gradient, or none.", TRAINING, gt=0, allow_inf_nan=False
    )
    seed: int = setting(
        0, "Seed", "Seed of the initial weights and of all training problems.", TRAINING, ge=0, lt=2**63
    )
    snapshots: int = setting(
        14, "Snapshots", "Number of snapshots, evenly spaced on a log scale.", TRAINING, ge=2, le=1000
    )
    estimator: Literal["backpropagation", "evolution"] = setting(
        "backpropagation",
        "Estimator",
        "Back-propagation, or persistent evolution strategies.",
        GRADIENT,
        choices={"backpropagation": "back-propagation", "evolution": "evolution (PES)"},
    )
    adjoint_clip: float | None = setting(
        0.1,
        "Adjoint clip",
        "Largest norm of the adjoints at each inner step; none for the exact gradient.",
        GRADIENT,
        gt=0,
        allow_inf_nan=False,
    )
    truncation: int | None = setting(
        None, "Window", "Inner steps between two updates; none for the whole unroll.", GRADIENT, ge=1
    )
    truncation_start: int | None = setting(
        None, "First window", "Length of the first window, if windows grow; none if they do not.", GRADIENT, ge=1
    )
    truncation_growth: int = setting(500, "Growth", "Outer steps over which windows grow.", GRADIENT, ge=1, le=10**9)
    pairs: int = setting(
        32, "Pairs", "Pairs of perturbed optimizers, for evolution strategies.", GRADIENT, ge=1, le=100_000
    )
    perturbation: float = setting(
        0.01,
        "Perturbation",
        "Standard deviation of the perturbation, for evolution strategies.",
        GRADIENT,
        gt=0,
        allow_inf_nan=False,
    )
    recompute: bool | None = setting(
        None,
        "Recompute states",
        "Recompute states instead of storing them: slower, less memory; by default only if memory requires it.",
        GRADIENT,
    )
    version: str = Field(default=__version__, max_length=100)
    provenance: Literal["trained", "imported"] = "trained"

    @model_validator(mode="after")
    def _task_exists(self) -> "RunConfig":
        make_task(self.task, self.task_parameters)
        return self

    @model_validator(mode="after")
    def _windows_fit(self) -> "RunConfig":
        for name in ("truncation", "truncation_start"):
            value = getattr(self, name)
            if value is not None and value > self.unroll:
                raise ValueError(f"{name} must be at most the unroll of {self.unroll} inner steps (got {value})")
        return self

    def make_task(self) -> Task:
        """The task trained on."""
        return make_task(self.task, self.task_parameters)

    def training_task(self) -> Task:
        """The task whose problems outer training draws."""
        reduced = lighter_parameters(self.task) if self.fidelity == "reduced" else {}
        return make_task(self.task, {**reduced, **self.task_parameters})

    def differs_in_seed_alone(self, other: "RunConfig") -> bool:
        """Whether another training differs in its seed and in nothing else that matters to θ."""
        free = {"seed": self.seed, "snapshots": self.snapshots}
        return other.seed != self.seed and other.model_copy(update=free) == self


def make_config(settings: dict[str, Any], *, strict: bool = False) -> RunConfig:
    """A checked configuration; missing settings have values that suit the task.

    Args:
        settings: by name; those of the architecture under "architecture".
        strict: whether to refuse a value of another JSON type ("64" is then not a number).

    Raises:
        InputError: a setting is wrong; the message names the first one.
    """
    try:
        suited = suited_settings(str(settings.get("task")))
        architecture = {**suited.get("architecture", {}), **settings.get("architecture", {})}
        given = {**suited, **settings, "architecture": architecture}
        return RunConfig.model_validate_json(json.dumps(given), strict=True) if strict else RunConfig(**given)
    except ValidationError as error:
        raise InputError(sentence(error, kinds=["architecture"])) from None


def window_length(config: RunConfig, outer_step: int) -> int:
    """Inner steps of a window at an outer step; it grows geometrically from the first length to the last if they differ."""
    last = config.truncation or config.unroll
    first = config.truncation_start or last
    share = min(1.0, outer_step / config.truncation_growth)
    return round(first * (last / first) ** share)


def snapshot_steps(outer_steps: int, count: int) -> list[int]:
    """At most ``count`` outer steps from 0 to the last, as evenly spaced on a log scale as whole numbers allow."""
    chosen = {0, outer_steps}
    growth = (count - 2) or 1
    chosen |= {round(outer_steps ** (i / growth)) for i in range(growth)} if count > 2 else set()
    return sorted(chosen)
