"""The table of a run's states: which requests each allows, and whether the run is over."""

from dataclasses import dataclass
from typing import Literal, get_args

State = Literal["queued", "running", "paused", "stopped", "finished", "cancelled", "failed"]
Request = Literal["pause", "stop", "cancel"]  # to the worker of a run
Action = Literal["pause", "resume", "stop", "cancel", "delete"]


@dataclass(frozen=True)
class RunState:
    """One state.

    Attributes:
        allows: the allowed requests.
        over: whether training has ended and will not continue by itself.
        kept: whether its last snapshot is a result that other pages offer.
    """

    allows: tuple[Action, ...]
    over: bool = False
    kept: bool = False

    @property
    def resumable(self) -> bool:
        """Whether it can resume from its last training state."""
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
