"""What the Runs page knows of each run: what it differs in, its outer training curve, how good it is."""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import InputError
from core.files.atomic import Stamp, stamp
from core.jobs.job import events
from core.runs.options import OPTIONS, to_options
from core.runs.run import Run
from core.runs.states import State

MOST_POINTS = 400  # of a curve
LAST_SHARE = 0.1  # of the outer steps, whose median says where training has come to


@dataclass(frozen=True)
class RunSummary:
    """One run.

    Attributes:
        name: of the run.
        task: it trains on.
        settings: by the names of ``train``'s options.
        state: as in its status.
        outer_step: outer steps done, of outer_steps.
        outer_steps: wanted.
        curve: outer steps and running medians of the training meta-loss, [2, points]; NaN where not finite.
        training: median training meta-loss over the last tenth of the outer steps; None before the first.
        held_out: (mean, standard error) of the newest held-out evaluation while it trained; None where there is none.
        diverged: training problems whose meta-loss was not finite.
        skipped: outer steps skipped.
        seconds: spent training.
        snapshots: outer steps kept.
    """

    name: str
    task: str
    settings: dict[str, Any]
    state: State
    outer_step: int
    outer_steps: int
    curve: np.ndarray
    training: float | None
    held_out: tuple[float, float] | None
    diverged: int
    skipped: int
    seconds: float
    snapshots: tuple[int, ...]

    @property
    def level(self) -> float | None:
        """How good it is: held out where that was measured, else in training."""
        return self.held_out[0] if self.held_out is not None else self.training


def smoothed(losses: np.ndarray) -> np.ndarray:
    """Running medians of a curve [K], thinned: outer steps and values, [2, points].

    A value that is not finite counts as the largest there is; where the median itself is one, the curve has a gap.
    """
    count = len(losses)
    if count == 0:
        return np.empty((2, 0))
    half = int(np.clip(count // 80, 2, 100))
    filled = np.where(np.isfinite(losses), losses, np.inf)
    at = np.unique(np.linspace(0, count - 1, MOST_POINTS).round().astype(int))
    values = np.array([np.median(filled[max(0, i - half) : i + half + 1]) for i in at])
    return np.stack([at + 1.0, np.where(np.isfinite(values), values, np.nan)])


def _held_out(run: Run) -> tuple[float, float] | None:
    after, newest = 0, None
    while True:
        found, after_next = events(run.path, after, 5000)
        for event in found:
            if event.get("kind") == "evaluation" and event.get("meta_loss") is not None:
                newest = (float(event["meta_loss"]), float(event.get("sem") or 0.0))
        if after_next == after:
            return newest
        after = after_next


@functools.lru_cache(maxsize=1024)
def _told(run: Run, seen: Stamp) -> RunSummary:
    """What is known of a run; ``seen`` (of its files) is part of the key only."""
    status, settings = run.status(), to_options(run.config)
    losses = np.array([step.meta_loss for step in run.outer_losses()])
    last = losses[-max(1, round(LAST_SHARE * len(losses))) :] if len(losses) else losses
    level = float(np.median(np.where(np.isfinite(last), last, np.inf))) if len(last) else None
    return RunSummary(
        name=run.name,
        task=run.config.task,
        settings=settings,
        state=status.state,
        outer_step=max(status.outer_step, len(losses)),
        outer_steps=status.outer_steps,
        curve=smoothed(losses),
        training=level if level is not None and np.isfinite(level) else None,
        held_out=_held_out(run),
        diverged=status.diverged_problems,
        skipped=status.skipped_steps,
        seconds=status.seconds,
        snapshots=tuple(run.snapshots()),
    )


def summarize(runs: Sequence[Run]) -> list[RunSummary]:
    """All that can be read of some runs, in order; one that is gone or damaged is left out."""
    found = []
    for run in runs:
        try:
            found.append(_told(run, stamp(run.path, ("status.json", "outer_loss.csv", "events.jsonl"))))
        except (InputError, OSError):
            continue
    return found


def text_of(value: Any) -> str:
    """A setting's value in words."""
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)


def differences(told: Sequence[RunSummary]) -> dict[str, list[Any]]:
    """Settings in which runs differ, the seed last, each with its values in order."""
    found: dict[str, list[Any]] = {}
    for name in OPTIONS:
        values = {text_of(one.settings.get(name)): one.settings.get(name) for one in told}
        if len(values) > 1:
            found[name] = _sorted(list(values.values()))
    if "seed" in found:
        found["seed"] = found.pop("seed")
    return found


def compared_by(told: Sequence[RunSummary], axis: str) -> tuple[str, list[Any]]:
    """The setting that runs are compared by and its values: the one asked for, or else the first in which they differ.

    Args:
        told: the runs.
        axis: name of a setting.
    """
    differ = differences(told)
    chosen = axis if axis in differ else next(iter(differ), "")
    return chosen, differ.get(chosen, [])


def _sorted(values: list[Any]) -> list[Any]:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return sorted(numbers) + [value for value in values if value not in numbers]
