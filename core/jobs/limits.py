"""Limits on jobs, which protect a public instance. Every limit is an environment variable."""

from __future__ import annotations

import math
import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import InputError, TooManyError, sentence
from core.late import torch
from core.runs.config import RunConfig
from core.runs.run import RESERVED_BYTES
from core.seeds import Purpose, generator
from core.tasks import ClassifierProblems

if TYPE_CHECKING:
    from torch import Tensor

PREFIX = "LOPTSCOPE_MAX_"
GIB = 2**30
_weighing = threading.Lock()  # checks draw a problem to measure its size: one at a time


def _memory() -> float:
    """GiB of main memory; 16 if unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    except (AttributeError, OSError, ValueError):
        return 16.0


@final
class Limits(BaseModel):
    """The limits; each is set by LOPTSCOPE_MAX_ and its name in capitals.

    Attributes:
        units: of the cell.
        outer_steps: of one run.
        seconds: of training of one run.
        size: problems · unroll · inner parameters of one outer step.
        problem: inner parameters · data points of one problem.
        memory_gb: GiB that one outer step may need.
        disk_gb: GiB that one run may fill.
        queue: waiting runs.
        runs_per_client: waiting, training or paused runs of one client.
        runs: runs on disk in any state, including those in the trash.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    units: int = Field(default=1024, ge=1)
    outer_steps: int = Field(default=1_000_000, ge=1)
    seconds: float = Field(default=7 * 24 * 3600.0, gt=0)
    size: int = Field(default=2_000_000_000, ge=1)
    problem: int = Field(default=100_000_000, ge=1)
    memory_gb: float = Field(default_factory=lambda: _memory() / 2, gt=0)
    disk_gb: float = Field(default=4.0, gt=0)
    queue: int = Field(default=200, ge=0)
    runs_per_client: int = Field(default=50, ge=0)
    runs: int = Field(default=2_000, ge=1)

    @classmethod
    def from_environment(cls) -> Limits:
        """The limits from the environment.

        Raises:
            InputError: a variable is not a number, or out of range.
        """
        names = {name: PREFIX + name.upper() for name in cls.model_fields}
        given = {name: os.environ[variable] for name, variable in names.items() if os.environ.get(variable)}
        try:
            return cls(**given)  # type: ignore[arg-type]
        except ValidationError as error:
            raise InputError(f"{PREFIX}…: {sentence(error)}") from None

    def check(self, config: RunConfig) -> None:
        """Check that a run of this configuration is allowed.

        Raises:
            InputError: it exceeds a limit, which the message names.
        """
        _most("units", config.architecture.units, self.units)
        _most("outer_steps", config.outer_steps, self.outer_steps)
        with _weighing:
            self._check_size(config)

    def _check_size(self, config: RunConfig) -> None:
        declared = _declared(config)
        _most("problems · unroll · inner parameters", config.problems * config.unroll * declared[0], self.size)
        _most("inner parameters · data points of a problem", declared[0] * declared[1], self.problem)
        _most("GiB on disk", disk_bytes(config) / GIB, self.disk_gb)
        _most("GiB of memory for an outer step", memory_bytes(config) / GIB, self.memory_gb)

    def check_room(self, waiting: int, of_client: int, kept: int, folder: Path, more: int = 1) -> None:
        """Check that more runs may be queued.

        Raises:
            TooManyError: a limit is reached, which the message names.
        """
        if waiting + more > self.queue:
            raise TooManyError(f"the queue is full: at most {self.queue} runs may wait here; try again later", after=60)
        if of_client + more > self.runs_per_client:
            raise TooManyError(
                f"at most {self.runs_per_client} of your runs may wait or train here at a time: wait for one to end",
                after=60,
            )
        self.check_kept(kept + more - 1, folder)

    def check_kept(self, kept: int, folder: Path) -> None:
        """Check that another run may be stored.

        Raises:
            TooManyError: a limit is reached, which the message names.
        """
        if kept >= self.runs:
            raise TooManyError(
                f"at most {self.runs} runs are kept here, including the trash: delete one and empty the trash"
            )
        if shutil.disk_usage(folder).free < 4 * RESERVED_BYTES:
            raise TooManyError("the disk is full: free some space first")


def _most(what: str, value: float, limit: float) -> None:
    if value > limit:
        shown = f"{value:.4g}" if isinstance(value, float) else f"{value:,}"
        largest = f"{limit:.4g}" if isinstance(limit, float) else f"{limit:,}"
        raise InputError(f"{what} must be at most {largest} here (got {shown})")


def _declared(config: RunConfig) -> tuple[int, int]:
    """Inner parameters and data points of a problem."""
    problem = config.make_task().sample(1, generator(Purpose.TRAIN, 0))
    return problem.dimension, len(problem.points) if isinstance(problem, ClassifierProblems) else 1


def _tensors(thing: Any) -> list[Tensor]:
    return [value for value in vars(thing).values() if isinstance(value, torch.Tensor)]


def memory_bytes(config: RunConfig) -> int:
    """The memory of one outer step: states and tapes of the concurrent unrolls, and the batch of problems (drawn in float64)."""
    from core.outer.distributed import Team
    from core.outer.estimators import make_estimator
    from core.outer.gradient import Workers

    one, two = (config.make_task().sample(n, generator(Purpose.TRAIN, 0)) for n in (1, 2))
    own = sum(b.numel() - a.numel() for a, b in zip(_tensors(one), _tensors(two), strict=True))
    work = 0.0
    if isinstance(one, ClassifierProblems):
        blocks = min(config.problems, os.cpu_count() or 1)
        work = (
            8.0 * blocks * len(one.points) * math.sqrt(one.dimension) * 4
        )  # approximate activations of a square network
    return make_estimator(config, Workers(), Team()).bytes() + int(work) + 12 * own * config.problems


def disk_bytes(config: RunConfig) -> int:
    """The disk space of a run: snapshots, two training states (one is written while the other exists), one line of the curve for each outer step."""
    numbers = sum(math.prod(shape) for shape in config.architecture.shapes().values())
    theta = numbers * torch.finfo(torch.float32).bits // 8
    return theta * (config.snapshots + 6) + 200 * config.outer_steps
