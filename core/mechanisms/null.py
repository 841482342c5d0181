"""Controls: what optimizers that were never trained show on the same instruments.

The null of a claim is its number for untrained optimizers of the same architecture (other initial seeds) on the same task. A claim
that lies within their 2.5th to 97.5th percentile says nothing of training. They are few: one more would lie outside in about one case of eight.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from core.errors import InputError
from core.files.atomic import read_json, write_json
from core.optimizers.recurrent import Architecture, RecurrentOptimizer
from core.seeds import Purpose, generator
from core.tasks.base import Task

if TYPE_CHECKING:
    from core.mechanisms.context import Context
    from core.mechanisms.measures import Measure

COUNT = 20
FIRST_SEED = 1_000_000  # of untrained optimizers: no run of one's own begins there
RANGE = (2.5, 97.5)  # percentiles


class Null(BaseModel):
    """The measures of untrained optimizers.

    Attributes:
        task: name of the task.
        task_parameters: of the task, where they differ from the defaults.
        architecture: of all of them.
        seeds: of their weights.
        floor: median size of their learning rates, in the optimizer's units.
        values: by claim, one a seed; None where it could not be told.
    """

    model_config = ConfigDict(extra="forbid")

    task: str
    task_parameters: dict[str, object] = {}
    architecture: Architecture
    seeds: list[int]
    floor: float
    values: dict[str, list[float | None]]

    @property
    def complete(self) -> bool:
        """Whether everything was measured: a null that was stored by an earlier version may lack a number."""
        from core.mechanisms.agreement import NAME
        from core.mechanisms.measures import MEASURES

        return {*MEASURES, NAME} <= set(self.values)

    def range_of(self, name: str) -> tuple[float, float, int] | None:
        """(low, high, how many) of the 95 % range of a claim; None if too few of them could be told."""
        known = [value for value in self.values.get(name, []) if value is not None]
        if len(known) < max(5, len(self.seeds) // 2):
            return None
        low, high = np.percentile(known, RANGE).tolist()
        return low, high, len(known)


def untrained(architecture: Architecture, seed: int) -> RecurrentOptimizer:
    """An optimizer with random weights, as outer training begins with them."""
    return RecurrentOptimizer(architecture, architecture.initial_theta(generator(Purpose.INITIALIZE, seed)))


def measure_null(
    architecture: Architecture,
    task: Task,
    count: int = COUNT,
    on_done: Callable[[int], None] | None = None,
    known: Null | None = None,
) -> Null:
    """Measure untrained optimizers.

    Args:
        architecture: of all of them.
        task: where their gradients come from.
        count: how many.
        on_done: told how many are done.
        known: what was measured of the same optimizers before, and need not be again.

    Raises:
        InputError: fewer than five.
    """
    from core.mechanisms.agreement import NAME, agreement
    from core.mechanisms.context import Context
    from core.mechanisms.measures import MEASURES, measured, typical_rate

    if count < 5:
        raise InputError(f"a null needs at least 5 untrained optimizers (got {count})")
    seeds = [FIRST_SEED + i for i in range(count)]
    contexts = [Context(untrained(architecture, seed), task) for seed in seeds]
    if known is not None and known.seeds == seeds:
        before, floor = known.values, known.floor
    else:
        before, floor = {}, float(np.median([typical_rate(context) for context in contexts]))
    measures: dict[str, Callable[[Context], Measure]] = {
        **{name: partial(measured, name, floor=floor) for name in MEASURES},
        NAME: partial(agreement, floor=floor),
    }
    wanted = [name for name in measures if name not in before]
    values: dict[str, list[float | None]] = {name: [] for name in wanted}
    for i, context in enumerate(contexts):
        for name in wanted:
            values[name].append(measures[name](context).value)
        contexts[i] = Context(context.optimizer, task)  # what was computed is let go
        if on_done is not None:
            on_done(i + 1)
    return Null(
        task=task.name,
        task_parameters=task.model_dump(mode="json", exclude_defaults=True),
        architecture=architecture,
        seeds=seeds,
        floor=floor,
        values={name: {**before, **values}[name] for name in measures},
    )


def null_name(architecture: Architecture, task: Task) -> str:
    """The file that a null is kept in, without its ending."""
    parts = [task.name, architecture.cell + str(architecture.units), architecture.features]
    if architecture.reset != "after":
        parts.append(f"reset-{architecture.reset}")
    if (architecture.feature_scale, architecture.output_scale) != (1.0, 1.0):
        parts.append(f"{architecture.feature_scale:g}-{architecture.output_scale:g}")
    return "-".join(parts)


def read_null(folder: Path, architecture: Architecture, task: Task) -> Null | None:
    """A null that was kept, if it is there and of this architecture and task.

    Raises:
        InputError: its file is damaged.
    """
    path = folder / f"{null_name(architecture, task)}.json"
    if not path.exists():
        return None
    null = read_json(path, Null)
    same = null.architecture == architecture and null.task_parameters == task.model_dump(
        mode="json", exclude_defaults=True
    )
    return null if same and null.task == task.name else None


def write_null(folder: Path, null: Null, task: Task) -> Path:
    """Keep a null; the file it lies in."""
    path = folder / f"{null_name(null.architecture, task)}.json"
    write_json(path, null)
    return path
