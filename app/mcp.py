"""The Model Context Protocol for assistants: five read-only tools, off by default.

Dash serves the protocol at ``/_mcp``. By itself it does not check who sends a request, and offers every callback of the pages.
This module offers only the functions below, to clients that send the token, and refuses other sites' pages.
"""

import hashlib
import hmac
import json
import math
import os
from typing import Any

from dash.mcp import configure_mcp_server, mcp_enabled
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from app.pages.explore.bundles import bundle_bytes
from app.pages.explore.view import parse, to_query
from app.shared.cache import once, source_digest
from app.shared.catalog import TITLES, identity, subjects
from app.shared.fields import options, read_outer_step
from app.shared.http import LARGEST_BODY, foreign, refuse
from core.bundle import Bundle
from core.errors import InputError, choose
from core.evaluation.held_out import Evaluation
from core.files.atomic import read_json
from core.mechanisms.context import Context
from core.mechanisms.report import report_of
from core.runs import zoo
from core.runs.run import Run
from core.tasks import TASKS, make_task

PATH = "_mcp"
TOKEN = "LOPTSCOPE_MCP_TOKEN"
SHORTEST = 16  # characters of a token


def token() -> str | None:
    """The token that assistants must send; None if the protocol is off.

    Raises:
        InputError: it is too short.
    """
    value = os.environ.get(TOKEN)
    if value and len(value) < SHORTEST:
        raise InputError(f"{TOKEN} must have at least {SHORTEST} characters (got {len(value)})")
    return value or None


def _plain(value: Any) -> Any:
    """Numbers for JSON: a number that is not finite becomes null."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@mcp_enabled(expose_docstring=True)
def list_tasks() -> dict[str, str]:
    """The tasks: title by name."""
    return {name: task.title for name, task in TASKS.items()}


@mcp_enabled(expose_docstring=True)
def list_optimizers(task: str) -> list[dict[str, Any]]:
    """The optimizers of a task: learned ones (with their snapshots) and tuned hand-designed ones."""
    return [
        {
            "name": subject.name,
            "title": subject.title,
            "detail": subject.detail_at(max(subject.snapshots, default=None)),
            "snapshots": list(subject.snapshots),
        }
        for subject in subjects(task).values()
    ]


@mcp_enabled(expose_docstring=True)
def read_view(link: str) -> dict[str, Any]:
    """The numbers that a view of Explore shows at its inner step.

    The link is the part of Explore's address after "?", as in "task=rosenbrock&optimizer=adam&seed=3&step=40": losses of every
    optimizer; gradient, update and effective learning rate of each component of the chosen optimizer; its fixed point.
    """
    view, wrong = parse(link)
    if wrong:
        raise InputError(" ".join(wrong))
    bundle = Bundle.decode(bundle_bytes(view)[1])
    about, arrays, step = bundle.about, bundle.arrays, view.step
    components = [
        {
            "name": about["components"][i],
            "gradient": float(arrays["gradient"][i, step]),
            "update": float(arrays["applied"][i, step]),
            "effective_learning_rate": float(arrays["rate"][i, step]),
        }
        for i in view.components
    ]
    losses = {name: float(row[step]) for name, row in zip(about["optimizers"], arrays["losses"], strict=True)}
    shown = {
        "link": to_query(view),
        "task": view.task,
        "optimizer": view.optimizer,
        "outer_step": view.outer_step,
        "inner_step": step,
        "inner_steps": about["steps"],
        "losses": losses,
        "first_step_not_finite": about["first_nonfinite"],
        "components": components,
        "fixed_point_at_gradient_0": about["fixed_point"],
    }
    return dict(_plain(shown))


@mcp_enabled(expose_docstring=True)
def read_mechanisms(task: str, optimizer: str, outer_step: int | None = None) -> dict[str, Any]:
    """The measured momentum, clipping, schedule and adaptation of an optimizer: numbers, and sentences with these numbers."""
    subject = choose(f"optimizer for {task}", optimizer[:80], options(task, optimizer))
    if outer_step is not None:
        read_outer_step(str(outer_step), {"task": task, "optimizer": optimizer})
    at = outer_step if outer_step is not None else max(subject.snapshots, default=None)
    null = None if subject.trained_by is None else zoo.find_null(subject.trained_by.config)
    noted = None if null is None else null.model_dump()
    made_of = json.dumps([source_digest(), task, optimizer, at, identity(subject, at), noted])
    key = f"report:{hashlib.sha256(made_of.encode()).hexdigest()[:32]}"

    return dict(json.loads(once(key, compute_report, task, optimizer, at)))


def compute_report(task: str, optimizer: str, outer_step: int | None) -> bytes:
    """The report of `read_mechanisms` as JSON."""
    subject = subjects(task)[optimizer]
    null = None if subject.trained_by is None else zoo.find_null(subject.trained_by.config)
    context = Context(subject.optimizer(outer_step), make_task(task))
    return report_of(subject.title, context, null=null, trained=subject.trained).model_dump_json().encode()


@mcp_enabled(expose_docstring=True)
def read_performance(optimizer: str) -> dict[str, Any]:
    """Held-out scores of a shipped learned optimizer and of the tuned hand-designed ones: means and standard errors."""
    choose("optimizer", optimizer[:80], {entry.name: entry for entry in zoo.entries()})
    run = Run(zoo.ROOT / optimizer)
    evaluation = read_json(run.path / "evaluation.json", Evaluation).model_dump()
    return dict(_plain({**evaluation, "titles": TITLES}))


TOOLS = ("list_tasks", "list_optimizers", "read_view", "read_mechanisms", "read_performance")


def offer_only_these() -> None:
    """Turn off everything that Dash offers except the functions above."""
    configure_mcp_server(
        include_layout=False, include_callbacks=False, include_clientside_callbacks=False, include_pages=False
    )


def _message() -> Any:
    """The JSON of the request; None if the body is not JSON."""
    try:
        return json.loads(request.get_data(cache=True))
    except (ValueError, RecursionError, HTTPException):
        return None


def guard(server: Flask, expected: str) -> None:
    """Refuse requests without the token, from other sites' pages, or outside the protocol.

    Args:
        server: the application.
        expected: the token.
    """

    @server.before_request
    def check() -> Response | None:
        if request.path.strip("/") != PATH:
            return None
        request.max_content_length = LARGEST_BODY
        if foreign():
            return refuse(403, "requests from other sites' pages are refused")
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {expected}".encode()):
            refusal = refuse(401, "the token is missing or wrong: send it as 'Authorization: Bearer TOKEN'")
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        if request.method == "POST":
            if (request.content_length or 0) > LARGEST_BODY:
                return refuse(413, f"the body must be at most {LARGEST_BODY} bytes")
            body = _message()
            if not isinstance(body, dict) or not isinstance(body.get("params") or {}, dict):
                return refuse(400, "the body must be one JSON-RPC message")
        return None
