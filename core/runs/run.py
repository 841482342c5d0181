"""Runs on disk: one folder an outer training.

RUN/config.json                      what defines it (RunConfig)
RUN/start.safetensors                θ to start from, where it is a snapshot of another run
RUN/outer_loss.csv                   one line an outer step, appended as it goes
RUN/snapshots/NNNNNN.safetensors     θ after that many outer steps
RUN/training_state.safetensors       everything needed to go on exactly
RUN/evaluation.json                  held-out comparison with tuned hand-designed optimizers
RUN/status.json                      how far it is
"""

import csv
import io
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from core.errors import InputError
from core.files.append_only import forget, whole_lines
from core.files.atomic import read_json, read_tensors, write_bytes, write_json, write_tensors
from core.optimizers.recurrent import RecurrentOptimizer
from core.runs.config import RunConfig
from core.runs.states import State

SNAPSHOT_FORMAT = "loptscope-snapshot/1"
STATE_FORMAT = "loptscope-training-state/1"
RESERVE = ".reserve"  # room kept for the last words of a run whose disk is full
RESERVED_BYTES = 64 * 1024


def runs_root() -> Path:
    """The folder of one's own runs: LOPTSCOPE_RUNS, or else ``runs`` where the program was started."""
    return Path(os.environ.get("LOPTSCOPE_RUNS") or "runs").resolve()


def is_name(text: str) -> bool:
    """Whether this can be the name of a run in that folder: no path, nothing hidden."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", text, re.ASCII) is not None


class Status(BaseModel):
    """How far a run is, as kept in ``status.json``.

    Attributes:
        state: what it is doing.
        outer_step: outer steps done.
        outer_steps: outer steps wanted.
        diverged_problems: training problems whose meta-loss was not finite, over all outer steps.
        skipped_steps: outer steps whose gradient was not finite, so that θ was left as it was.
        seconds: time spent training.
        message: why it failed or stopped, where there is more to say.
    """

    model_config = ConfigDict(extra="forbid")

    state: State
    outer_step: int
    outer_steps: int
    diverged_problems: int = 0
    skipped_steps: int = 0
    seconds: float = 0.0
    message: str = ""


@dataclass(frozen=True)
class OuterStep:
    """One line of ``outer_loss.csv``.

    Attributes:
        outer_step: 1 for the first.
        meta_loss: mean over the batch, before the update; not finite if any problem diverged.
        gradient_norm: global norm of the outer gradient before clipping.
        learning_rate: of Adam on θ.
        diverged_problems: problems of the batch whose meta-loss was not finite.
        skipped: 1 if the gradient was not finite and θ was left as it was.
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


class Run:
    """A run's folder. Opening it reads and checks its configuration; everything else is read when asked for.

    Raises:
        InputError: the folder holds no run, or its configuration is damaged.
    """

    def __init__(self, path: Path):
        self.path = path
        if not (path / "config.json").is_file():
            raise InputError(f"{path} is not a run: it has no config.json")
        self.config = read_json(path / "config.json", RunConfig)

    @classmethod
    def create(cls, path: Path, config: RunConfig, start: Mapping[str, Tensor] | None = None) -> "Run":
        """Start a new run in an empty or absent folder.

        Args:
            path: the folder.
            config: of the run.
            start: θ to start from, if ``config.start`` names a snapshot.
        """
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(f"{path} already holds something: choose another folder, or --resume to go on with a run")
        if (start is None) != (config.start is None):
            raise InputError("start must come with the meta-parameters of the snapshot that it names")
        if start is not None:
            RecurrentOptimizer(config.architecture, start)  # they fit
            write_tensors(path / "start.safetensors", start, {"format": SNAPSHOT_FORMAT, "outer_step": "0"})
        write_json(path / "config.json", config)
        return cls(path)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    def snapshots(self) -> list[int]:
        """Outer steps of which θ was kept, ascending."""
        found = (self.path / "snapshots").glob("*.safetensors")
        return sorted(int(file.stem) for file in found if re.fullmatch(r"\d{6,}", file.stem))

    def snapshot_path(self, outer_step: int) -> Path:
        """Where θ after that many outer steps lies."""
        return self.path / "snapshots" / f"{outer_step:06d}.safetensors"

    def optimizer(self, outer_step: int | None = None) -> RecurrentOptimizer:
        """The learned optimizer of one snapshot, the last one by default.

        Raises:
            InputError: no such snapshot, or a damaged one.
        """
        kept = self.snapshots()
        if not kept:
            raise InputError(f"{self.path} has no snapshot yet")
        step = kept[-1] if outer_step is None else outer_step
        if step not in kept:
            raise InputError(f"{self.name} has no snapshot at outer step {step}: choose one of {kept}")
        return self._optimizer_in(self.snapshot_path(step))

    def start(self) -> RecurrentOptimizer | None:
        """The optimizer that training starts from, where it is a snapshot of another run."""
        return None if self.config.start is None else self._optimizer_in(self.path / "start.safetensors")

    def _optimizer_in(self, path: Path) -> RecurrentOptimizer:
        theta, _ = read_tensors(path, SNAPSHOT_FORMAT)
        for name, tensor in theta.items():
            if tensor.dtype is not torch.float32 or not bool(torch.isfinite(tensor).all()):
                raise InputError(f"{path} is damaged: {name} must hold finite float32 numbers")
        try:
            return RecurrentOptimizer(self.config.architecture, theta)
        except InputError as error:
            raise InputError(f"{path} does not fit its run's config.json: {error}") from None

    def write_snapshot(self, outer_step: int, theta: dict[str, Tensor]) -> None:
        """Keep θ."""
        metadata = {"format": SNAPSHOT_FORMAT, "outer_step": str(outer_step)}
        write_tensors(self.snapshot_path(outer_step), theta, metadata)

    def outer_losses(self, after: int = 0, most: int | None = None) -> list[OuterStep]:
        """The outer training curve, one entry an outer step.

        A last line that is not whole yet (it is being written, or the disk was full) is left out.

        Args:
            after: outer step to begin after.
            most: how many entries at most; all by default.

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
        """Go on with the outer training curve.

        Args:
            steps: those that follow the ones written before.
            sync: whether to wait until all of it is on the disk.
        """
        with (self.path / "outer_loss.csv").open("ab") as file:
            file.write(_lines(steps, heading=False))
            file.flush()
            if sync:
                os.fsync(file.fileno())

    def status(self) -> Status:
        """How far it is."""
        return read_json(self.path / "status.json", Status)

    def write_status(self, status: Status) -> None:
        """Say how far it is."""
        write_json(self.path / "status.json", status)

    def training_state(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Tensors and counters to go on from."""
        return read_tensors(self.path / "training_state.safetensors", STATE_FORMAT)

    def write_training_state(self, tensors: dict[str, Tensor], counters: dict[str, str]) -> None:
        """Keep what is needed to go on exactly."""
        path = self.path / "training_state.safetensors"
        write_tensors(path, tensors, {"format": STATE_FORMAT, **counters})

    def reserve(self) -> None:
        """Keep some room on the disk, so that a run that fills it can still say so."""
        path = self.path / RESERVE
        if not path.exists() or path.stat().st_size < RESERVED_BYTES:
            write_bytes(path, os.urandom(RESERVED_BYTES))  # random: file systems that compress must not save it

    def release(self) -> None:
        """Give that room back."""
        (self.path / RESERVE).unlink(missing_ok=True)
