"""Estimates a run's training time on this machine by timing some outer steps, or where those would take too long, by a model of cost.

The model counts multiplications, and takes the time of one from a small run that is timed once.
"""

from __future__ import annotations

import functools
import json
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from pydantic import BaseModel

from core.late import torch
from core.runs.config import RunConfig, make_config, window_length
from core.seeds import Purpose, generator
from core.tasks import ClassifierProblems

SECONDS = 0.5  # approximate time of a measurement
INDIFFERENT = {  # settings that do not affect the time of an outer step
    "outer_steps": 1,
    "learning_rate": 1e-3,
    "learning_rate_halving": None,
    "gradient_clip": None,
    "perturbation": 0.01,
    "seed": 0,
    "snapshots": 2,
    "start": None,
}
_measuring = threading.Lock()  # two measurements at a time would slow each other down


class Estimate(BaseModel):
    """The estimated training time of a run.

    Attributes:
        seconds: of all outer steps together.
        seconds_per_step: of an average outer step.
        measured_steps: number of outer steps that were timed; 0 if the time comes from the model of cost.
        measured_problems: problems in their batches.
        measured_unroll: their inner steps (of one window, if there are windows); if these are fewer than the run's, the time is
            extrapolated in proportion.
        threads: number of training threads.
    """

    seconds: float
    seconds_per_step: float
    measured_steps: int
    measured_problems: int
    measured_unroll: int
    threads: int


@dataclass(frozen=True)
class Timing:
    """The median seconds of an outer step with some problems and inner steps, and the number of steps timed; 0 if it is computed."""

    seconds: float
    steps: int
    problems: int
    unroll: int


def _time(config: RunConfig, problems: int, unroll: int, threads: int, patience: float) -> Timing:
    """Time outer steps of windows (or unrolls) of ``unroll`` inner steps for about ``patience`` seconds."""
    from core.outer.distributed import Team
    from core.outer.estimators import make_estimator
    from core.outer.gradient import Workers

    windows = {"unroll": config.unroll, "truncation": unroll} if config.truncation else {"unroll": unroll}
    small = config.model_copy(update={"problems": problems, "truncation_start": None, **windows})
    estimator = make_estimator(small, Workers(threads), Team())
    theta = small.architecture.initial_theta(generator(Purpose.INITIALIZE, 0))
    estimator.estimate(theta, 0)  # the first step also loads and compiles
    taken: list[float] = []
    began = time.perf_counter()
    while not taken or time.perf_counter() - began < patience:
        start = time.perf_counter()
        estimator.estimate(theta, len(taken) + 1)
        taken.append(time.perf_counter() - start)
    return Timing(median(taken), len(taken), problems, unroll)


REFERENCE = "linear_regression"  # the task of the run that the model of cost is calibrated with
SLOW = Timing(1.0, 0, 64, 200)  # of that run, if even it could not be timed


@functools.lru_cache(maxsize=256)
def _measured(plain: str, threads: int) -> Timing:
    """Time the largest part of an outer step that fits into `SECONDS`; problems and inner steps grow until then."""
    config = RunConfig.model_validate_json(plain)
    longest = config.truncation or config.unroll
    problems, unroll = min(config.problems, 2), min(longest, 10)
    _time(config, problems, min(unroll, 2), threads, 0.0)  # loads compiled code
    timing = _time(config, problems, unroll, threads, 0.0)
    while timing.problems < config.problems or timing.unroll < longest:
        share = SECONDS / max(timing.seconds, 1e-6)
        if share < 2:
            break
        unroll = min(longest, int(timing.unroll * share))
        problems = min(config.problems, max(1, int(timing.problems * share * timing.unroll / unroll)))
        if (problems, unroll) == (timing.problems, timing.unroll):
            break
        timing = _time(config, max(problems, timing.problems), max(unroll, timing.unroll), threads, 0.0)
    return _time(config, timing.problems, timing.unroll, threads, SECONDS / 2)


def inner_steps(config: RunConfig) -> float:
    """Inner steps of all windows together; the training time is proportional to them."""
    points = range(0, config.outer_steps, max(1, config.outer_steps // 1000))
    return sum(window_length(config, step) for step in points) * config.outer_steps / len(points)


def multiplications(config: RunConfig) -> float:
    """Multiplications of one inner step of one problem, forwards and backwards, roughly."""
    problem = config.make_task().sample(1, generator(Purpose.TRAIN, 0))
    rows = problem.dimension
    of_cell = rows * sum(math.prod(shape) for shape in config.architecture.shapes().values())
    of_task = rows * (len(problem.points) if isinstance(problem, ClassifierProblems) else rows)
    passes = 2 if config.estimator == "evolution" else 3
    return passes * of_cell + 2 * passes * of_task


def modelled(config: RunConfig, known: Timing, of: RunConfig) -> Timing:
    """What an outer step takes by the model of cost.

    Args:
        config: the run.
        known: what was timed of another run.
        of: that run.
    """
    each = known.seconds / (known.problems * known.unroll * multiplications(of))
    longest = config.truncation or config.unroll
    return Timing(each * multiplications(config) * config.problems * longest, 0, config.problems, longest)


def load() -> None:
    """Load what `measure` needs, with compiled code for one cell."""
    config = make_config({"task": REFERENCE, "problems": 2, "unroll": 2})
    _time(config, 2, 2, 1, 0.0)


def measure(plain: str, threads: int) -> Timing:
    """Time outer steps of a run.

    Args:
        plain: its configuration as JSON.
        threads: number of training threads.
    """
    torch.set_num_threads(1)
    with _measuring:
        return _measured(plain, threads)


def estimate(
    config: RunConfig, threads: int | None = None, measured: Callable[[str, int], Timing | None] = measure
) -> Estimate:
    """Estimate a run's training time on this machine; measurements are remembered.

    Args:
        config: the run.
        threads: number of training threads; by default one for each core.
        measured: times outer steps as `measure` does; None if that takes too long.
    """
    from core.outer.gradient import Workers

    count = threads or Workers().threads
    alike = config.model_copy(update=INDIFFERENT)
    timing = measured(json.dumps(alike.model_dump(mode="json"), sort_keys=True), count)
    if timing is None:
        reference = make_config({"task": REFERENCE}).model_copy(update=INDIFFERENT)
        known = measured(json.dumps(reference.model_dump(mode="json"), sort_keys=True), count)
        timing = modelled(config, known or SLOW, reference)
    per_inner_step = timing.seconds / timing.unroll * (config.problems / timing.problems)
    seconds = per_inner_step * inner_steps(config)
    return Estimate(
        seconds=seconds,
        seconds_per_step=seconds / config.outer_steps,
        measured_steps=timing.steps,
        measured_problems=timing.problems,
        measured_unroll=timing.unroll,
        threads=count,
    )
