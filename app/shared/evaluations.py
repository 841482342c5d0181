"""What is kept with a run of how well it does, read once for each change of its files."""

import functools
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from core.errors import InputError
from core.evaluation.held_out import Evaluation
from core.files.atomic import read_json
from core.runs.run import Run

Model = TypeVar("Model", bound=BaseModel)


def modified(*paths: Path) -> tuple[int, ...]:
    """When each file was last written; 0 for one that is not there."""
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)


@functools.lru_cache(maxsize=64)
def _read(path: Path, schema: type[Any], stamp: tuple[int, ...]) -> Any:
    return read_json(path, schema)


def kept(path: Path, schema: type[Model]) -> Model | None:
    """What a file holds; None if it is not there.

    Raises:
        InputError: it is damaged.
    """
    if not path.exists():
        return None
    found: Model = _read(path, schema, modified(path))
    return found


def evaluation_of(run: Run) -> Evaluation:
    """The kept held-out comparison of a run.

    Raises:
        InputError: there is none, or it is damaged.
    """
    found = kept(run.path / "evaluation.json", Evaluation)
    if found is None:
        raise InputError(f"{run.name} has not been evaluated yet (loptscope evaluate --run {run.name} --save)")
    return found
