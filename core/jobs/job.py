"""A run as a job: its submission, events and requests, stored in the run's folder."""

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from core.errors import InputError, UnknownError
from core.files.append_only import MOST_LINES, whole_lines
from core.files.atomic import finite_json, read_json, write_json
from core.runs.run import Run, Status
from core.runs.states import Request, State

LATEST = 1e11  # seconds since 1970: no clock shows more
SMALL = 64 * 1024  # bytes of the largest of these files


class JobInfo(BaseModel):
    """``job.json``: the submission of a run.

    Attributes:
        submitted: time of submission, in seconds since 1970.
        order: the queue is sorted by it in ascending order.
        client: a keyed hash of the client's address, used only to count a client's runs.
        sweep: name of its sweep; None without one.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal["loptscope-job/1"] = "loptscope-job/1"
    submitted: float = Field(ge=0, le=LATEST)
    order: float = Field(ge=-LATEST, le=LATEST)
    client: str = Field(default="", max_length=100)
    sweep: str | None = Field(default=None, max_length=100)


class Control(BaseModel):
    """``control.json``: the pending request to a run's worker."""

    model_config = ConfigDict(extra="forbid")

    requested: Request = Field(validation_alias=AliasChoices("requested", "wanted"))


class Job:
    """A run that is a job.

    Raises:
        InputError: the folder is not a run or not a job, or is damaged.
    """

    def __init__(self, path: Path):
        self.info = read_json(path / "job.json", JobInfo, SMALL)
        self.run = Run(path)
        self.path = path

    @property
    def name(self) -> str:
        """The job's id."""
        return self.path.name

    def status(self) -> Status:
        """Read its state and progress."""
        return self.run.status()

    def write_job(self, **changes: Any) -> None:
        """Change its submission data.

        Raises:
            FileNotFoundError: the run was deleted in the meantime.
        """
        self.info = self.info.model_copy(update=changes)
        write_json(self.path / "job.json", self.info, parents=False)

    def set_state(self, state: State, message: str = "", **changes: Any) -> None:
        """Change its state, and more of its status. The event is written before the status, so a reader that sees the new state also finds the event."""
        status = self.status().model_copy(update={"state": state, "message": message, **changes})
        self.note_state(status)
        self.run.write_status(status)

    def note_state(self, status: Status) -> None:
        """Write a change of state as an event."""
        note(self.path, "state", state=status.state, message=status.message, outer_step=status.outer_step)

    def pending_request(self) -> Request | None:
        """The pending request to its worker; None without one."""
        path = self.path / "control.json"
        if not path.exists():
            return None
        try:
            return read_json(path, Control, SMALL).requested
        except InputError:
            return None  # withdrawn in the meantime, or incomplete

    def make_request(self, request: Request) -> None:
        """Send a request to its worker.

        Raises:
            UnknownError: the run was deleted in the meantime.
        """
        try:
            write_json(self.path / "control.json", Control(requested=request), parents=False)
        except FileNotFoundError:
            raise UnknownError(f"there is no run {self.name}") from None

    def withdraw_request(self) -> bool:
        """Withdraw the request to its worker; False if there was none.

        Of several processes that withdraw it at once, one is told True: that one decides what becomes of it.
        """
        try:
            (self.path / "control.json").unlink()
        except FileNotFoundError:
            return False
        return True

    def keep_snapshot(self) -> None:
        """Store θ of the last training state as a snapshot, so that a stopped run can be inspected at its end."""
        if not (self.path / "training_state.safetensors").exists():
            return
        tensors, counters = self.run.training_state()
        step = int(counters["outer_step"])
        if step not in self.run.snapshots():
            kept = {name.removeprefix("theta."): t for name, t in tensors.items() if name.startswith("theta.")}
            self.run.write_snapshot(step, kept)
            note(self.path, "snapshot", outer_step=step)


def note(path: Path, kind: str, **content: Any) -> None:
    """Append an event to a run's ``events.jsonl``.

    Args:
        path: the run's folder.
        kind: the type of event.
        content: more about it; numbers must be finite.
    """
    line = json.dumps({"time": round(time.time(), 3), "kind": kind, **content}, allow_nan=False, separators=(",", ":"))
    with (path / "events.jsonl").open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        torn = False
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            torn = file.read(1) != b"\n"  # a writer was killed, or the disk was full, in the middle of a line
        file.write((b"\n" if torn else b"") + line.encode() + b"\n")


def _is_sound(event: dict[str, Any]) -> bool:
    """Whether the numbers that readers rely on are there and in range."""
    if event.get("kind") == "evaluation":
        numbers = [event.get(name) for name in ("meta_loss", "sem")]
        return all(number is None or type(number) in (int, float) for number in numbers)
    if event.get("kind") != "steps":
        return True
    first, last = event.get("first"), event.get("last")
    return type(first) is int and type(last) is int and 1 <= first <= last <= MOST_LINES


def events(path: Path, after: int = 0, most: int = 1000) -> tuple[list[dict[str, Any]], int]:
    """Events of a run.

    Args:
        path: the run's folder.
        after: sequence number to begin after; that of the first event is 1.
        most: maximum number of events.

    Returns:
        the events, each with its "seq", and the last sequence number read (incomplete and damaged lines are skipped).

    Raises:
        InputError: the file is not a plain file, or is too large.
    """
    try:
        lines = whole_lines(path / "events.jsonl", after, most)
    except FileNotFoundError:
        return [], after
    read = []
    for number, line in enumerate(lines, start=after + 1):
        try:
            event = finite_json(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and _is_sound(event):
            read.append({**event, "seq": number})
    return read, after + len(lines)
