"""Atomic file writing (to a temporary name, then renamed), and checked reading.

Nothing is unpickled: arrays are safetensors, everything else is JSON that is checked against a schema.
"""

import json
import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import safetensors.torch
from pydantic import BaseModel, ValidationError
from torch import Tensor

from core.errors import InputError, sentence

Model = TypeVar("Model", bound=BaseModel)
Stamp = tuple[tuple[int, int, int], ...]
SETTLED = 3  # seconds after which a change of a file shows in its time


def data_folder(package: Path, name: str) -> Path:
    """A folder of files that ship with a package: inside an installed package, beside it in a checkout.

    Args:
        package: the package's own folder.
        name: of the folder.
    """
    installed = package / "data" / name
    return installed if installed.is_dir() else package.parent / name


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that it always has either its complete old content or its complete new content."""
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


def stamp(folder: Path, names: Iterable[str]) -> Stamp:
    """A value that changes when one of some files in a folder changes, appears or disappears: time, inode and size of each, zeros if missing."""
    files = []
    for name in names:
        try:
            file = (folder / name).stat()
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


def write_json(path: Path, content: BaseModel | Mapping[str, Any]) -> None:
    """Write JSON (numbers must be finite: JSON has no NaN)."""
    plain = content.model_dump(mode="json") if isinstance(content, BaseModel) else content
    write_bytes(path, (json.dumps(plain, indent=1, allow_nan=False) + "\n").encode())


def read_json(path: Path, schema: type[Model]) -> Model:
    """Read JSON and check it.

    Raises:
        InputError: the file is missing, is not JSON, or does not match the schema.
    """
    try:
        return schema.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise InputError(f"{path} is damaged or not a {schema.__name__} file: {sentence(error)}") from None


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors as safetensors, with string metadata in the header."""
    contiguous = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    write_bytes(path, safetensors.torch.save(contiguous, dict(metadata)))


def read_tensors(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file whose metadata says ``format: kind``.

    Raises:
        InputError: the file is missing, is not safetensors, or has another format.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != kind:
                other = metadata.get("format", "a file of another program")
                raise InputError(f"{path} is {other!r}, not {kind!r}")
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(f"{path} is damaged or not a safetensors file: {error}") from None
