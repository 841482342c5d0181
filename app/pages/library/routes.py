"""HTTP routes for the library: list, label, delete, restore, download, import. An invalid request gets a 4xx status and a one-sentence error.

A run's address has its kind ("zoo" or "own") and its name.
"""

import hashlib
import json
import threading
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, request
from pydantic import ValidationError
from werkzeug.wrappers import Response as WSGIResponse

from app.pages.library.entries import details, find, list_runs, row_of
from app.security.access import from_the_page, is_known
from app.shared.http import LARGEST_BODY, RefusalError, body, guard, json_object, nothing
from app.shared.links import whole
from core.errors import InputError, TooManyError, choose, sentence
from core.files.zip import zipped
from core.jobs import measurements
from core.jobs.broker import notify
from core.jobs.limits import Limits
from core.optimizers.recurrent import Architecture
from core.runs import trash
from core.runs.label import write_label
from core.runs.run import Run, runs_root
from core.runs.transfer import LARGEST, export_weights, import_weights
from core.tasks import TASKS

library = Blueprint("library", __name__)
guard(library, lambda: LARGEST if request.endpoint == "library.take_in" else LARGEST_BODY)

_archives = threading.BoundedSemaphore(16)  # each takes a thread for as long as it is read

KIND = "<any(zoo, own):kind>"
ATTRIBUTES = tuple(Architecture.model_fields)


@library.get("/api/library")
def listing() -> WSGIResponse:
    """All runs, errors of unreadable runs, and the trash; 304 if the client has the same content."""
    runs = {
        **list_runs(),
        "trash": [run.model_dump() for run in trash.deleted()],
        "trash_days": trash.DAYS,
        **_measurements(),
    }
    content = json.dumps(runs, allow_nan=False, separators=(",", ":")).encode()
    response = Response(content, mimetype="application/json")
    response.set_etag(hashlib.blake2b(content, digest_size=12).hexdigest(), weak=True)
    response.headers["Cache-Control"] = "no-cache"
    return response.make_conditional(request)


def _measurements() -> dict[str, dict[measurements.Kind, dict[str, str]]]:
    """How far evaluations and distillations are ("measuring") and why others failed ("not_measured"), in words, by the run's name."""
    found = {kind: measurements.find_all(kind).items() for kind in measurements.KINDS}
    return {
        "measuring": {
            kind: {name: one.progress or one.state for name, one in rows if one.state != "failed"}
            for kind, rows in found.items()
        },
        "not_measured": {
            kind: {name: one.message for name, one in rows if one.state == "failed"} for kind, rows in found.items()
        },
    }


@library.get(f"/api/library/{KIND}/<name>")
def detail(kind: Any, name: str) -> Response:
    """The details of one run."""
    content = json.dumps(details(kind, find(kind, name)), allow_nan=False)  # in this order: the optimizer itself first
    return Response(content, mimetype="application/json")


@library.post("/api/library/own/<name>/label")
def label(name: str) -> Response:
    """Change the title, the note or both."""
    path = find("own", name)
    write_label(path, json_object("title", "note"))
    return jsonify(row_of("own", path))


@library.post(f"/api/library/own/<name>/<any({', '.join(measurements.KINDS)}):kind>")
def measure(name: str, kind: measurements.Kind) -> Response:
    """Let a worker evaluate or distil a run; the listing says how far it is."""
    nothing()
    measurements.ask(find("own", name), kind)
    notify()
    response = jsonify({"name": name})
    response.status_code = 202
    return response


@library.post(f"/api/library/own/<name>/<any({', '.join(measurements.KINDS)}):kind>/cancel")
def cancel(name: str, kind: measurements.Kind) -> Response:
    """Cancel an evaluation or a distillation that waits or is being made."""
    nothing()
    measurements.cancel(find("own", name), kind)
    return jsonify({"name": name})


@library.post("/api/library/own/<name>/delete")
def delete(name: str) -> Response:
    """Move a run to the trash."""
    nothing()
    return jsonify({"name": name, "trash": trash.move_to_trash(find("own", name))})


@library.post("/api/library/trash/<identity>/restore")
def restore(identity: str) -> Response:
    """Restore a run from the trash."""
    nothing()
    path = trash.restore(identity)
    return jsonify({"name": path.name})


@library.post("/api/library/trash/empty")
def empty_trash() -> Response:
    """Remove everything in the trash permanently; from the dashboard's own page, or with the token."""
    nothing()
    if not is_known() and not from_the_page():
        raise RefusalError(
            403, "only the Library page can delete for good, or a request with the token (serve --token)"
        )
    return jsonify({"emptied": trash.empty()})


@library.get(f"/api/library/{KIND}/<name>/weights")
def weights(kind: str, name: str) -> Response:
    """One snapshot as a safetensors file with its configuration; by default the last, another with ``?outer_step=K``."""
    run = Run(find(kind, name))
    text = request.args.get("outer_step")
    kept = run.snapshots()
    step = whole(text) if text is not None else kept[-1] if kept else None
    if step is None and text is not None:
        raise RefusalError(400, f"outer_step must be a whole number (got {text!r:.40})")
    content = export_weights(run, step)
    return _attachment(Response(content, mimetype="application/octet-stream"), f"{name}-{step:06d}.safetensors")


@library.get(f"/api/library/{KIND}/<name>/run.zip")
def archive(kind: str, name: str) -> Response:
    """The whole folder."""
    path = find(kind, name)
    if not _archives.acquire(blocking=False):
        raise TooManyError("other runs are being downloaded: try again in a moment")
    response = Response(zipped(path), mimetype="application/zip")
    response.call_on_close(_archives.release)
    return _attachment(response, f"{name}.zip")


def _attachment(response: Response, name: str) -> Response:
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-cache"
    return response


@library.post("/api/library/weights")
def take_in() -> Response:
    """Import the safetensors file in the body. The query has ``task``, ``name`` and whatever the file does not contain."""
    given = request.args.to_dict()
    for key in given:
        if key not in ("task", "name", *ATTRIBUTES):
            raise RefusalError(400, f"{key[:40]!r} is unknown: choose from task, name, {', '.join(ATTRIBUTES)}")
    for key in ("task", "name"):
        if not given.get(key):
            raise RefusalError(400, f"{key} is missing")
    choose("task", given["task"][:80], TASKS)
    architecture = _architecture({key: value for key, value in given.items() if key in ATTRIBUTES})
    if request.mimetype not in ("application/octet-stream", "application/vnd.safetensors"):
        raise RefusalError(415, "the body must be the file itself, with Content-Type: application/octet-stream")
    content = body()
    if not content:
        raise RefusalError(400, "the body is empty: it must be a safetensors file")
    limits, root = Limits.from_environment(), runs_root()
    root.mkdir(parents=True, exist_ok=True)
    limits.check_kept(len(list(root.glob("*/config.json"))) + trash.count(root), root)
    run = import_weights(content, name=given["name"], task=given["task"], architecture=architecture)
    response = jsonify(row_of("own", run.path))
    response.status_code = 201
    return response


def _architecture(given: Mapping[str, str]) -> Architecture | None:
    """The architecture in a query; None if it has none."""
    if not given:
        return None
    for key in ("cell", "units"):
        if key not in given:
            raise RefusalError(400, f"{key} is missing: an architecture needs at least its cell and its units")
    try:
        return Architecture.model_validate(dict(given))
    except ValidationError as error:
        raise InputError(sentence(error)) from None
