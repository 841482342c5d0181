"""The measurements of the study: held-out meta-loss against training time, and bias and noise at a fixed θ."""

import math
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from core.meta_loss import meta_loss
from core.optimizers import RecurrentOptimizer
from core.outer.distributed import Team
from core.outer.estimators import make_estimator
from core.outer.gradient import Workers, outer_gradient
from core.outer.trainer import train
from core.runs import zoo
from core.runs.config import RunConfig, make_config
from core.runs.run import OuterStep
from core.seeds import Purpose, generator
from core.unroll import unroll

ARMS: dict[str, dict[str, Any]] = {
    "exact": {"adjoint_clip": None},
    "clipped": {"adjoint_clip": 0.1},
    "truncated": {"adjoint_clip": 0.1, "truncation": 20},
    "scheduled": {"adjoint_clip": 0.1, "truncation_start": 10, "truncation_growth": 150},
    "evolution": {"estimator": "evolution", "truncation": 20, "pairs": 32, "perturbation": 0.01},
}
TITLES = {
    "exact": "exact",
    "clipped": "adjoints clipped",
    "truncated": "truncated to 20 steps",
    "scheduled": "truncation growing",
    "evolution": "evolution (PES)",
}
# Two moons with a small network, so that every arm learns within minutes.
TASKS: dict[str, dict[str, Any]] = {
    "linear_regression": {"problems": 64},
    "rosenbrock": {"problems": 64},
    "two_moons": {"task_parameters": {"hidden": [16, 16]}, "problems": 8},
}
SHIPPED = {
    "linear_regression": "linear_regression-gru64",
    "rosenbrock": "rosenbrock-gru64",
    "two_moons": "two_moons-gru24",
}
STEPS = 200  # inner steps of every unroll
HELD_OUT = {"linear_regression": 128, "rosenbrock": 128, "two_moons": 16}
AT_MOST = 20_000  # outer steps; the time limit ends a run long before
SNAPSHOTS = 44


class Curve(BaseModel):
    """One training.

    Attributes:
        task, arm, seed: which one.
        outer_steps: done in the time.
        diverged: training problems whose meta-loss was not finite.
        skipped: outer steps whose gradient was not finite.
        seconds: CPU time of training at each snapshot.
        held_out: mean meta-loss there on held-out problems; None where it is not finite.
    """

    model_config = ConfigDict(extra="forbid")

    task: str
    arm: str
    seed: int
    outer_steps: int
    diverged: int
    skipped: int
    seconds: list[float]
    held_out: list[float | None]


class Bias(BaseModel):
    """An estimator's gradient at one θ, over many batches, against the exact one of all their problems.

    Attributes:
        task, arm: which one.
        outer_step: of the shipped snapshot that θ is.
        batches: how many estimates.
        not_finite: how many of them are not finite; these are left out.
        cosine: of the mean estimate with the exact gradient; None if either is not finite.
        ratio: of their norms.
        noise: root mean square distance of a single estimate from the mean one, over the norm of the mean.
        seconds: CPU time of one estimate.
    """

    model_config = ConfigDict(extra="forbid")

    task: str
    arm: str
    outer_step: int
    batches: int
    not_finite: int
    cosine: float | None
    ratio: float | None
    noise: float | None
    seconds: float


class Results(BaseModel):
    """All measurements, stored in ``docs/study/results.json``.

    Attributes:
        budget: CPU seconds of each training.
        curves: every training.
        biases: every estimator at every θ.
    """

    model_config = ConfigDict(extra="forbid")

    budget: float
    curves: list[Curve] = []
    biases: list[Bias] = []


def config_of(task: str, arm: str, seed: int = 0, **more: Any) -> RunConfig:
    """The settings of a training."""
    settings = {"task": task, "unroll": STEPS, "outer_steps": AT_MOST, "snapshots": SNAPSHOTS, "seed": seed}
    return make_config({**settings, **TASKS[task], **ARMS[arm], **more})


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _held_out(optimizer: RecurrentOptimizer, config: RunConfig) -> float | None:
    problems = config.make_task().sample(HELD_OUT[config.task], generator(Purpose.EVALUATE, 0))
    with torch.no_grad():
        return _finite(meta_loss(unroll(optimizer, problems, STEPS, record=()).losses).mean().item())


def measure_curve(task: str, arm: str, seed: int, budget: float, **more: Any) -> Curve:
    """Train for some CPU seconds with one thread, then evaluate every snapshot.

    Args:
        task, arm, seed: which one.
        budget: CPU seconds.
        more: settings other than the study's, for tests.
    """
    config = config_of(task, arm, seed, **more)
    with tempfile.TemporaryDirectory() as folder:
        at = [0.0]
        began = time.process_time()

        def report(step: OuterStep) -> bool:
            at.append(time.process_time() - began)
            return at[-1] < budget

        run = train(Path(folder) / "run", config, on_step=report, workers=Workers(1))
        status, kept = run.status(), run.snapshots()
        return Curve(
            task=task,
            arm=arm,
            seed=seed,
            outer_steps=status.outer_step,
            diverged=status.diverged_problems,
            skipped=status.skipped_steps,
            seconds=[round(at[step], 3) for step in kept],
            held_out=[_held_out(run.optimizer(step), config) for step in kept],
        )


def _flat(gradients: dict[str, Tensor]) -> Tensor:
    return torch.cat([gradients[name].double().reshape(-1) for name in sorted(gradients)])


def exact_gradient(task: str, outer_step: int, count: int, problems: int | None = None) -> Tensor:
    """The mean of the exact outer gradients of ``count`` batches in float64, flat: the quantity that the estimators estimate."""
    config = config_of(task, "exact", **({"problems": problems} if problems else {}))
    optimizer = zoo.find_run(SHIPPED[task]).optimizer(outer_step).to(torch.float64)
    total = torch.zeros((), dtype=torch.float64)
    for index in range(count):
        batch = config.make_task().sample(config.problems, generator(Purpose.TRAIN, 0, index), torch.float64)
        total = total + _flat(outer_gradient(optimizer, batch, STEPS, None, workers=Workers(1)).gradients)
    return total / count


def measure_bias(task: str, arm: str, outer_step: int, exact: Tensor, batches: int, **more: Any) -> Bias:
    """Estimates at a fixed θ, after warming up so that batches mix early and late unrolls.

    Args:
        task, arm: which estimator.
        outer_step: of the shipped snapshot.
        exact: as `exact_gradient` gives it.
        batches: how many estimates.
        more: settings other than the study's.
    """
    shipped = zoo.find_run(SHIPPED[task])
    config = config_of(task, arm, **more).model_copy(update={"architecture": shipped.config.architecture})
    if arm == "scheduled":  # a window in the middle of its growth
        config = config.model_copy(update={"truncation": 60, "truncation_start": None})
    estimator = make_estimator(config, Workers(1), Team())
    theta = shipped.optimizer(outer_step).theta
    window = config.truncation or config.unroll
    before = 0 if window >= config.unroll else -(-config.unroll // window)
    estimates, spent = [], 0.0
    for index in range(before + batches):
        began = time.process_time()
        gradient = _flat(estimator.estimate(theta, index).gradients)
        if index >= before:
            spent += time.process_time() - began
            estimates.append(gradient)
    kept = torch.stack(
        [gradient for gradient in estimates if bool(torch.isfinite(gradient).all())] or [exact * math.nan]
    )
    mean = kept.mean(0)
    norm, reference = torch.linalg.vector_norm(mean), torch.linalg.vector_norm(exact)
    spread = (kept - mean).square().sum(1).mean().sqrt()
    return Bias(
        task=task,
        arm=arm,
        outer_step=outer_step,
        batches=batches,
        not_finite=sum(not bool(torch.isfinite(gradient).all()) for gradient in estimates),
        cosine=_finite(float(mean @ exact / (norm * reference))),
        ratio=_finite(float(norm / reference)),
        noise=_finite(float(spread / norm)),
        seconds=round(spent / batches, 4),
    )
