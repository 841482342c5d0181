"""The HTTP interface to outer trainings: submit, watch, pause, stop, cancel. Whatever is not understood is a 4xx with one sentence."""

import threading
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.shared.http import RefusalError, guard, json_object, nothing
from core.jobs.broker import notify
from core.jobs.estimate import estimate
from core.jobs.job import Job
from core.jobs.limits import Limits
from core.jobs.queue import ask, find, list_jobs, reorder, restart, resume, submit
from core.jobs.sweep import sweep
from core.jobs.views import describe, describe_all, happened
from core.runs.options import from_options
from core.runs.states import REQUESTS
from core.runs.trash import move_to_trash

jobs = Blueprint("jobs", __name__)

guard(jobs)

_estimates = threading.BoundedSemaphore(3)  # one is measured, two wait for it


def _settings(found: dict[str, Any], name: str) -> dict[str, Any]:
    inner = found.get(name, {})
    if not isinstance(inner, dict):
        raise RefusalError(400, f"{name} must be a JSON object of settings by name")
    return inner


def _whole(found: dict[str, Any], name: str) -> int | None:
    value = found.get(name)
    if value is not None and (type(value) is not int or not 0 <= value <= 10**9):
        raise RefusalError(400, f"{name} must be a whole number from 0 on")
    return value


def _client() -> str:
    return request.remote_addr or ""


def _answer(job: Job, status: int = 200) -> Response:
    response = jsonify(describe(job))
    response.status_code = status
    if status == 201:
        response.headers["Location"] = f"/api/jobs/{job.name}"
    return response


@jobs.post("/api/jobs")
def create() -> Response:
    """Queue a run; the body holds the names of ``train``'s options."""
    job = submit(json_object(), client=_client())
    notify()
    return _answer(job, 201)


@jobs.get("/api/jobs")
def listing() -> Response:
    """All runs, the queue's order, and how many workers there are; of one sweep with ``?sweep=NAME``."""
    return jsonify(describe_all(list_jobs(), sweep=request.args.get("sweep")))


@jobs.get("/api/jobs/<name>")
def one(name: str) -> Response:
    """One run."""
    return _answer(find(name))


@jobs.get("/api/jobs/<name>/events")
def events_of(name: str) -> Response:
    """What happened after the event with that sequence number."""
    text = request.args.get("after", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise RefusalError(400, "after must be a sequence number, 0 for all events")
    return jsonify(happened(find(name), int(text)))


@jobs.delete("/api/jobs/<name>")
def delete(name: str) -> Response:
    """Move a run that is over, or paused, into the bin."""
    return _delete(name)


@jobs.post("/api/jobs/<name>/<action>")
def act(name: str, action: str) -> Response:
    """Ask something of a run."""
    actions: dict[str, Callable[[str], Response]] = {
        **dict.fromkeys(REQUESTS, lambda name: _wish(name, action)),
        "delete": _delete,
        "resume": _resume,
        "reorder": _reorder,
        "restart": _restart,
    }
    if action not in actions:
        raise RefusalError(404, f"there is no {action[:40]!r}: choose one of {', '.join(actions)}")
    return actions[action](name)


def _wish(name: str, wish: Any) -> Response:
    nothing()
    job = find(name)
    ask(job, wish)
    return _answer(job)


def _delete(name: str) -> Response:
    nothing()
    return jsonify({"id": name, "bin": move_to_trash(find(name).path)})


def _resume(name: str) -> Response:
    nothing()
    job = find(name)
    resume(job)
    notify()
    return _answer(job)


def _reorder(name: str) -> Response:
    place = _whole(json_object("place"), "place")
    if place is None:
        raise RefusalError(400, "place is missing: 0 is the next one to run")
    job = find(name)
    reorder(job, place)
    return _answer(find(name))


def _restart(name: str) -> Response:
    found = json_object("outer_step", "settings", needed=False)
    made = restart(find(name), _whole(found, "outer_step"), _settings(found, "settings"), client=_client())
    notify()
    return _answer(made, 201)


@jobs.post("/api/sweeps")
def create_sweep() -> Response:
    """Queue every combination of the values in ``axes``, with the settings that all share in ``settings``."""
    found = json_object("settings", "axes")
    name, made = sweep(_settings(found, "settings"), _settings(found, "axes"), client=_client())
    for _ in made:
        notify()
    response = jsonify({"sweep": name, "jobs": [job.name for job in made]})
    response.status_code = 201
    return response


@jobs.post("/api/estimate")
def create_estimate() -> Response:
    """How long a run of these settings would take on this machine, measured; the body is as for a run."""
    config = from_options(json_object(), strict=True)
    Limits.from_environment().check(config)
    if not _estimates.acquire(blocking=False):
        raise RefusalError(429, "other estimates are being measured: ask again in a moment")
    try:
        return jsonify(estimate(config).model_dump())
    finally:
        _estimates.release()
