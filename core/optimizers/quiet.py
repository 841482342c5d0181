"""Silence for other people's code that prints when an optimizer is made or takes a step."""

import contextlib
import io
import sys
import threading
from collections.abc import Iterator
from typing import Any

_lock = threading.Lock()
_within = 0  # how many are silent now, in all threads
_shown: Any = None  # where output goes otherwise


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing that is printed inside is shown; of several threads the last to leave gives the output back."""
    global _within, _shown  # noqa: PLW0603 - so is the output
    with _lock:
        if _within == 0:
            _shown, sys.stdout = sys.stdout, io.StringIO()
        _within += 1
    try:
        yield
    finally:
        with _lock:
            _within -= 1
            if _within == 0:
                sys.stdout, _shown = _shown, None
