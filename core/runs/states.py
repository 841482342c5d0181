"""The states of a run, one row each: what may be asked of a run in that state, and what becomes of it."""

from dataclasses import dataclass
from typing import Literal, get_args

State = Literal["queued", "running", "paused", "stopped", "finished", "cancelled", "failed"]
Request = Literal["pause", "stop", "cancel"]  # of the worker of a run
Action = Literal["pause", "resume", "stop", "cancel", "delete"]


@dataclass(frozen=True)
class RunState:
    """One state.

    Attributes:
        allows: what may be asked of a run in it.
        over: whether nobody works on it any more, nor will by itself.
        kept: whether its last snapshot is a result, which the other pages offer.
    """

    allows: tuple[Action, ...]
    over: bool = False
    kept: bool = False

    @property
    def resumable(self) -> bool:
        """Whether it can go on from its last training state."""
        return "resume" in self.allows

    @property
    def deletable(self) -> bool:
        """Whether it can be moved to the trash."""
        return "delete" in self.allows


STATES: dict[State, RunState] = {
    "queued": RunState(("cancel",)),
    "running": RunState(("pause", "stop", "cancel")),
    "paused": RunState(("resume", "stop", "cancel", "delete")),
    "stopped": RunState(("resume", "delete"), over=True, kept=True),
    "finished": RunState(("delete",), over=True, kept=True),
    "cancelled": RunState(("resume", "delete"), over=True),
    "failed": RunState(("resume", "delete"), over=True),
}
REQUESTS: tuple[Request, ...] = get_args(Request)
LEFT_AS: dict[Request, State] = {"pause": "paused", "stop": "stopped", "cancel": "cancelled"}  # after a request
