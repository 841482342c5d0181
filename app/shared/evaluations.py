"""The evaluations stored with a run. Each file is read again only when it has changed."""

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
    """When each file was last written; 0 if it does not exist."""
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)


@functools.lru_cache(maxsize=64)
def _read(path: Path, schema: type[Any], stamp: tuple[int, ...]) -> Any:
    return read_json(path, schema)


def kept(path: Path, schema: type[Model]) -> Model | None:
    """The content of a file; None if it does not exist.

    Raises:
        InputError: it is damaged.
    """
    if not path.exists():
        return None
    content: Model = _read(path, schema, modified(path))
    return content


def stored(run: Run) -> Evaluation | None:
    """The stored held-out comparison of a run; None if there is none."""
    return kept(run.path / "evaluation.json", Evaluation)


def evaluation_of(run: Run) -> Evaluation:
    """The stored held-out comparison of a run.

    Raises:
        InputError: there is none, or it is damaged.
    """
    evaluation = stored(run)
    if evaluation is None:
        raise InputError(f"{run.name} has not been evaluated yet (loptscope evaluate --run {run.name} --save)")
    return evaluation
