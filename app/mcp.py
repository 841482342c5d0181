"""What an assistant may read over the Model Context Protocol, where the dashboard is started for that: numbers, no actions.

Dash serves the protocol at ``/_mcp``. It neither checks who asks nor from where, and would offer every callback of the pages:
here only the functions below are offered, to who knows the token, and to no other site's page.
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
from app.shared.fields import read_outer_step
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
    """The token that assistants need, or None where none may ask.

    Raises:
        InputError: it is too short to be one.
    """
    found = os.environ.get(TOKEN)
    if found and len(found) < SHORTEST:
        raise InputError(f"{TOKEN} must have at least {SHORTEST} characters (got {len(found)})")
    return found or None


def _plain(value: Any) -> Any:
    """Numbers as JSON has them: what is not finite is null."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@mcp_enabled(expose_docstring=True)
def list_tasks() -> dict[str, str]:
    """The tasks that optimizers are compared on: title by name."""
    return {name: task.title for name, task in TASKS.items()}


@mcp_enabled(expose_docstring=True)
def list_optimizers(task: str) -> list[dict[str, Any]]:
    """Every optimizer that can be looked at on a task: learned ones (with their snapshots) and tuned hand-designed ones."""
    return [
        {"name": one.name, "title": one.title, "detail": one.detail, "snapshots": list(one.snapshots)}
        for one in subjects(task).values()
    ]


@mcp_enabled(expose_docstring=True)
def read_view(link: str) -> dict[str, Any]:
    """The numbers that a view of Explore shows at its inner step.

    The link is the part of Explore's address after "?", as in "task=rosenbrock&optimizer=adam&seed=3&step=40": losses of every
    optimizer; gradient, update and effective learning rate of each component of the one under the microscope; its fixed point.
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
    found = {
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
    return dict(_plain(found))


@mcp_enabled(expose_docstring=True)
def read_mechanisms(task: str, optimizer: str, outer_step: int | None = None) -> dict[str, Any]:
    """Momentum, clipping, schedule and adaptation of an optimizer, measured: numbers, and sentences with these numbers."""
    subject = choose(f"optimizer for {task}", optimizer[:80], dict(subjects(task)))
    if outer_step is not None:
        read_outer_step(str(outer_step), {"task": task, "optimizer": optimizer})
    at = outer_step if outer_step is not None else max(subject.snapshots, default=None)
    made_of = json.dumps([source_digest(), task, optimizer, at, identity(subject, at)])
    key = f"report:{hashlib.sha256(made_of.encode()).hexdigest()[:32]}"

    def compute() -> bytes:
        report = report_of(subject.title, Context(subject.optimizer(at), make_task(task)))
        return report.model_dump_json().encode()

    return dict(json.loads(once(key, compute)))


@mcp_enabled(expose_docstring=True)
def read_performance(optimizer: str) -> dict[str, Any]:
    """How a shipped learned optimizer does on held-out problems beside the tuned hand-designed ones: means, standard errors."""
    choose("optimizer", optimizer[:80], {entry.name: entry for entry in zoo.entries()})
    run = Run(zoo.ROOT / optimizer)
    found = read_json(run.path / "evaluation.json", Evaluation).model_dump()
    return dict(_plain({**found, "titles": TITLES}))


TOOLS = ("list_tasks", "list_optimizers", "read_view", "read_mechanisms", "read_performance")


def offer_only_these() -> None:
    """Of all that Dash would offer, only the functions above."""
    configure_mcp_server(
        include_layout=False, include_callbacks=False, include_clientside_callbacks=False, include_pages=False
    )


def _asked() -> Any:
    """The JSON of the request; None if it is none."""
    try:
        return json.loads(request.get_data(cache=True))
    except (ValueError, RecursionError, HTTPException):
        return None


def guard(server: Flask, wanted: str) -> None:
    """Refuse whoever does not know the token, other sites' pages, and what is not of the protocol.

    Args:
        server: the application.
        wanted: the token.
    """

    @server.before_request
    def check() -> Response | None:
        if request.path.strip("/") != PATH:
            return None
        request.max_content_length = LARGEST_BODY
        if foreign():
            return refuse(403, "another site's page may not ask")
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {wanted}".encode()):
            refusal = refuse(401, "the token is missing or wrong: send it as 'Authorization: Bearer TOKEN'")
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        if request.method == "POST":
            if (request.content_length or 0) > LARGEST_BODY:
                return refuse(413, f"the body must be at most {LARGEST_BODY} bytes")
            body = _asked()
            if not isinstance(body, dict) or not isinstance(body.get("params") or {}, dict):
                return refuse(400, "the body must be one JSON-RPC message")
        return None
