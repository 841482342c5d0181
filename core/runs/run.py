"""Runs on disk: one folder for each outer training.

RUN/config.json                      its settings (RunConfig)
RUN/start.safetensors                θ to start from, if it is a snapshot of another run
RUN/outer_loss.csv                   one line for each outer step, appended during training
RUN/snapshots/NNNNNN.safetensors     θ after that many outer steps
RUN/training_state.safetensors       everything needed to resume bit for bit
RUN/evaluation.json                  held-out comparison with tuned hand-designed optimizers
RUN/status.json                      its state and progress
"""

import csv
import io
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from core.errors import InputError
from core.files.append_only import forget, whole_lines
from core.files.atomic import ShapesError, read_floats, read_json, read_tensors, write_bytes, write_json, write_tensors
from core.late import torch
from core.optimizers.recurrent import RecurrentOptimizer
from core.runs.config import RunConfig
from core.runs.states import State

if TYPE_CHECKING:
    from torch import Tensor

SNAPSHOT_FORMAT = "loptscope-snapshot/1"
STATE_FORMAT = "loptscope-training-state/1"
RESERVE = ".reserve"  # disk space for the last status of a run that fills the disk
RESERVED_BYTES = 64 * 1024
MOST = 10**9  # of anything that is counted in a run
SMALL = 256 * 1024  # bytes of the largest config.json or status.json
LARGEST_WEIGHT = 1e9  # size of a meta-parameter: trained ones are below 100, and products of larger ones overflow
LARGEST_STATE = 8 * 2**30  # bytes of a training state with unfinished unrolls
RESERVED = ("tuned", "nulls")  # folders beside the runs: search results, controls


def runs_root() -> Path:
    """The folder of the user's runs: LOPTSCOPE_RUNS, or ``runs`` in the current directory."""
    return Path(os.environ.get("LOPTSCOPE_RUNS") or "runs").resolve()


def is_name(text: str) -> bool:
    """Whether this is a valid name of a run: not a path, not hidden, and not that of a folder beside the runs."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", text, re.ASCII) is not None and text not in RESERVED


class Status(BaseModel):
    """A run's state and progress, stored in ``status.json``.

    Attributes:
        state: its state.
        outer_step: outer steps done.
        outer_steps: outer steps in total.
        diverged_problems: training problems whose meta-loss was not finite, over all outer steps.
        skipped_steps: outer steps whose gradient was not finite, so that θ did not change.
        seconds: training time.
        message: why it failed or stopped; "" without a reason.
    """

    model_config = ConfigDict(extra="forbid")

    state: State
    outer_step: int = Field(ge=0, le=MOST)
    outer_steps: int = Field(ge=0, le=MOST)
    diverged_problems: int = Field(default=0, ge=0, le=MOST**2)
    skipped_steps: int = Field(default=0, ge=0, le=MOST)
    seconds: float = Field(default=0.0, ge=0, le=1e12)
    message: str = Field(default="", max_length=2000)


@dataclass(frozen=True)
class OuterStep:
    """One line of ``outer_loss.csv``.

    Attributes:
        outer_step: 1 for the first.
        meta_loss: mean over the batch, before the update; not finite if any problem diverged.
        gradient_norm: global norm of the outer gradient before clipping.
        learning_rate: of Adam on θ.
        diverged_problems: problems of the batch whose meta-loss was not finite.
        skipped: 1 if the gradient was not finite and θ did not change.
        seconds: training time so far.
    """

    outer_step: int
    meta_loss: float
    gradient_norm: float
    learning_rate: float
    diverged_problems: int
    skipped: int
    seconds: float


_KINDS: dict[str, type[int] | type[float]] = {
    field.name: int if field.type is int else float for field in fields(OuterStep)
}


def _curve(path: Path, after: int, most: int | None) -> list[OuterStep]:
    """`Run.outer_losses`."""
    try:
        heading = whole_lines(path, 0, 1)
        lines = whole_lines(path, after + 1, most)
    except FileNotFoundError:
        return []
    steps = []
    for number, line in enumerate(lines, start=after + 2):
        try:
            values = dict(zip(_KINDS, line.decode("ascii").rstrip("\r").split(","), strict=True))
            step = OuterStep(**{name: _KINDS[name](value) for name, value in values.items()})  # type: ignore[arg-type]
            counts = step.diverged_problems, step.skipped
            if not all(0 <= count <= MOST for count in counts) or not math.isfinite(step.learning_rate + step.seconds):
                raise ValueError
            if heading[0].decode("ascii").rstrip("\r") != ",".join(_KINDS) or step.outer_step != number - 1:
                raise ValueError
            steps.append(step)
        except (TypeError, ValueError):
            raise InputError(f"{path} is damaged at line {number}: it needs {', '.join(_KINDS)}") from None
    return steps


def _lines(steps: Iterable[OuterStep], *, heading: bool) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(_KINDS), lineterminator="\n")
    if heading:
        writer.writeheader()
    writer.writerows(asdict(step) for step in steps)
    return text.getvalue().encode()


def check_weights(theta: Mapping[str, "Tensor"], name: str) -> None:
    """Check the meta-parameters in a file.

    Args:
        theta: by name.
        name: of the file, for the message.

    Raises:
        InputError: they are not float32, not finite, or so large that everything computed from them overflows.
    """
    for part, tensor in theta.items():
        if tensor.dtype is not torch.float32 or not bool(torch.isfinite(tensor).all()):
            raise InputError(f"{name} is damaged: {part[:40]} must contain finite float32 numbers")
        if tensor.numel() and float(tensor.abs().max()) > LARGEST_WEIGHT:
            raise InputError(f"{name} is damaged: {part[:40]} contains a number larger than {LARGEST_WEIGHT:g}")


class Run:
    """A run's folder. Opening it reads and checks its configuration; everything else is read on request.

    Args:
        path: the folder.

    Raises:
        InputError: the folder is not a run, or its configuration is damaged.
    """

    def __init__(self, path: Path):
        self.path = path
        if not (path / "config.json").exists():
            raise InputError(f"{path} is not a run: it has no config.json")
        self.config = read_json(path / "config.json", RunConfig, SMALL)

    @classmethod
    def create(cls, path: Path, config: RunConfig, start: Mapping[str, "Tensor"] | None = None) -> "Run":
        """Start a new run in an empty or absent folder.

        Args:
            path: the folder.
            config: of the run.
            start: θ to start from, if ``config.start`` names a snapshot.
        """
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(f"{path} is not empty: choose another folder, or continue the run in it with --resume")
        if path.name in RESERVED and path.resolve().parent == runs_root():
            raise InputError(f"{path} is the folder of other files beside the runs: choose another folder")
        if (start is None) != (config.start is None):
            raise InputError("start must come with the meta-parameters of its snapshot")
        if start is not None:
            RecurrentOptimizer(config.architecture, start)  # raises if they do not fit
            write_tensors(path / "start.safetensors", start, {"format": SNAPSHOT_FORMAT, "outer_step": "0"})
        write_json(path / "config.json", config)
        return cls(path)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    def snapshots(self) -> list[int]:
        """Outer steps of the stored snapshots, ascending."""
        files = (self.path / "snapshots").glob("*.safetensors")
        return sorted(int(file.stem) for file in files if re.fullmatch(r"\d{6,9}", file.stem, re.ASCII))

    def snapshot_path(self, outer_step: int) -> Path:
        """The file with θ after that many outer steps."""
        return self.path / "snapshots" / f"{outer_step:06d}.safetensors"

    def optimizer(self, outer_step: int | None = None) -> RecurrentOptimizer:
        """The learned optimizer of one snapshot, by default the last.

        Args:
            outer_step: of the snapshot.

        Raises:
            InputError: no such snapshot, or it is damaged.
        """
        return self._optimizer_in(self.find_snapshot(outer_step))

    def find_snapshot(self, outer_step: int | None = None) -> Path:
        """The file of a stored snapshot, by default the last.

        Raises:
            InputError: no such snapshot.
        """
        kept = self.snapshots()
        if not kept:
            raise InputError(f"{self.path} has no snapshot yet")
        step = kept[-1] if outer_step is None else outer_step
        if step not in kept:
            raise InputError(f"{self.name} has no snapshot at outer step {step}: choose one of {kept}")
        return self.snapshot_path(step)

    def check_snapshot(self) -> None:
        """Check the last snapshot without making an optimizer of it.

        Raises:
            InputError: there is none, or it is damaged.
        """
        path = self.find_snapshot()
        try:
            numbers = read_floats(path, SNAPSHOT_FORMAT, self.config.architecture.shapes())
        except ShapesError:
            raise InputError(f"{path} does not match its run's config.json: its tensors have other shapes") from None
        if not (np.isfinite(numbers).all() and (np.abs(numbers) <= LARGEST_WEIGHT).all()):
            raise InputError(f"{path} is damaged: it must contain finite numbers of at most {LARGEST_WEIGHT:g}")

    def start(self) -> RecurrentOptimizer | None:
        """The optimizer that training starts from; None unless it is a snapshot of another run."""
        return None if self.config.start is None else self._optimizer_in(self.path / "start.safetensors")

    def _optimizer_in(self, path: Path) -> RecurrentOptimizer:
        try:
            theta, _ = read_tensors(path, SNAPSHOT_FORMAT, self.config.architecture.shapes())
        except ShapesError:
            raise InputError(f"{path} does not match its run's config.json: its tensors have other shapes") from None
        check_weights(theta, str(path))
        return RecurrentOptimizer(self.config.architecture, theta)

    def write_snapshot(self, outer_step: int, theta: dict[str, "Tensor"]) -> None:
        """Store θ as a snapshot."""
        metadata = {"format": SNAPSHOT_FORMAT, "outer_step": str(outer_step)}
        write_tensors(self.snapshot_path(outer_step), theta, metadata)

    def outer_losses(self, after: int = 0, most: int | None = None) -> list[OuterStep]:
        """The outer training curve, one entry for each outer step.

        An incomplete last line (it is being written, or the disk was full) is skipped.

        Args:
            after: outer step to begin after.
            most: maximum number of entries; by default all.

        Raises:
            InputError: a line is damaged.
        """
        path = self.path / "outer_loss.csv"
        try:
            return _curve(path, after, most)
        except InputError:
            forget(path)  # it may have been replaced
            return _curve(path, after, most)

    def write_outer_losses(self, steps: Iterable[OuterStep]) -> None:
        """Replace the outer training curve."""
        write_bytes(self.path / "outer_loss.csv", _lines(steps, heading=True))

    def append_outer_losses(self, steps: Iterable[OuterStep], *, sync: bool = False) -> None:
        """Append to the outer training curve.

        Args:
            steps: the next outer steps.
            sync: whether to wait until everything is on the disk.
        """
        with (self.path / "outer_loss.csv").open("ab") as file:
            file.write(_lines(steps, heading=False))
            file.flush()
            if sync:
                os.fsync(file.fileno())

    def status(self) -> Status:
        """Read its state and progress."""
        return read_json(self.path / "status.json", Status, SMALL)

    def write_status(self, status: Status) -> None:
        """Write its state and progress."""
        write_json(self.path / "status.json", status)

    def training_state(self) -> tuple[dict[str, "Tensor"], dict[str, str]]:
        """Tensors and counters from which training resumes.

        Raises:
            InputError: the file is missing, damaged or too large, or a number in it is not finite.
        """
        path = self.path / "training_state.safetensors"
        tensors, counters = read_tensors(path, STATE_FORMAT, most=LARGEST_STATE, names=1000 + 16 * self.config.problems)
        for name, tensor in tensors.items():
            if not bool(torch.isfinite(tensor).all()):
                raise InputError(f"{path} is damaged: {name[:40]} contains a number that is not finite")
        return tensors, counters

    def write_training_state(self, tensors: dict[str, "Tensor"], counters: dict[str, str]) -> None:
        """Store what is needed to resume bit for bit."""
        path = self.path / "training_state.safetensors"
        write_tensors(path, tensors, {"format": STATE_FORMAT, **counters})

    def reserve(self) -> None:
        """Reserve some disk space, so that a run that fills the disk can still write its status."""
        path = self.path / RESERVE
        if not path.exists() or path.stat().st_size < RESERVED_BYTES:
            write_bytes(path, os.urandom(RESERVED_BYTES))  # random, since file systems may compress

    def release(self) -> None:
        """Free that space."""
        (self.path / RESERVE).unlink(missing_ok=True)
