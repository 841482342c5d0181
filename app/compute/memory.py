"""The memory of this process: how much is its own, and giving back what it does not need."""

import ctypes
import functools
import gc
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import final

CACHED = type(functools.cache(len))
ARENAS = (
    2  # in which the threads of a process find memory; by default eight for each core, and each keeps what was freed
)
M_ARENA_MAX = -8  # of glibc's mallopt
LARGEST = 640 * 2**20  # bytes of the web server's own memory after which it forgets what it keeps
LOOK_EVERY = 10.0  # seconds between two looks at that
FORGET_EVERY = 60.0  # seconds between two times that it forgets, at least: what it needs for itself may be as large


def few_arenas() -> None:
    """Let all threads share a few arenas of memory; to be called before there are many threads."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


def own_memory() -> int:
    """Bytes of memory that only this process has; 0 where that is unknown."""
    try:
        lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
        sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
        return 1024 * (sizes["Private_Clean"] + sizes["Private_Dirty"])
    except (OSError, ValueError, KeyError, IndexError):
        return 0


def settle_memory() -> None:
    """Take what is loaded out of the search for garbage, which stops all threads: of torch and the rest, that is tenths of a second."""
    gc.collect()
    gc.freeze()


def release_memory() -> None:
    """Forget what the pages' functions keep, and give freed memory back to the system."""
    gc.unfreeze()
    for item in gc.get_objects():
        if type(item) is CACHED and item.__module__.startswith("app."):
            item.cache_clear()
    settle_memory()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@final
class MemoryWatch:
    """A thread that lets this process forget what it keeps whenever it has grown too large, until `stop`."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._forgot = float("-inf")
        threading.Thread(target=self._watch, name="memory", daemon=True).start()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            if own_memory() > LARGEST and time.monotonic() - self._forgot > FORGET_EVERY:
                release_memory()
                self._forgot = time.monotonic()

    def stop(self) -> None:
        """No longer look."""
        self._over.set()
