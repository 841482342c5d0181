"""What a job may cost, so that a public instance cannot be exhausted. Every limit is an environment variable."""

import math
import os
import shutil
import threading
from pathlib import Path
from typing import Any, final

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from core.errors import InputError, sentence
from core.outer.distributed import Team
from core.outer.estimators import make_estimator
from core.outer.gradient import Workers
from core.runs.config import RunConfig
from core.runs.run import RESERVED_BYTES
from core.seeds import Purpose, generator
from core.tasks import ClassifierProblems

PREFIX = "LOPTSCOPE_MAX_"
GIB = 2**30
_weighing = threading.Lock()  # a problem is drawn to see how large it is: one at a time


@final
class TooManyError(InputError):
    """There is no room now; later there may be."""


def _memory() -> float:
    """GiB of main memory; 16 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    except (AttributeError, OSError, ValueError):
        return 16.0


@final
class Limits(BaseModel):
    """The limits, each from LOPTSCOPE_MAX_ and its name in capitals.

    Attributes:
        units: of the cell.
        outer_steps: of one run.
        seconds: of training of one run.
        size: problems · unroll · inner parameters of one outer step.
        problem: inner parameters · data points of one problem.
        memory_gb: GiB that one outer step may need.
        disk_gb: GiB that one run may fill.
        queue: runs that wait.
        runs_per_client: runs of one client that wait, run or are paused.
        runs: runs that are kept, whatever their state, those in the bin included.
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
    runs_per_client: int = Field(default=200, ge=0)
    runs: int = Field(default=2_000, ge=1)

    @classmethod
    def from_environment(cls) -> "Limits":
        """The limits that are configured.

        Raises:
            InputError: a variable is no number, or out of range.
        """
        names = {name: PREFIX + name.upper() for name in cls.model_fields}
        given = {name: os.environ[variable] for name, variable in names.items() if os.environ.get(variable)}
        try:
            return cls(**given)  # type: ignore[arg-type]
        except ValidationError as error:
            raise InputError(f"{PREFIX}…: {sentence(error)}") from None

    def check(self, config: RunConfig) -> None:
        """Whether a run of this configuration is allowed here.

        Raises:
            InputError: one sentence that names the limit.
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

    def check_room(self, waiting: int, of_client: int, kept: int, folder: Path) -> None:
        """Whether one more run may be queued.

        Raises:
            TooManyError: one sentence that names the limit.
        """
        if waiting >= self.queue:
            raise TooManyError(f"the queue is full: at most {self.queue} runs may wait here, try again later")
        if of_client >= self.runs_per_client:
            raise TooManyError(
                f"at most {self.runs_per_client} runs of yours may wait or run here at a time: wait for one"
            )
        self.check_kept(kept, folder)

    def check_kept(self, kept: int, folder: Path) -> None:
        """Whether one more run may be kept.

        Raises:
            TooManyError: one sentence that names the limit.
        """
        if kept >= self.runs:
            raise TooManyError(
                f"at most {self.runs} runs are kept here, the bin included: delete one and empty the bin"
            )
        if shutil.disk_usage(folder).free < 4 * RESERVED_BYTES:
            raise TooManyError("the disk is full: nothing can be kept until there is room")


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
    return [value for value in vars(thing).values() if isinstance(value, Tensor)]


def memory_bytes(config: RunConfig) -> int:
    """What one outer step needs: states and tapes of the unrolls at work, and the batch of problems (drawn in float64)."""
    one, two = (config.make_task().sample(n, generator(Purpose.TRAIN, 0)) for n in (1, 2))
    own = sum(b.numel() - a.numel() for a, b in zip(_tensors(one), _tensors(two), strict=True))
    work = 0.0
    if isinstance(one, ClassifierProblems):
        blocks = min(config.problems, os.cpu_count() or 1)
        work = 8.0 * blocks * len(one.points) * math.sqrt(one.dimension) * 4  # activations, about, of a square network
    return make_estimator(config, Workers(), Team()).bytes() + int(work) + 12 * own * config.problems


def disk_bytes(config: RunConfig) -> int:
    """What a run fills: snapshots, the training state twice (it is replaced whole), one line of the curve an outer step."""
    numbers = sum(math.prod(shape) for shape in config.architecture.shapes().values())
    theta = numbers * torch.finfo(torch.float32).bits // 8
    return theta * (config.snapshots + 6) + 200 * config.outer_steps
