"""Jobs as plain JSON for the dashboard and other programs."""

import functools
import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

from core.errors import InputError
from core.files.atomic import Stamp, is_settled, stamp
from core.jobs.broker import SEEN_WITHIN, workers_present
from core.jobs.job import Job, events
from core.jobs.queue import waiting
from core.runs.label import LABEL_FILE, read_label
from core.runs.lock import HEARTBEAT
from core.runs.options import command_of, to_options
from core.runs.run import OuterStep, Status
from core.runs.states import STATES

MOST_EVENTS = 500
MOST_POINTS = 5000  # approximate number of points of the curve in one answer
FILES = ("outer_loss.csv", "snapshots", LABEL_FILE)  # besides those that `list_jobs` checks
PAGE = 200  # jobs that are over in one answer
OVERLAP = 3000  # milliseconds that two answers overlap, since a change may show a little later
RECENT = 20  # outer steps used to compute the speed


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _points(steps: list[OuterStep]) -> dict[str, list[Any]]:
    """Columns; None for numbers that are not finite, which JSON lacks."""
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
    """Outer steps per second over the most recent ones."""
    if len(steps) < 2 or steps[-1].seconds <= steps[0].seconds:
        return None
    return _finite((steps[-1].outer_step - steps[0].outer_step) / (steps[-1].seconds - steps[0].seconds))


def _beating(job: Job) -> bool:
    try:
        return time.time() - (job.path / HEARTBEAT).stat().st_mtime < SEEN_WITHIN
    except OSError:
        return False


def describe(job: Job) -> dict[str, Any]:
    """One job; its position in the queue is only in `describe_all`."""
    status = job.status()
    recent: list[OuterStep] = []
    if status.state != "queued":
        try:
            recent = job.run.outer_losses(max(0, status.outer_step - RECENT))
        except InputError:  # reported when the curve is requested
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
    left = _finite((live.outer_steps - live.outer_step) / speed) if speed else None
    config = job.run.config
    return {
        "id": job.name,
        "title": read_label(job.path).title,
        **live.model_dump(),
        "requested": job.pending_request(),
        "worker_alive": status.state == "running" and _beating(job),
        "meta_loss": None if latest is None else _finite(latest.meta_loss),
        "steps_per_second": speed,
        "seconds_left": left if status.state == "running" else None,
        "submitted": job.info.submitted,
        "sweep": job.info.sweep,
        "start": None if config.start is None else config.start.model_dump(),
        "snapshots": job.run.snapshots(),
        "settings": to_options(config),
        "command": command_of(config, f"runs/{job.name}"),
    }


@functools.lru_cache(maxsize=8192)
def _described(job: Job, state: Stamp) -> dict[str, Any]:
    """A job without a worker. `list_jobs` returns the same object while its files are unchanged; ``state`` (of its other files) is
    only part of the cache key."""
    return describe(job)


def _listed(job: Job, status: Status, queue: Mapping[str, int]) -> dict[str, Any]:
    state = stamp(job.path, FILES)
    known = _described(job, state) if status.state != "running" and is_settled(state) else describe(job)
    place = queue.get(job.name) if status.state == "queued" else None
    return {**known, "requested": job.pending_request(), "place": place}


def describe_all(
    listed: Iterable[tuple[Job, Status]],
    sweep: str | None = None,
    *,
    after: int | None = None,
    skip: int = 0,
    most: int = PAGE,
) -> dict[str, Any]:
    """Jobs in the order of submission, the queue, and the number of workers present.

    Args:
        listed: all jobs.
        sweep: only the runs of this sweep, all of them.
        after: "next" of an earlier answer: only jobs that are not over, and those that have changed since.
        skip: jobs that are over to leave out, the last submitted first.
        most: jobs that are over to list.

    Returns:
        "jobs"; "total", how many there are in all; "more", whether older ones are left out; "next", for ``after``;
        "queue" and "workers".
    """
    known = list(listed)
    queue = [job.name for job in waiting(known)]
    places = {name: place for place, name in enumerate(queue)}
    if sweep is not None:
        chosen = [(job, status) for job, status in known if job.info.sweep == sweep]
        over = changes = 0
    else:
        active = [pair for pair in known if not STATES[pair[1].state].over]
        ended = [pair for pair in known if STATES[pair[1].state].over]
        over, changes = len(ended), max((_changed(job) for job, _ in ended), default=0)
        if after is not None:
            ended = [pair for pair in ended if _changed(pair[0]) > after - OVERLAP]
        end = len(ended) - (0 if after is not None else skip)
        chosen = sorted(
            [*active, *ended[max(0, end - most) : max(0, end)]],
            key=lambda pair: (pair[0].info.submitted, pair[0].name),
        )
    shown = []
    for job, status in chosen:
        try:
            shown.append(_listed(job, status, places))
        except (InputError, OSError):  # deleted in the meantime
            continue
    return {
        "jobs": shown,
        "total": len(chosen) if sweep is not None else len(known),
        "more": sweep is None and after is None and over > skip + most,
        "next": max(changes, after or 0),
        "queue": queue,
        "workers": workers_present(),
    }


def _changed(job: Job) -> int:
    """When a file of a job was last written, in milliseconds since 1970; files are replaced, which changes the folder."""
    try:
        return job.path.stat().st_mtime_ns // 10**6
    except OSError:
        return 0


def happened(job: Job, after: int) -> dict[str, Any]:
    """Events after a sequence number; those of kind "steps" come with the points of the outer training curve.

    Raises:
        InputError: the curve is damaged.
    """
    state = job.status().state  # read before the events, so that an answer with a new state also has its event
    read, last = events(job.path, after, MOST_EVENTS)
    answered: list[dict[str, Any]] = []
    points = 0
    for event in read:
        if event.get("kind") == "steps":
            if points > MOST_POINTS:
                last = event["seq"] - 1
                break
            part = job.run.outer_losses(event["first"] - 1, event["last"] - event["first"] + 1)
            points += len(part)
            event = {**event, "points": _points(part)}
        answered.append(event)
    more = bool(events(job.path, last, 1)[0])
    return {"events": answered, "next": last, "more": more, "state": state}
