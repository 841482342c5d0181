"""Reading files that anybody may have written: plain files only, no larger than they may be, and within bounded memory.

A message says what is wrong with a file and never what is in it, since the file may not be what it seems.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import InputError

KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def _refused(path: Path, what: str) -> InputError:
    return InputError(f"{path} cannot be read: {what}")


@contextmanager
def opened(path: Path, most: int) -> Iterator[tuple[int, os.stat_result]]:
    """A file's handle and its status, for reading.

    Args:
        path: the file; opening it never waits, and never follows a link in its place.
        most: largest size in bytes.

    Raises:
        FileNotFoundError: there is nothing.
        InputError: it is not a plain file, it is too large, or it cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise
    except OSError as error:
        linked = error.errno == errno.ELOOP
        what = "it is a link, not a plain file" if linked else error.strerror or "it cannot be opened"
        raise _refused(path, what) from None
    except ValueError:  # a null byte in its name
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None
    try:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            kind = next((name for holds, name in KINDS if holds(state.st_mode)), "something else")
            raise _refused(path, f"it is {kind}, not a plain file")
        if state.st_size > most:
            raise _refused(path, f"it has {state.st_size:,} bytes, and at most {most:,} are read")
        yield handle, state
    finally:
        os.close(handle)


def read_plain(path: Path, most: int) -> bytes:
    """The content of a file.

    Args:
        path: the file.
        most: largest size in bytes.

    Raises:
        FileNotFoundError: there is nothing.
        InputError: it is not a plain file, it is too large, or it cannot be read.
    """
    with opened(path, most) as (handle, state):
        parts: list[bytes] = []
        left = min(most, state.st_size + 1)  # it may be growing
        try:
            while left > 0 and (part := os.read(handle, left)):
                parts.append(part)
                left -= len(part)
        except OSError as error:
            raise _refused(path, error.strerror or "an error of the disk") from None
    return b"".join(parts)


def is_plain(path: Path) -> bool:
    """Whether there is a plain file, not a link or anything else."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False
