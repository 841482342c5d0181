"""HTTP routes for recordings: the arrays of their views. An invalid request gets a 4xx status and a one-sentence error."""

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as WSGIResponse

from app.pages.explore.recorded.draw import Source
from app.pages.explore.recorded.view import WINDOWS
from app.shared.http import guard, refuse
from app.shared.links import whole
from core.errors import choose
from core.training_loop.recording import open_recording

recorded = Blueprint("recorded", __name__)
guard(recorded)

FOR_EVER = "public, max-age=31536000, immutable"


@recorded.get("/api/recordings/<name>/<key>.safetensors")
def bundle(name: str, key: str) -> WSGIResponse:
    """The arrays of a recording's view; the key must match."""
    recording = open_recording(name)
    count = whole(request.args.get("count", ""))
    if count is None or not 1 <= count <= len(recording):
        return refuse(400, f"count must be a whole number from 1 to {len(recording)}")
    window = request.args.get("window", "all")
    choose("window", window, dict(WINDOWS))
    source = Source(recording, window, count)  # type: ignore[arg-type]
    if source.key != key:
        return refuse(404, "this bundle is out of date: reload the page")
    response = Response(source.content(), mimetype="application/vnd.safetensors")
    response.headers["Cache-Control"] = FOR_EVER
    response.set_etag(key)
    return response.make_conditional(request)
