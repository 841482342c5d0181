"""Recordings on disk: what an optimizer received and did during a training, for a fixed sample of components.

RECORDING/recording.json    what was recorded (About), written with the first steps
RECORDING/steps.bin         one record of fixed size for each recorded step, only ever appended to
RECORDING/end.json          how it ended (End); missing while it runs, and if the process was killed
RECORDING/label.json        a title and a note, as runs have

A recording lies among the runs. If the process is killed, everything up to the last complete record is kept.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from core.errors import InputError, UnknownError
from core.files.atomic import read_json
from core.files.plain import opened
from core.runs.lock import acquire
from core.runs.run import is_name, runs_root

ABOUT, STEPS, END = "recording.json", "steps.bin", "end.json"
LARGEST = 2**31  # bytes of the recorded steps
State = Literal["recording", "finished", "failed", "interrupted"]


class Component(BaseModel):
    """One recorded component.

    Attributes:
        tensor: name of its parameter tensor.
        index: in that tensor, flattened.
        group: the optimizer's parameter group.
        label: such as "0.weight[3, 5]".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tensor: str
    index: int = Field(ge=0)
    group: int = Field(ge=0)
    label: str


class About(BaseModel):
    """What was recorded.

    Attributes:
        optimizer: the class of the optimizer, as in "torch.optim.adam.Adam", or the name of a learned optimizer.
        learned: a hash of the weights of a learned optimizer; None for others.
        groups: the numbers, texts and switches among the settings of each parameter group.
        model: class of the model.
        parameters: components that the optimizer changes.
        tensors: parameter tensors that it changes.
        components: the recorded ones, [C].
        state_names: the entries of a component's state, [S].
        left_out: entries of the state that are not one number for each component or each tensor.
        precision: of gradients, parameters, updates and states.
        dense: steps at the beginning that are all recorded; after them, the distance doubles whenever the number of steps doubles.
        started: in seconds since 1970.
        version, torch: of Loptscope and of torch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["loptscope-recording/1"] = "loptscope-recording/1"
    optimizer: str
    learned: str | None = None
    groups: list[dict[str, bool | int | float | str | list[float] | None]] = Field(min_length=1)
    model: str
    parameters: int = Field(ge=1)
    tensors: int = Field(ge=1)
    components: list[Component] = Field(min_length=1)
    state_names: list[str]
    left_out: list[str] = []
    precision: Literal["float32", "float64"]
    dense: int = Field(ge=1)
    started: float
    version: str
    torch: str

    def record(self) -> np.dtype[np.void]:
        """The layout of one record of ``steps.bin``."""
        return record_type(len(self.components), len(self.state_names), len(self.groups), self.precision)


class End(BaseModel):
    """How a recording ended.

    Attributes:
        steps: the optimizer's steps, recorded or not.
        seconds: from the first step to the end.
        error: the exception that ended it; "" if the block was left normally.
    """

    model_config = ConfigDict(extra="forbid")

    steps: int
    seconds: float
    error: str = ""


def record_type(components: int, entries: int, groups: int, precision: str) -> np.dtype[np.void]:
    """One record: step, loss, learning rate of each group, then parameters x_k, gradients, updates [C] and states [C, S]."""
    kind = "<f8" if precision == "float64" else "<f4"
    own = [(name, kind, (components,)) for name in ("parameters", "gradients", "updates")]
    fields = [
        ("step", "<i8"),
        ("loss", "<f8"),
        ("rates", "<f8", (groups,)),
        *own,
        ("states", kind, (components, entries)),
    ]
    return np.dtype(fields)


def is_recorded(step: int, dense: int) -> bool:
    """Whether a step is recorded: all of the first ``dense``, then every 2nd, 4th, … as the number of steps doubles."""
    return step < dense or step % (1 << math.ceil(math.log2((step + 1) / dense))) == 0


@dataclass(frozen=True)
class Arrays:
    """Recorded steps as arrays: K steps, C components, S entries of the state, G parameter groups.

    Attributes:
        steps: numbers of the steps, 0 for the first, [K].
        losses: as told, NaN where none was told, [K].
        rates: learning rate of each parameter group, NaN if it has none, [K, G].
        parameters: x_k before the step, [K, C].
        gradients: as the step received them, NaN where there was none, [K, C].
        updates: x_{k+1} − x_k, [K, C].
        states: before the step, NaN where the optimizer had none yet, [K, C, S].
    """

    steps: np.ndarray
    losses: np.ndarray
    rates: np.ndarray
    parameters: np.ndarray
    gradients: np.ndarray
    updates: np.ndarray
    states: np.ndarray


class Recording:
    """A recording's folder. Opening it reads and checks its description; steps are read on request.

    Args:
        path: the folder.

    Raises:
        InputError: it is not a recording, or damaged.
    """

    def __init__(self, path: Path):
        self.path = path
        if not (path / ABOUT).is_file():
            raise InputError(f"{path} is not a recording: it has no {ABOUT}")
        self.about = read_json(path / ABOUT, About)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    def __len__(self) -> int:
        """Complete records."""
        try:
            return (self.path / STEPS).stat().st_size // self.about.record().itemsize
        except FileNotFoundError:
            return 0

    def arrays(self, rows: Iterable[int] | None = None) -> Arrays:
        """Recorded steps.

        Args:
            rows: positions among the recorded steps; by default all.

        Raises:
            InputError: nothing is recorded yet, or a record is damaged.
        """
        content = self._records()
        chosen = np.array(content if rows is None else content[list(rows)])
        names = ("loss", "rates", "parameters", "gradients", "updates", "states")
        return Arrays(chosen["step"], *(chosen[name] for name in names))

    def steps(self) -> np.ndarray:
        """The numbers of the recorded steps, [K].

        Raises:
            InputError: nothing is recorded yet, or a record is damaged.
        """
        return np.array(self._records()["step"])

    def last_step(self) -> int:
        """The number of the last recorded step, read without the others; −1 if there is none."""
        count = len(self)
        if count == 0:
            return -1
        return int(np.memmap(self.path / STEPS, dtype=self.about.record(), mode="r", shape=(count,))[-1]["step"])

    def _records(self) -> np.ndarray:
        count = len(self)
        if count == 0:
            raise InputError(f"{self.name} has no recorded step yet")
        with opened(self.path / STEPS, LARGEST):  # a plain file of a size that can be read
            content = np.memmap(self.path / STEPS, dtype=self.about.record(), mode="r", shape=(count,))
        steps = content["step"]
        if steps[0] != 0 or (np.diff(steps) <= 0).any():
            raise InputError(f"{self.path / STEPS} is damaged: the steps do not ascend from 0")
        return content

    def end(self) -> End | None:
        """How it ended; None while it runs, and if its process was killed."""
        return read_json(self.path / END, End) if (self.path / END).exists() else None

    def state(self) -> State:
        """Whether it runs or how it ended; "interrupted" if its process was killed."""
        end = self.end()
        if end is not None:
            return "failed" if end.error else "finished"
        lock = acquire(self.path)
        if lock is None:
            return "recording"
        lock.release()
        return "interrupted"


def open_recording(name: str | Path) -> Recording:
    """A recording by its name among the runs, or by its folder.

    Args:
        name: its name as text, or the path of its folder as a `Path`.

    Raises:
        InputError: there is none, or it is damaged.
    """
    path = name if isinstance(name, Path) else runs_root() / name if is_name(name) else None
    if path is None or not (path / ABOUT).is_file():
        known = ", ".join(path.name for path in recorded()) or "there is none yet"
        raise UnknownError(f"there is no recording {str(name)!r:.80} (recorded: {known:.200})")
    return Recording(path)


def recording_at(text: str) -> Recording | None:
    """The recording of that name among the runs, or in that folder; None if there is none.

    Raises:
        InputError: it is damaged.
    """
    places = ([runs_root() / text] if is_name(text) else []) + [Path(text)]
    return next((Recording(path) for path in places if (path / ABOUT).is_file()), None)


def recorded(root: Path | None = None) -> list[Path]:
    """The folders of all recordings, by name."""
    found = sorted((root or runs_root()).glob(f"*/{ABOUT}"))
    return [path.parent for path in found if is_name(path.parent.name)]
