"""Atomic file writing (to a temporary name, then renamed), and checked reading.

Nothing is unpickled: arrays are safetensors, everything else is JSON that is checked against a schema.
"""

import fcntl
import json
import math
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, final

import numpy as np
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from core.errors import InputError, sentence
from core.files.plain import opened, read_plain

if TYPE_CHECKING:
    from torch import Tensor

Model = TypeVar("Model", bound=BaseModel)
Stamp = tuple[tuple[int, int, int], ...]
LARGEST_JSON = 4 * 2**20  # bytes; the largest file that is written has a fifth of it
LARGEST_TENSORS = 256 * 2**20  # bytes
MOST_TENSORS = 1000  # in a safetensors file
HEADER_BYTES = 400  # of a safetensors file's header for each tensor, at most
SETTLED = 3  # seconds after which a change of a file shows in its time


@final
class ShapesError(InputError):
    """A file contains other tensors than expected."""


def data_folder(package: Path, name: str) -> Path:
    """A folder of files that ship with a package: inside an installed package, beside it in a checkout.

    Args:
        package: the package's own folder.
        name: of the folder.
    """
    installed = package / "data" / name
    return installed if installed.is_dir() else package.parent / name


def write_bytes(path: Path, content: bytes, *, parents: bool = True) -> None:
    """Write a file so that it always has either its complete old content or its complete new content.

    Args:
        path: the file.
        content: of the file.
        parents: whether to make its folder, if that is missing.

    Raises:
        FileNotFoundError: its folder is missing, and is not to be made.
    """
    if parents:
        path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def locked(path: Path, *, parents: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on a file, which is created if necessary.

    Args:
        path: the file.
        parents: whether to make its folder, if that is missing.

    Raises:
        FileNotFoundError: its folder is missing, and is not to be made.
    """
    if parents:
        path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def stamp(folder: Path, names: Iterable[str]) -> Stamp:
    """A value that changes when one of some files in a folder changes, appears or disappears: time, inode and size of each, zeros if missing."""
    files, beginning = [], f"{folder}/"
    for name in names:
        try:
            file = os.stat(beginning + name)  # noqa: PTH116 - for thousands of runs, making a Path would take most of the time
            files.append((file.st_mtime_ns, file.st_ino, file.st_size))
        except OSError:
            files.append((0, 0, 0))
    return tuple(files)


def is_settled(state: Stamp) -> bool:
    """Whether the files are old enough that any change would show in their stamp."""
    return time.time_ns() - max(written for written, _, _ in state) > SETTLED * 10**9


def folder_bytes(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def write_json(path: Path, content: BaseModel | Mapping[str, Any], *, parents: bool = True) -> None:
    """Write JSON (numbers must be finite: JSON has no NaN); ``parents`` as for `write_bytes`."""
    plain = content.model_dump(mode="json") if isinstance(content, BaseModel) else content
    write_bytes(path, (json.dumps(plain, indent=1, allow_nan=False) + "\n").encode(), parents=parents)


def read_json(path: Path, schema: type[Model], most: int = LARGEST_JSON) -> Model:
    """Read JSON and check it.

    Args:
        path: the file.
        schema: what it must match; every number must be finite.
        most: largest size in bytes.

    Raises:
        InputError: the file is missing, is not a plain file, is too large, is not JSON, or does not match the schema.
    """
    try:
        content = read_plain(path, most)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    return parse_json(content, schema, str(path))


def parse_json(content: bytes, schema: type[Model], name: str) -> Model:
    """JSON as a checked model.

    Args:
        content: the JSON; NaN and Infinity, which JSON lacks, are refused wherever they are.
        schema: what it must match.
        name: of the file, for the message.

    Raises:
        InputError: it is not JSON, or does not match the schema.
    """
    wrong = f"{name} is damaged or not a {schema.__name__} file"
    try:
        finite_json(content)
        return schema.model_validate_json(content)
    except ValidationError as error:
        raise InputError(f"{wrong}: {sentence(error, quote=False)}") from None
    except (ValueError, RecursionError, OverflowError):
        raise InputError(f"{wrong}: it is not JSON, or contains a number that is not finite") from None


def finite_json(content: bytes) -> Any:
    """Parsed JSON, in which every number is finite.

    Raises:
        ValueError: it is not JSON, or a number is not finite: NaN, Infinity, or one that overflows such as 1e999.
    """
    value = from_json(content, allow_inf_nan=False)
    if not _all_finite(value):
        raise ValueError("a number is not finite")
    return value


def _all_finite(value: Any) -> bool:
    """Whether every number in parsed JSON is finite: one such as 1e999 overflows."""
    open_ = [value]
    while open_:
        item = open_.pop()
        if isinstance(item, dict):
            open_.extend(item.values())
        elif isinstance(item, list):
            open_.extend(item)
        elif isinstance(item, float) and not math.isfinite(item):
            return False
    return True


def write_tensors(path: Path, tensors: Mapping[str, "Tensor"], metadata: Mapping[str, str]) -> None:
    """Write tensors as safetensors, with string metadata in the header."""
    import safetensors.torch  # loads torch

    contiguous = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    write_bytes(path, safetensors.torch.save(contiguous, dict(metadata)))


def read_tensors(
    path: Path,
    kind: str,
    shapes: Mapping[str, Sequence[int]] | None = None,
    most: int = LARGEST_TENSORS,
    names: int = MOST_TENSORS,
) -> tuple[dict[str, "Tensor"], dict[str, str]]:
    """Tensors and metadata of a safetensors file whose metadata says ``format: kind``.

    Args:
        path: the file; its header is checked before its tensors are read.
        kind: the format.
        shapes: names and shapes that it must have; None if they are checked later.
        most: largest size in bytes.
        names: largest number of tensors.

    Raises:
        InputError: the file is missing, is not a plain file, is too large, is not safetensors, or has another format.
        ShapesError: it has other tensors.
    """
    import safetensors.torch

    content, header = _read_checked(path, kind, shapes, most, names)
    try:
        return safetensors.torch.load(content), header.metadata
    except safetensors.SafetensorError:
        raise InputError(_damaged(path)) from None


def read_floats(path: Path, kind: str, shapes: Mapping[str, Sequence[int]], most: int = LARGEST_TENSORS) -> np.ndarray:
    """All numbers of a safetensors file of float32 tensors, one after the other.

    Args:
        path, kind, shapes, most: as for `read_tensors`.

    Raises:
        InputError, ShapesError: as for `read_tensors`, or it has tensors of other types.
    """
    content, header = _read_checked(path, kind, shapes, most, MOST_TENSORS)
    if set(header.dtypes.values()) != {"F32"}:
        raise InputError(f"{path} is damaged: it must contain float32 numbers")
    try:
        return np.frombuffer(content, "<f4", offset=8 + int.from_bytes(content[:8], "little"))
    except ValueError:
        raise InputError(_damaged(path)) from None


def _damaged(path: Path) -> str:
    return f"{path} is damaged or not a safetensors file"


def _read_checked(
    path: Path, kind: str, shapes: Mapping[str, Sequence[int]] | None, most: int, names: int
) -> tuple[bytes, "Header"]:
    """The content of a safetensors file and its header, which is checked before the rest is read."""
    damaged = _damaged(path)
    try:
        with opened(path, most) as (handle, state):
            length = int.from_bytes(os.pread(handle, 8, 0), "little")
            if length > min(names * HEADER_BYTES, state.st_size - 8):
                raise InputError(f"{damaged}: its header is too long")
            header = parse_header(os.pread(handle, 8 + length, 0), state.st_size, names, damaged)
            if header.metadata.get("format") != kind:
                raise InputError(f"{path} is of another program or another format: it must be {kind!r}")
            if shapes is not None and header.shapes != {name: tuple(shape) for name, shape in shapes.items()}:
                raise ShapesError(f"{path} must contain {', '.join(shapes)}, each with its shape, and nothing else")
            with os.fdopen(os.dup(handle), "rb") as file:
                return file.read(state.st_size), header
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except OSError:
        raise InputError(damaged) from None


@dataclass(frozen=True)
class Header:
    """The header of a safetensors file: its metadata, and shapes and types of its tensors by name."""

    metadata: dict[str, str]
    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, str]


def parse_header(content: bytes, size: int, names: int, damaged: str) -> Header:
    """Check the header of a safetensors file.

    Args:
        content: the beginning of the file, with the whole header.
        size: of the whole file, in bytes.
        names: largest number of tensors.
        damaged: the message if it is none.

    Raises:
        InputError: it is no safetensors file, or has too many tensors.
    """
    try:
        length = int.from_bytes(content[:8], "little")
        if len(content) < 8 or length > len(content) - 8:
            raise ValueError
        header = json.loads(content[8 : 8 + length])
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError
        if len(header) > names:
            raise InputError(f"{damaged}: it has {len(header):,} tensors, and at most {names:,} are read")
        shapes = {name: tuple(about["shape"]) for name, about in header.items()}
        dtypes = {name: about["dtype"] for name, about in header.items()}
        ends = [about["data_offsets"][1] for about in header.values()]
        if not all(type(number) is int for shape in shapes.values() for number in shape):
            raise ValueError
        if max(ends, default=0) != size - 8 - length or not all(isinstance(kind, str) for kind in dtypes.values()):
            raise ValueError
    except InputError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise InputError(damaged) from None
    return Header(metadata, shapes, dtypes)
