"""Checks for every route that changes something: same origin, small bodies, one-sentence errors."""

import errno
import json
import math
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from dash.exceptions import DashException
from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge

from app.compute.asker import SupersededError
from app.compute.child import EndedError
from app.compute.turns import GoneError
from core.errors import ConflictError, InputError, TooManyError, UnknownError

LARGEST_BODY = 64 * 1024
DRAIN = 2**28, 5.0  # bytes and seconds at most
FULL = (errno.ENOSPC, errno.EDQUOT)
SAFE = ("GET", "HEAD", "OPTIONS")
STATUSES: tuple[tuple[type[InputError], int], ...] = (
    (UnknownError, 404),
    (ConflictError, 409),
    (TooManyError, 429),
    (EndedError, 503),
    (InputError, 400),
)
# What code raises when it is given values that its callers never give it.
GIVEN = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError, DashException)


class RefusalError(Exception):
    """A refusal: a status and one sentence."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status


def refuse(status: int, sentence: str) -> Response:
    """A status and one sentence as JSON."""
    response = jsonify({"error": " ".join(sentence.split())[:400]})
    response.status_code = status
    return response


def answer(error: BaseException) -> Response | None:
    """The answer to an error that is the asker's, or nobody's; None for any other error."""
    if isinstance(error, RefusalError):
        return refuse(error.status, str(error))
    if isinstance(error, SupersededError | GoneError):
        return Response(status=204)  # for Dash: nothing changes; nobody else reads it
    if isinstance(error, OSError) and error.errno in FULL:
        return refuse(507, "the disk is full: free some space first")
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), None)
    if status is None:
        return None
    response = refuse(status, str(error))
    if isinstance(error, TooManyError):
        response.headers["Retry-After"] = str(math.ceil(error.after))
    return response


def foreign() -> bool:
    """Whether the request comes from another site's page."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    return site not in (None, "same-origin", "none") or (origin is not None and urlsplit(origin).netloc != request.host)


def guard(blueprint: Blueprint, largest: Callable[[], int] = lambda: LARGEST_BODY) -> None:
    """Check every request to a blueprint, and answer every error with one sentence.

    Args:
        blueprint: the part of the interface.
        largest: the limit on the current request's body, in bytes.
    """

    def only_from_here() -> Response | None:
        """Refuse requests from other sites' pages, which would act in the visitor's name; limit the body."""
        request.max_content_length = largest()
        return refuse(403, "this is only for the dashboard's own pages") if foreign() else None

    def too_large(error: RequestEntityTooLarge) -> Response:
        _drain()
        return refuse(413, f"the body must be at most {largest():,} bytes")

    def sentence_for(error: Exception) -> Response:
        found = answer(error)
        if found is None:
            raise error
        return found

    blueprint.before_request(only_from_here)
    for kind in (InputError, RefusalError, OSError):
        blueprint.register_error_handler(kind, sentence_for)
    blueprint.register_error_handler(RequestEntityTooLarge, too_large)
    blueprint.register_error_handler(
        HTTPException,
        lambda error: refuse(error.code or 400, f"{request.method} {request.path[:80]}: {error.name}"),
    )


def _drain() -> None:
    """Read the rest of the body, within limits: most clients read an answer only after they have sent everything."""
    stream, until, left = request.environ["wsgi.input"], time.monotonic() + DRAIN[1], DRAIN[0]
    while left > 0 and time.monotonic() < until:
        part = stream.read(min(left, 2**18))
        if not part:
            return
        left -= len(part)


def body() -> bytes:
    """The whole body."""
    try:
        return request.get_data(cache=False)
    except BadRequest:
        raise RefusalError(400, "the body is incomplete") from None


def json_object(*names: str, needed: bool = True) -> dict[str, Any]:
    """The JSON object in the body. It may only have these names (any, if none are given). {} if it may be absent and is."""
    content = body()
    if not content and not needed:
        return {}
    if request.mimetype != "application/json":
        raise RefusalError(415, "the body must be JSON, with Content-Type: application/json")
    try:
        settings = json.loads(content, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise RefusalError(400, "the body is not JSON") from None
    if not isinstance(settings, dict):
        raise RefusalError(400, "the body must be a JSON object of settings by name")
    for name in settings:
        if names and name not in names:
            raise RefusalError(400, f"{name[:40]!r} is unknown: choose from {', '.join(names)}")
    return settings


def nothing() -> None:
    """Refuse a body that is neither empty nor an empty object."""
    if json_object(needed=False):
        raise RefusalError(400, "this request takes no settings: leave the body empty")


def _no_constant(text: str) -> None:
    raise ValueError(text)
