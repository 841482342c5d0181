"""Jobs as plain JSON: what the dashboard and other programs are told of them."""

import functools
import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

from core.errors import InputError
from core.files.atomic import Stamp, is_settled, stamp
from core.jobs.broker import SEEN_WITHIN, workers_present
from core.jobs.queue import waiting
from core.jobs.record import Record, events
from core.runs.label import LABEL_FILE, read_label
from core.runs.lock import HEARTBEAT
from core.runs.options import command_of, to_options
from core.runs.run import OuterStep, Status

MOST_EVENTS = 500
MOST_POINTS = 5000  # of the curve in one answer, about
FILES = ("outer_loss.csv", "snapshots", LABEL_FILE)  # beside those that `records` looks at
RECENT = 20  # outer steps that the speed is taken over


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _points(steps: list[OuterStep]) -> dict[str, list[Any]]:
    """Columns; None where a number is not finite, since JSON has none such."""
    return {
        "outer_step": [step.outer_step for step in steps],
        "meta_loss": [_finite(step.meta_loss) for step in steps],
        "gradient_norm": [_finite(step.gradient_norm) for step in steps],
        "learning_rate": [step.learning_rate for step in steps],
        "diverged_problems": [step.diverged_problems for step in steps],
        "skipped": [step.skipped for step in steps],
        "seconds": [step.seconds for step in steps],
    }


def _speed(steps: list[OuterStep]) -> float | None:
    """Outer steps a second over the last ones."""
    if len(steps) < 2 or steps[-1].seconds <= steps[0].seconds:
        return None
    return (steps[-1].outer_step - steps[0].outer_step) / (steps[-1].seconds - steps[0].seconds)


def _beating(record: Record) -> bool:
    try:
        return time.time() - (record.path / HEARTBEAT).stat().st_mtime < SEEN_WITHIN
    except OSError:
        return False


def describe(record: Record) -> dict[str, Any]:
    """One job; its place in the queue is only in `describe_all`."""
    status = record.status()
    recent: list[OuterStep] = []
    if status.state != "queued":
        try:
            recent = record.run.outer_losses(max(0, status.outer_step - RECENT))
        except InputError:  # said where the curve is asked for
            recent = []
    newer = [step for step in recent if step.outer_step > status.outer_step] if status.state == "running" else []
    latest = recent[-1] if recent else None
    live: Status = status
    if newer:
        live = status.model_copy(
            update={
                "outer_step": newer[-1].outer_step,
                "diverged_problems": status.diverged_problems + sum(step.diverged_problems for step in newer),
                "skipped_steps": status.skipped_steps + sum(step.skipped for step in newer),
                "seconds": newer[-1].seconds,
            }
        )
    speed = _speed(recent)
    left = (live.outer_steps - live.outer_step) / speed if speed else None
    config = record.run.config
    return {
        "id": record.name,
        "title": read_label(record.path).title,
        **live.model_dump(),
        "requested": record.pending_request(),
        "worker_alive": status.state == "running" and _beating(record),
        "meta_loss": None if latest is None else _finite(latest.meta_loss),
        "steps_per_second": speed,
        "seconds_left": left if status.state == "running" else None,
        "submitted": record.job.submitted,
        "sweep": record.job.sweep,
        "start": None if config.start is None else config.start.model_dump(),
        "snapshots": record.run.snapshots(),
        "settings": to_options(config),
        "command": command_of(config, f"runs/{record.name}"),
    }


@functools.lru_cache(maxsize=8192)
def _described(record: Record, found: Stamp) -> dict[str, Any]:
    """Of a run that nobody works on; a record that `records` gives again is the same as long as its files are, and ``found`` (of
    its other files) is part of the key only."""
    return describe(record)


def _listed(record: Record, status: Status, queue: Mapping[str, int]) -> dict[str, Any]:
    found = stamp(record.path, FILES)
    known = _described(record, found) if status.state != "running" and is_settled(found) else describe(record)
    place = queue.get(record.name) if status.state == "queued" else None
    return {**known, "requested": record.pending_request(), "place": place}


def describe_all(listed: Iterable[tuple[Record, Status]], sweep: str | None = None) -> dict[str, Any]:
    """All jobs in the order in which they were submitted, the queue, and the number of workers that are there."""
    known = list(listed)
    queue = [record.name for record in waiting(known)]
    places = {name: place for place, name in enumerate(queue)}
    shown = []
    for record, status in known:
        if sweep is not None and record.job.sweep != sweep:
            continue
        try:
            shown.append(_listed(record, status, places))
        except (InputError, OSError):  # deleted this moment
            continue
    return {"jobs": shown, "queue": queue, "workers": workers_present()}


def happened(record: Record, after: int) -> dict[str, Any]:
    """Events after a sequence number; those of kind "steps" come with the points of the outer training curve.

    Raises:
        InputError: the curve is damaged.
    """
    found, last = events(record.path, after, MOST_EVENTS)
    told: list[dict[str, Any]] = []
    points = 0
    for event in found:
        if event.get("kind") == "steps":
            if points > MOST_POINTS:
                last = event["seq"] - 1
                break
            part = record.run.outer_losses(event["first"] - 1, event["last"] - event["first"] + 1)
            points += len(part)
            event = {**event, "points": _points(part)}
        told.append(event)
    more = bool(events(record.path, last, 1)[0])
    return {"events": told, "next": last, "more": more, "state": record.status().state}
