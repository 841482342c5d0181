"""HTTP routes for outer trainings: submit, watch, pause, stop, cancel. An invalid request gets a 4xx status and a one-sentence error."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.pages.train.estimates import MEASURER
from app.shared.http import RefusalError, guard, json_object, nothing
from core.jobs.broker import notify
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


def _settings(sent: dict[str, Any], name: str) -> dict[str, Any]:
    inner = sent.get(name, {})
    if not isinstance(inner, dict):
        raise RefusalError(400, f"{name} must be a JSON object of settings by name")
    return inner


def _whole(sent: dict[str, Any], name: str) -> int | None:
    value = sent.get(name)
    if value is not None and (type(value) is not int or not 0 <= value <= 10**9):
        raise RefusalError(400, f"{name} must be a whole number of 0 or more")
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
    """Runs that are not over and the newest that are, the order of the queue, and the number of workers.

    ``?skip=200`` lists older ones, ``?after=NEXT`` only those that have changed since an earlier answer, ``?sweep=NAME`` a sweep's.
    """
    skip, most = _number("skip", 10**9) or 0, _number("most", 1000)
    return jsonify(
        describe_all(
            list_jobs(),
            sweep=request.args.get("sweep"),
            after=_number("after", 10**15),
            skip=skip,
            **({} if most is None else {"most": most}),
        )
    )


def _number(name: str, largest: int) -> int | None:
    """A whole number in the query; None without one."""
    text = request.args.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= largest):
        raise RefusalError(400, f"{name} must be a whole number from 0 to {largest}")
    return int(text)


@jobs.get("/api/jobs/<name>")
def one(name: str) -> Response:
    """One run."""
    return _answer(find(name))


@jobs.get("/api/jobs/<name>/events")
def events_of(name: str) -> Response:
    """The events after a sequence number."""
    return jsonify(happened(find(name), _number("after", 10**12) or 0))


@jobs.delete("/api/jobs/<name>")
def delete(name: str) -> Response:
    """Move a run that is over or paused to the trash."""
    return _delete(name)


@jobs.post("/api/jobs/<name>/<action>")
def act(name: str, action: str) -> Response:
    """Send a request to a run."""
    actions: dict[str, Callable[[str], Response]] = {
        **dict.fromkeys(REQUESTS, lambda name: _request(name, action)),
        "delete": _delete,
        "resume": _resume,
        "reorder": _reorder,
        "restart": _restart,
    }
    if action not in actions:
        raise RefusalError(404, f"unknown action {action[:40]!r}: choose one of {', '.join(actions)}")
    return actions[action](name)


def _request(name: str, requested: Any) -> Response:
    nothing()
    job = find(name)
    ask(job, requested)
    return _answer(job)


def _delete(name: str) -> Response:
    nothing()
    return jsonify({"id": name, "trash": move_to_trash(find(name).path)})


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
    sent = json_object("outer_step", "settings", needed=False)
    job = restart(find(name), _whole(sent, "outer_step"), _settings(sent, "settings"), client=_client())
    notify()
    return _answer(job, 201)


@jobs.post("/api/sweeps")
def create_sweep() -> Response:
    """Queue every combination of the values in ``axes``, with the settings that all share in ``settings``."""
    sent = json_object("settings", "axes")
    name, queued = sweep(_settings(sent, "settings"), _settings(sent, "axes"), client=_client())
    for _ in queued:
        notify()
    response = jsonify({"sweep": name, "jobs": [job.name for job in queued]})
    response.status_code = 201
    return response


@jobs.post("/api/estimate")
def create_estimate() -> Response:
    """A measured estimate of the training time on this machine; the body is that of a new run."""
    config = from_options(json_object(), strict=True)
    Limits.from_environment().check(config)
    return jsonify(MEASURER.estimate(config).model_dump())
