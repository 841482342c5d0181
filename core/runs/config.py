"""What defines an outer training: everything needed to do it again."""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.errors import InputError, sentence
from core.optimizers.recurrent import Architecture
from core.tasks import Task, make_task
from core.version import __version__

# What trains well on a task, where it differs from the defaults below; whatever is asked for explicitly comes first.
SUITED: dict[str, dict[str, Any]] = {
    "rosenbrock": {"architecture": {"features": "symlog", "output_scale": 0.1}},
    "two_moons": {
        "architecture": {"units": 24, "features": "symlog", "feature_scale": 100.0, "output_scale": 0.1},
        "problems": 2,
        "unroll": 120,
    },
}


class Start(BaseModel):
    """The snapshot that a run starts from; its θ lies in the run's own folder.

    Attributes:
        run: name of the run it was taken from.
        outer_step: of the snapshot.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    outer_step: int = Field(ge=0)

    @field_validator("run")
    @classmethod
    def _is_no_path(cls, run: str) -> str:
        if not run or len(run) > 255 or "/" in run or "\0" in run:
            raise ValueError("must be a run's name, not a path")
        return run


class RunConfig(BaseModel):
    """The settings of one outer training, as kept in ``RUN/config.json``.

    Attributes:
        task: name of the task trained on.
        task_parameters: its parameters, where they differ from the defaults.
        architecture: the learned optimizer.
        start: the snapshot of another run to start from; None for a random θ.
        outer_steps: how many updates of θ.
        problems: problems in the batch of one outer step.
        unroll: inner steps of one unroll.
        learning_rate: of Adam on θ at the start.
        learning_rate_halving: outer steps in which that learning rate halves, continuously; None keeps it constant.
        gradient_clip: largest global norm of the outer gradient; None for no limit.
        adjoint_clip: largest norm of each problem's adjoints at every inner step; None for the exact gradient.
        estimator: of the outer gradient: back-propagation, or persistent evolution strategies ("evolution").
        truncation: inner steps of one window, between two updates of θ; None for the whole unroll.
        truncation_start: inner steps of the first windows, where they are to grow; None for ``truncation`` from the start.
        truncation_growth: outer steps over which windows grow, geometrically.
        pairs: of perturbed optimizers in one outer step, for evolution strategies.
        perturbation: standard deviation σ of the perturbations of θ.
        recompute: whether to recompute states on the way back instead of storing all; None decides by the memory needed.
        seed: of the initial θ and of all training problems.
        snapshots: how many log-spaced snapshots to keep, the initial and the final θ included.
        version: of Loptscope.
        provenance: whether it was trained here, or weights were imported; of the latter only the architecture is sure.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["loptscope-run/1"] = "loptscope-run/1"
    task: str
    task_parameters: dict[str, Any] = {}
    architecture: Architecture = Architecture()
    start: Start | None = None
    outer_steps: int = Field(default=1000, ge=1, le=1_000_000)
    problems: int = Field(default=64, ge=1, le=100_000)
    unroll: int = Field(default=200, ge=1, le=100_000)
    learning_rate: float = Field(default=3e-3, gt=0, allow_inf_nan=False)
    learning_rate_halving: int | None = Field(default=None, ge=1)
    gradient_clip: float | None = Field(default=0.1, gt=0, allow_inf_nan=False)
    adjoint_clip: float | None = Field(default=0.1, gt=0, allow_inf_nan=False)
    estimator: Literal["backpropagation", "evolution"] = "backpropagation"
    truncation: int | None = Field(default=None, ge=1)
    truncation_start: int | None = Field(default=None, ge=1)
    truncation_growth: int = Field(default=500, ge=1)
    pairs: int = Field(default=32, ge=1, le=100_000)
    perturbation: float = Field(default=0.01, gt=0, allow_inf_nan=False)
    recompute: bool | None = None
    seed: int = Field(default=0, ge=0, lt=2**63)
    snapshots: int = Field(default=14, ge=2, le=1000)
    version: str = __version__
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


def make_config(settings: dict[str, Any], *, strict: bool = False) -> RunConfig:
    """A checked configuration; what is not given has the value that suits the task.

    Args:
        settings: by name, the architecture's own under "architecture".
        strict: whether a value of another JSON type than the setting's is refused ("64" is then no number).

    Raises:
        InputError: one sentence naming the first setting that is wrong.
    """
    try:
        suited = SUITED.get(str(settings.get("task")), {})
        architecture = {**suited.get("architecture", {}), **settings.get("architecture", {})}
        given = {**suited, **settings, "architecture": architecture}
        return RunConfig.model_validate_json(json.dumps(given), strict=True) if strict else RunConfig(**given)
    except ValidationError as error:
        raise InputError(sentence(error, kinds=["architecture"])) from None


def window_length(config: RunConfig, outer_step: int) -> int:
    """Inner steps of a window at that outer step: growing geometrically from the first length to the last, if they differ."""
    last = config.truncation or config.unroll
    first = config.truncation_start or last
    share = min(1.0, outer_step / config.truncation_growth)
    return round(first * (last / first) ** share)


def snapshot_steps(outer_steps: int, count: int) -> list[int]:
    """At most ``count`` outer steps from 0 to the last, as evenly spaced in their logarithm as whole numbers allow."""
    chosen = {0, outer_steps}
    growth = (count - 2) or 1
    chosen |= {round(outer_steps ** (i / growth)) for i in range(growth)} if count > 2 else set()
    return sorted(chosen)
