"""How a long computation is left in the middle: it calls a check between two blocks of inner steps, which raises if it is to end."""

from collections.abc import Callable
from typing import final

Check = Callable[[], None]


@final
class LeaveError(Exception):
    """The computation is to end; what it has not finished is thrown away."""


def go_on() -> None:
    """The check of a computation that nobody interrupts."""
