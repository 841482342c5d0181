"""How long a run would take on this machine: some of its outer steps are done, and timed."""

import functools
import json
import threading
import time
from dataclasses import dataclass
from statistics import median

import torch
from pydantic import BaseModel

from core.outer.distributed import Team
from core.outer.estimators import make_estimator
from core.outer.gradient import Workers
from core.runs.config import RunConfig, window_length
from core.seeds import Purpose, generator

SECONDS = 0.8  # to measure for, about
INDIFFERENT = {  # settings that change neither the work of an outer step nor how steps follow each other
    "outer_steps": 1,
    "learning_rate": 1e-3,
    "learning_rate_halving": None,
    "gradient_clip": None,
    "perturbation": 0.01,
    "seed": 0,
    "snapshots": 2,
    "start": None,
}
_measuring = threading.Lock()  # two at a time would slow each other down


class Estimate(BaseModel):
    """How long a run would take.

    Attributes:
        seconds: of training, all outer steps together.
        seconds_per_step: of an outer step, on average.
        measured_steps: outer steps that were timed for it.
        measured_problems: problems in the batch of those.
        measured_unroll: inner steps of those, of one window where there are windows; where fewer than asked for, the time is
            extrapolated in proportion.
        threads: that were at work.
    """

    seconds: float
    seconds_per_step: float
    measured_steps: int
    measured_problems: int
    measured_unroll: int
    threads: int


@dataclass(frozen=True)
class _Timing:
    """Seconds of an outer step of some problems and inner steps, and over how many it was taken."""

    seconds: float
    steps: int
    problems: int
    unroll: int


def _time(config: RunConfig, problems: int, unroll: int, threads: int, patience: float) -> _Timing:
    """Outer steps of windows (or unrolls) of that many inner steps, for about that many seconds; their median counts."""
    windows = {"unroll": config.unroll, "truncation": unroll} if config.truncation else {"unroll": unroll}
    small = config.model_copy(update={"problems": problems, "truncation_start": None, **windows})
    estimator = make_estimator(small, Workers(threads), Team())
    theta = small.architecture.initial_theta(generator(Purpose.INITIALIZE, 0))
    estimator.estimate(theta, 0)  # what happens only once
    taken: list[float] = []
    began = time.perf_counter()
    while not taken or time.perf_counter() - began < patience:
        start = time.perf_counter()
        estimator.estimate(theta, len(taken) + 1)
        taken.append(time.perf_counter() - start)
    return _Timing(median(taken), len(taken), problems, unroll)


@functools.lru_cache(maxsize=256)
def _measured(plain: str, threads: int) -> _Timing:
    """The largest part of an outer step that can be timed in the time there is: problems and inner steps are doubled until then."""
    config = RunConfig.model_validate_json(plain)
    longest = config.truncation or config.unroll
    problems, unroll = min(config.problems, 2), min(longest, 10)
    _time(config, problems, min(unroll, 2), threads, 0.0)  # loads what is compiled
    found = _time(config, problems, unroll, threads, 0.0)
    while found.problems < config.problems or found.unroll < longest:
        share = SECONDS / max(found.seconds, 1e-6)
        if share < 2:
            break
        unroll = min(longest, int(found.unroll * share))
        problems = min(config.problems, max(1, int(found.problems * share * found.unroll / unroll)))
        if (problems, unroll) == (found.problems, found.unroll):
            break
        found = _time(config, max(problems, found.problems), max(unroll, found.unroll), threads, 0.0)
    return _time(config, found.problems, found.unroll, threads, SECONDS / 2)


def inner_steps(config: RunConfig) -> float:
    """Inner steps of all windows together: what the time is in proportion to."""
    points = range(0, config.outer_steps, max(1, config.outer_steps // 1000))
    return sum(window_length(config, step) for step in points) * config.outer_steps / len(points)


def estimate(config: RunConfig, threads: int | None = None) -> Estimate:
    """Time a run's outer steps on this machine; what was timed once is known from then on.

    Args:
        config: the run.
        threads: that it would be trained with; one for each core by default.
    """
    torch.set_num_threads(1)
    count = threads or Workers().threads
    alike = config.model_copy(update=INDIFFERENT)
    plain = json.dumps(alike.model_dump(mode="json"), sort_keys=True)
    with _measuring:
        found = _measured(plain, count)
    per_inner_step = found.seconds / found.unroll * (config.problems / found.problems)
    seconds = per_inner_step * inner_steps(config)
    return Estimate(
        seconds=seconds,
        seconds_per_step=seconds / config.outer_steps,
        measured_steps=found.steps,
        measured_problems=found.problems,
        measured_unroll=found.unroll,
        threads=count,
    )
