"""Sweeps: runs of every combination of some settings."""

import itertools
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.jobs.job import Job
from core.jobs.limits import Limits
from core.jobs.queue import check_room, submit, withdraw
from core.runs.options import OPTIONS, from_options

MOST_RUNS = 1000


def sweep(
    settings: Mapping[str, Any],
    axes: Mapping[str, Sequence[Any]],
    *,
    root: Path | None = None,
    limits: Limits | None = None,
    client: str = "",
) -> tuple[str, list[Job]]:
    """Queue every combination of some settings' values.

    Args:
        settings: settings of all runs, by the names of ``train``'s options.
        axes: values by the name of the setting, as in ``{"seed": [0, 1], "units": [16, 32]}``.
        root: the folder of runs.
        limits: the limits; by default those of the environment.
        client: address of the client.

    Returns:
        the sweep's name, and its runs.

    Raises:
        InputError: a combination is invalid, or a limit is reached; nothing is left behind.
    """
    limits = limits or Limits.from_environment()
    for name, values in axes.items():
        if name not in OPTIONS:
            raise InputError(f"{name[:40]!r} is not a known setting: choose from {', '.join(OPTIONS)}")
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise InputError(f"{name} must be a list with at least one value (got {values!r:.40})")
    count = 1
    for values in axes.values():
        count *= len(values)
    if not axes or count > MOST_RUNS:
        raise InputError(f"a sweep must have 1 to {MOST_RUNS} runs (got {count if axes else 0})")
    combinations = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    configs = [from_options({**settings, **chosen}, strict=True) for chosen in combinations]
    for config in {config.model_copy(update={"seed": 0}).model_dump_json(): config for config in configs}.values():
        limits.check(config)  # it draws problems, so once for all seeds
    check_room(len(combinations), limits, client, root)
    name = f"sweep-{secrets.token_hex(3)}"
    queued: list[Job] = []
    try:
        for chosen in combinations:
            queued.append(submit({**settings, **chosen}, root=root, limits=limits, client=client, sweep=name))  # noqa: PERF401 - needed to undo a partial sweep
    except (InputError, OSError):
        for job in queued:
            withdraw(job)
        raise
    return name, queued
