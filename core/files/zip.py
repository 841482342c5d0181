"""A run's folder as a zip file, created while it is sent."""

import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

LEFT_OUT = (
    "heartbeat.json",
    "control.json",
    "job.json",
)  # private: the worker and the client
CHUNK = 2**18


class _Pipe:
    """The sink of zipfile: it can be emptied, but not rewound."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        """Append bytes."""
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Nothing to do."""

    def take(self) -> bytes:
        """The bytes written since the last call."""
        content = b"".join(self._parts)
        self._parts.clear()
        return content


def files_of(path: Path) -> list[Path]:
    """The public files of a run in order: nothing hidden, and nothing of the queue."""
    files = (file for file in path.rglob("*") if file.is_file() and not file.is_symlink())
    names = {file: file.relative_to(path).parts for file in files}
    return sorted(
        file
        for file, parts in names.items()
        if not any(part.startswith(".") for part in parts) and parts[0] not in LEFT_OUT
    )


def zipped(path: Path) -> Iterator[bytes]:
    """The zip file of a run's folder in parts, with all files under the run's name. Only one part is in memory at a time.

    A file that disappears in the meantime is left out.
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
