"""What takes minutes: one thing at a time, in a process of its own where the pages are served, and how far it is."""

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, final

from app.compute.child import Computer, context
from app.shared import cache

LONGEST = 3600.0  # seconds

_turn = threading.Lock()  # each takes a processor


@final
class Progress:
    """How far something is, in words; written by another process. To be closed."""

    def __init__(self) -> None:
        self.path = tempfile.NamedTemporaryFile(prefix="loptscope-", suffix=".progress", delete=False).name  # noqa: SIM115 - closed by `close`

    def read(self) -> str:
        """The last words; "" before the first."""
        try:
            return Path(self.path).read_text(encoding="utf-8")
        except OSError:  # over just now
            return ""

    def close(self) -> None:
        """Forget it."""
        Path(self.path).unlink(missing_ok=True)


def say(path: str, text: str) -> None:
    """Write how far something is.

    Args:
        path: of its `Progress`.
        text: in words.
    """
    Path(path).write_text(text, encoding="utf-8")


def run(function: Callable[..., Any], *args: Any) -> None:
    """Run a function of a module when it is its turn, and wait for its end.

    Raises:
        EndedError: it took too long, or its process ended.
        InputError, OSError, RuntimeError: from the function.
    """
    with _turn:
        if cache.pool() is None:
            function(*args)
            return
        computer = Computer(context())
        try:
            computer.run(function, args, LONGEST)
        finally:
            computer.close()
