"""Summaries of runs for the Runs page: settings, outer training curve, performance."""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from app.shared.evaluations import stored
from core.errors import InputError
from core.files.atomic import Stamp, stamp
from core.jobs.job import events
from core.runs.options import OPTIONS, to_options
from core.runs.run import Run
from core.runs.states import State
from core.runs.zoo import EVALUATION_FILE

FILES = ("status.json", "outer_loss.csv", "events.jsonl", EVALUATION_FILE)  # what a summary is made of
MOST_POINTS = 400  # of a curve
LAST_SHARE = 0.1  # of the outer steps; their median is the current performance in training


@dataclass(frozen=True)
class RunSummary:
    """One run.

    Attributes:
        name: of the run.
        task: its task.
        settings: by the names of ``train``'s options.
        state: its state.
        outer_step: outer steps done.
        outer_steps: outer steps in total.
        training: median training meta-loss over the last tenth of the outer steps; None before the first.
        held_out: (mean, standard error) of the newest held-out evaluation while it trained, or where all runs that are compared have
            one, of that of the last snapshot; None if there is none.
        evaluated: (mean, standard error) of the stored evaluation of its last snapshot; None if there is none.
        diverged: training problems whose meta-loss was not finite.
        skipped: outer steps skipped.
        seconds: training time.
        snapshots: outer steps of its snapshots.
        queued: whether it went through the queue, so that the Train page knows it.
    """

    name: str
    task: str
    settings: dict[str, Any]
    state: State
    outer_step: int
    outer_steps: int
    training: float | None
    held_out: tuple[float, float] | None
    evaluated: tuple[float, float] | None
    diverged: int
    skipped: int
    seconds: float
    snapshots: tuple[int, ...]
    queued: bool

    @property
    def level(self) -> float | None:
        """Its performance: the held-out meta-loss if it was measured, otherwise the one in training."""
        return self.held_out[0] if self.held_out is not None else self.training


def smoothed(losses: np.ndarray, percent: int) -> np.ndarray:
    """Running medians of a curve [K], downsampled: outer steps and values, [2, points].

    Args:
        losses: of every outer step.
        percent: how much of the curve the median takes in, on either side; 0 for the curve itself.

    A value that is not finite counts as infinite; the curve has a gap where the median is infinite.
    """
    count = len(losses)
    if count == 0:
        return np.empty((2, 0))
    half = round(percent / 100 * count)
    filled = np.where(np.isfinite(losses), losses, np.inf)
    at = np.unique(np.linspace(0, count - 1, MOST_POINTS).round().astype(int))
    values = np.array([np.median(filled[max(0, i - half) : i + half + 1]) for i in at])
    return np.stack([at + 1.0, np.where(np.isfinite(values), values, np.nan)])


def _held_out(run: Run) -> tuple[float, float] | None:
    after, newest = 0, None
    while True:
        batch, after_next = events(run.path, after, 5000)
        for event in batch:
            if event.get("kind") == "evaluation" and event.get("meta_loss") is not None:
                newest = (float(event["meta_loss"]), float(event.get("sem") or 0.0))
        if after_next == after:
            return newest
        after = after_next


def _evaluated(run: Run) -> tuple[float, float] | None:
    evaluation, kept = stored(run), run.snapshots()
    if evaluation is None or not kept or evaluation.outer_step != kept[-1] or "learned" not in evaluation.optimizers:
        return None
    found = evaluation.optimizers["learned"].meta_loss
    return None if found.mean is None else (found.mean, found.sem or 0.0)


@functools.lru_cache(maxsize=1024)
def _summary(run: Run, state: Stamp) -> RunSummary:
    """A run's summary; ``state`` (of its files) is only part of the cache key."""
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
        training=level if level is not None and np.isfinite(level) else None,
        held_out=_held_out(run),
        evaluated=_evaluated(run),
        diverged=status.diverged_problems,
        skipped=status.skipped_steps,
        seconds=status.seconds,
        snapshots=tuple(run.snapshots()),
        queued=(run.path / "job.json").is_file(),
    )


def summarize(runs: Sequence[Run]) -> list[RunSummary]:
    """Summaries of runs in order, without runs that are deleted or damaged."""
    summaries = []
    for run in runs:
        try:
            summaries.append(_summary(run, stamp(run.path, FILES)))
        except (InputError, OSError):
            continue
    if all(summary.evaluated is not None for summary in summaries):  # on the same problems
        return [replace(summary, held_out=summary.evaluated) for summary in summaries]
    return summaries


@functools.lru_cache(maxsize=1024)
def _curve(run: Run, percent: int, state: Stamp) -> np.ndarray:
    """A run's curve; ``state`` (of its file) is only part of the cache key."""
    return smoothed(np.array([step.meta_loss for step in run.outer_losses()]), percent)


def curves_of(runs: Sequence[Run], percent: int) -> dict[str, np.ndarray]:
    """Outer training curves by name: outer steps and running medians of the training meta-loss, [2, points]; NaN where not finite."""
    found = {}
    for run in runs:
        try:
            found[run.name] = _curve(run, percent, stamp(run.path, ("outer_loss.csv",)))
        except (InputError, OSError):  # deleted, or damaged
            continue
    return found


def text_of(value: Any) -> str:
    """A setting's value as text."""
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value)


def differences(summaries: Sequence[RunSummary]) -> dict[str, list[Any]]:
    """Settings in which runs differ, each with its sorted values; the seed comes last."""
    differing: dict[str, list[Any]] = {}
    for name in OPTIONS:
        values = {text_of(run.settings.get(name)): run.settings.get(name) for run in summaries}
        if len(values) > 1:
            differing[name] = _sorted(list(values.values()))
    if "seed" in differing:
        differing["seed"] = differing.pop("seed")
    return differing


def compared_by(summaries: Sequence[RunSummary], axis: str) -> tuple[str, list[Any]]:
    """The setting that runs are compared by, and its values: the requested one, or the first in which they differ.

    Args:
        summaries: the runs.
        axis: name of a setting.
    """
    differ = differences(summaries)
    chosen = axis if axis in differ else next(iter(differ), "")
    return chosen, differ.get(chosen, [])


def _sorted(values: list[Any]) -> list[Any]:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return sorted(numbers) + [value for value in values if value not in numbers]
