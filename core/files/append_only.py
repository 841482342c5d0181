"""Lines of files that only grow: any of them can be had without reading all that come before, over and over."""

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

EVERY = 256  # lines between two places that are remembered
FILES = 256  # whose places are remembered
CHUNK = 2**20

_known: "OrderedDict[Path, _Places]" = OrderedDict()
_lock = threading.Lock()


@dataclass
class _Places:
    """Where every EVERY-th line of a file begins, as far as it was looked at."""

    inode: int
    lines: int = 0  # whole ones
    end: int = 0  # of the last whole line
    starts: list[int] = field(default_factory=lambda: [0])


def _look(file: int, places: _Places) -> None:
    """Take in what has been added to a file."""
    rest = 0  # bytes after the last whole line
    position = places.end
    while chunk := os.pread(file, CHUNK, position + rest):
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
    """Look at a file from its beginning next time."""
    with _lock:
        _known.pop(path, None)


def whole_lines(path: Path, after: int, most: int | None = None) -> list[bytes]:
    """Lines of a file, without their ends; a last one that has no end yet is left out.

    A file that was replaced by another one is noticed, unless that came to have the same inode; `forget` then helps.

    Args:
        path: the file.
        after: how many lines to pass over.
        most: how many to return at most.

    Raises:
        OSError: the file cannot be read.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = os.fstat(file)
        with _lock:
            places = _known.pop(path, None)
            if places is None or places.inode != found.st_ino or places.end > found.st_size:
                places = _Places(found.st_ino)
            _look(file, places)
            _known[path] = places
            while len(_known) > FILES:
                _known.popitem(last=False)
            if after >= places.lines or most == 0:
                return []
            start = places.starts[after // EVERY]
            last = places.lines if most is None else min(places.lines, after + most)
            ahead = -(-last // EVERY)  # the first remembered place at or after the end
            stop = places.starts[ahead] if ahead < len(places.starts) else places.end
        content = os.pread(file, stop - start, start)
    finally:
        os.close(file)
    skipped = after - after // EVERY * EVERY
    return content.split(b"\n")[skipped : skipped + last - after]
