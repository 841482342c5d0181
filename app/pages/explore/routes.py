"""HTTP routes for health, bundles and saved views. An invalid request gets a 4xx status and a one-sentence error."""

from flask import Blueprint, Response, jsonify, request
from werkzeug.wrappers import Response as WSGIResponse

import core
from app.compute.asker import client_of, tab_of
from app.pages.explore import saved
from app.pages.explore.bundles import bundle_bytes, source_of
from app.pages.explore.view import parse
from app.shared import cache
from app.shared.http import refuse
from core.runs import zoo

api = Blueprint("api", __name__)

FOR_EVER = "public, max-age=31536000, immutable"


@api.get("/healthz")
def health() -> Response:
    """The status and version of the server."""
    return jsonify({"status": "ok", "version": core.__version__, "zoo": len(zoo.entries())})


@api.get("/api/computing")
def computing() -> Response:
    """Where the oldest waiting request of this client's tab stands: views "ahead" of it (null once it is computed), "seconds" so far."""
    pool = cache.pool()
    place = None if pool is None else pool.place(client_of(), tab_of())
    response = jsonify(
        {"waiting": place is not None, "ahead": place and place.ahead, "seconds": place and place.seconds}
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@api.get("/api/bundles/<key>.safetensors")
def bundle(key: str) -> WSGIResponse:
    """The arrays of the view that the query describes; the key must match the view."""
    view, wrong = parse(request.query_string.decode("utf-8", "replace"))
    if wrong:
        return refuse(400, wrong[0])
    if source_of(view).key != key:
        return refuse(404, "this bundle is out of date: reload the page")
    _, content = bundle_bytes(view)
    response = Response(content, mimetype="application/vnd.safetensors")
    response.headers["Cache-Control"] = FOR_EVER
    response.set_etag(key)
    return response.make_conditional(request)


@api.get("/api/view.html")
def view_page() -> Response:
    """The view that the query describes, as one HTML file."""
    view, wrong = parse(request.query_string.decode("utf-8", "replace"))
    if wrong:
        return refuse(400, wrong[0])
    content = saved.page(view, request.cookies.get("theme", ""))
    response = Response(content, mimetype="text/html")
    of = view.optimizer if view.optimizer.startswith(view.task) else f"{view.task}-{view.optimizer}"
    name = f"loptscope-{of}-seed{view.seed}.html"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@api.route("/api/", defaults={"rest": ""}, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
@api.route("/api/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def unknown(rest: str) -> Response:
    """Any other address under /api."""
    return refuse(404, f"/api/{rest[:80]} does not exist")
