"""The HTTP interface to outer trainings: submit, watch, pause, stop, cancel. Whatever is not understood is a 4xx with one sentence."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge

from core.errors import InputError
from core.estimate import estimate
from core.jobs.broker import notify
from core.jobs.limits import Limits, TooManyError
from core.jobs.queue import ConflictError, UnknownJobError, ask, find, records, reorder, restart, resume, submit
from core.jobs.record import WISHES, Record
from core.jobs.sweep import sweep
from core.jobs.views import describe, describe_all, happened
from core.outer.options import from_options
from core.outer.trainer import FULL

jobs = Blueprint("jobs", __name__)

LARGEST_BODY = 64 * 1024
DRAIN = 2**28, 5.0  # bytes and seconds at most
_estimates = threading.BoundedSemaphore(3)  # one is measured, two wait for it
SAFE = ("GET", "HEAD", "OPTIONS")


class RefusalError(Exception):
    """What is answered instead: a status and one sentence."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status


def _refuse(status: int, sentence: str) -> Response:
    response = jsonify({"error": " ".join(sentence.split())[:400]})
    response.status_code = status
    return response


@jobs.before_request
def only_from_here() -> Response | None:
    """Another site's page must not act in a visitor's name; and no request needs a large body."""
    request.max_content_length = LARGEST_BODY
    if request.method in SAFE:
        return None
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site")
    foreign = site not in (None, "same-origin", "none") or (
        origin is not None and urlsplit(origin).netloc != request.host
    )
    return _refuse(403, "runs can be changed only from this dashboard's own pages") if foreign else None


@jobs.errorhandler(UnknownJobError)
def _unknown(error: UnknownJobError) -> Response:
    return _refuse(404, str(error))


@jobs.errorhandler(ConflictError)
def _conflict(error: ConflictError) -> Response:
    return _refuse(409, str(error))


@jobs.errorhandler(TooManyError)
def _too_many(error: TooManyError) -> Response:
    return _refuse(429, str(error))


@jobs.errorhandler(InputError)
def _wrong(error: InputError) -> Response:
    return _refuse(400, str(error))


@jobs.errorhandler(RefusalError)
def _refused(error: RefusalError) -> Response:
    return _refuse(error.status, str(error))


@jobs.errorhandler(RequestEntityTooLarge)
def _too_large(error: RequestEntityTooLarge) -> Response:
    _drain()
    return _refuse(413, f"the body must be at most {LARGEST_BODY} bytes")


def _drain() -> None:
    """Take in what is still being sent, within reason: most clients look for an answer only when they have sent everything."""
    stream, until, left = request.environ["wsgi.input"], time.monotonic() + DRAIN[1], DRAIN[0]
    while left > 0 and time.monotonic() < until:
        part = stream.read(min(left, 2**18))
        if not part:
            return
        left -= len(part)


@jobs.errorhandler(HTTPException)
def _http(error: HTTPException) -> Response:
    return _refuse(error.code or 400, f"{request.method} {request.path[:80]}: {error.name}")


@jobs.errorhandler(OSError)
def _unwritable(error: OSError) -> Response:
    if error.errno in FULL:
        return _refuse(507, "the disk is full: nothing can be kept until there is room")
    raise error


def _object(*names: str, needed: bool = True) -> dict[str, Any]:
    """The JSON object in the body, with no other names than these (any if none are given); {} where it may be absent."""
    try:
        body = request.get_data(cache=False)
    except BadRequest:
        raise RefusalError(400, "the body broke off") from None
    if not body and not needed:
        return {}
    if request.mimetype != "application/json":
        raise RefusalError(415, "the body must be JSON, with Content-Type: application/json")
    try:
        found = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise RefusalError(400, "the body is not JSON") from None
    if not isinstance(found, dict):
        raise RefusalError(400, "the body must be a JSON object of settings by name")
    for name in found:
        if names and name not in names:
            raise RefusalError(400, f"{name[:40]!r} is not known here: choose from {', '.join(names)}")
    return found


def _nothing() -> None:
    if _object(needed=False):
        raise RefusalError(400, "this takes no settings: leave the body empty")


def _no_constant(text: str) -> None:
    raise ValueError(text)


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


def _answer(record: Record, status: int = 200) -> Response:
    response = jsonify(describe(record))
    response.status_code = status
    if status == 201:
        response.headers["Location"] = f"/api/jobs/{record.name}"
    return response


@jobs.post("/api/jobs")
def create() -> Response:
    """Queue a run; the body holds the names of ``train``'s options."""
    record = submit(_object(), client=_client())
    notify()
    return _answer(record, 201)


@jobs.get("/api/jobs")
def listing() -> Response:
    """All runs, the queue's order, and how many workers there are; of one sweep with ``?sweep=NAME``."""
    return jsonify(describe_all(records(), sweep=request.args.get("sweep")))


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
    """Cancel a run and remove all it kept."""
    return _wish(name, "delete")


@jobs.post("/api/jobs/<name>/<action>")
def act(name: str, action: str) -> Response:
    """Ask something of a run."""
    actions: dict[str, Callable[[str], Response]] = {
        **dict.fromkeys(WISHES, lambda name: _wish(name, action)),
        "resume": _resume,
        "reorder": _reorder,
        "restart": _restart,
    }
    if action not in actions:
        raise RefusalError(404, f"there is no {action[:40]!r}: choose one of {', '.join(actions)}")
    return actions[action](name)


def _wish(name: str, wish: Any) -> Response:
    _nothing()
    record = find(name)
    ask(record, wish)
    if wish == "delete":
        return jsonify({"id": name, "deleted": not record.path.exists()})
    return _answer(record)


def _resume(name: str) -> Response:
    _nothing()
    record = find(name)
    resume(record)
    notify()
    return _answer(record)


def _reorder(name: str) -> Response:
    place = _whole(_object("place"), "place")
    if place is None:
        raise RefusalError(400, "place is missing: 0 is the next one to run")
    record = find(name)
    reorder(record, place)
    return _answer(find(name))


def _restart(name: str) -> Response:
    found = _object("outer_step", "settings", needed=False)
    made = restart(find(name), _whole(found, "outer_step"), _settings(found, "settings"), client=_client())
    notify()
    return _answer(made, 201)


@jobs.post("/api/sweeps")
def create_sweep() -> Response:
    """Queue every combination of the values in ``axes``, with the settings that all share in ``settings``."""
    found = _object("settings", "axes")
    name, made = sweep(_settings(found, "settings"), _settings(found, "axes"), client=_client())
    for _ in made:
        notify()
    response = jsonify({"sweep": name, "jobs": [record.name for record in made]})
    response.status_code = 201
    return response


@jobs.post("/api/estimate")
def create_estimate() -> Response:
    """How long a run of these settings would take on this machine, measured; the body is as for a run."""
    config = from_options(_object(), strict=True)
    Limits.from_environment().check(config)
    if not _estimates.acquire(blocking=False):
        raise RefusalError(429, "other estimates are being measured: ask again in a moment")
    try:
        return jsonify(estimate(config).model_dump())
    finally:
        _estimates.release()
