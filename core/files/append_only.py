"""Lines of append-only files: any range can be read without rescanning the file."""

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import InputError
from core.files.plain import opened

EVERY = 256  # lines between two remembered positions
FILES = 256  # files with remembered positions
CHUNK = 2**20
LARGEST = 2**28  # bytes of a file: a run of a million outer steps has less
MOST_LINES = 2_000_000

_known: "OrderedDict[Path, _Places]" = OrderedDict()
_lock = threading.Lock()


@dataclass
class _Places:
    """Positions of every EVERY-th line of a file, as far as it has been read."""

    inode: int
    lines: int = 0  # complete lines
    end: int = 0  # end of the last complete line
    starts: list[int] = field(default_factory=lambda: [0])


def _look(file: int, places: _Places, path: Path) -> None:
    """Scan what has been appended to a file."""
    rest = 0  # bytes after the last complete line
    position = places.end
    while chunk := os.pread(file, CHUNK, position + rest):
        if places.lines + chunk.count(b"\n") > MOST_LINES:
            raise InputError(f"{path} cannot be read: it has more than {MOST_LINES:,} lines")
        begin = 0
        while (stop := chunk.find(b"\n", begin)) >= 0:
            places.lines += 1
            places.end = position + rest + stop + 1
            if places.lines % EVERY == 0:
                places.starts.append(places.end)
            begin = stop + 1
        rest = position + rest + len(chunk) - places.end
        position = places.end


def forget(path: Path) -> None:
    """Scan a file from its beginning next time."""
    with _lock:
        _known.pop(path, None)


def whole_lines(path: Path, after: int, most: int | None = None) -> list[bytes]:
    """Lines of a file without line ends; an incomplete last line is left out.

    A replaced file is detected unless it has the same inode; use `forget` in that case.

    Args:
        path: the file.
        after: number of lines to skip.
        most: maximum number of lines to return.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is not a plain file, it is too large or has too many lines, or it cannot be read.
    """
    with opened(path, LARGEST) as (file, current):
        with _lock:
            places = _known.pop(path, None)
            if places is None or places.inode != current.st_ino or places.end > current.st_size:
                places = _Places(current.st_ino)
            _look(file, places, path)
            _known[path] = places
            while len(_known) > FILES:
                _known.popitem(last=False)
            if after >= places.lines or most == 0:
                return []
            start = places.starts[after // EVERY]
            last = places.lines if most is None else min(places.lines, after + most)
            ahead = -(-last // EVERY)  # index of the first remembered position at or after the end
            stop = places.starts[ahead] if ahead < len(places.starts) else places.end
        content = os.pread(file, stop - start, start)
    skipped = after - after // EVERY * EVERY
    return content.split(b"\n")[skipped : skipped + last - after]
