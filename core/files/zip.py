"""A run's whole folder as one zip file, made while it is sent."""

import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

LEFT_OUT = (
    "heartbeat.json",
    "control.json",
    "job.json",
)  # who works on it and who asked for it is nobody else's business
CHUNK = 2**18


class _Pipe:
    """What zipfile writes to: it can be emptied, and cannot be wound back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        """Take in some bytes."""
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Nothing to do."""

    def take(self) -> bytes:
        """All that was written since the last time."""
        found = b"".join(self._parts)
        self._parts.clear()
        return found


def files_of(path: Path) -> list[Path]:
    """The files of a run that anybody else can use, in order: nothing hidden, nothing of the queue."""
    found = (one for one in path.rglob("*") if one.is_file() and not one.is_symlink())
    names = {one: one.relative_to(path).parts for one in found}
    return sorted(
        one
        for one, parts in names.items()
        if not any(part.startswith(".") for part in parts) and parts[0] not in LEFT_OUT
    )


def zipped(path: Path) -> Iterator[bytes]:
    """The zip file of a run's folder, in parts: all its files under the run's name. No more than a part is held in memory.

    A file that goes away meanwhile is left out.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:  # type: ignore[call-overload]
        for file in files_of(path):
            with suppress(FileNotFoundError), file.open("rb") as source:
                about = zipfile.ZipInfo.from_file(
                    file, f"{path.name}/{file.relative_to(path)}", strict_timestamps=False
                )
                about.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(about, "w") as sink:
                    while part := source.read(CHUNK):
                        sink.write(part)
                        yield pipe.take()
    yield pipe.take()
