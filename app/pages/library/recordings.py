"""The recordings of the user's own trainings in the Library: their rows, and the HTTP routes that download and delete them."""

from typing import Any

from flask import Blueprint, Response, jsonify

from app.shared.http import guard, json_object, nothing
from core.errors import InputError
from core.files.atomic import folder_bytes
from core.runs import trash
from core.runs.label import read_label, write_label
from core.training_loop.export import csv_parts, npz_bytes
from core.training_loop.recording import Recording, open_recording, recorded

recordings = Blueprint("recordings", __name__)
guard(recordings)


def row_of(recording: Recording) -> dict[str, Any]:
    """One row.

    Raises:
        InputError: it is damaged.
        OSError: it was deleted.
    """
    about, end, label = recording.about, recording.end(), read_label(recording.path)
    count = len(recording)
    return {
        "name": recording.name,
        "title": label.title,
        "note": label.note,
        "optimizer": about.optimizer if about.learned else about.optimizer.rpartition(".")[2],
        "learned": about.learned is not None,
        "model": about.model,
        "parameters": about.parameters,
        "components": len(about.components),
        "steps": end.steps if end else recording.last_step() + 1,
        "recorded": count,
        "state": recording.state(),
        "message": end.error if end else "",
        "when": about.started,
        "bytes": folder_bytes(recording.path),
    }


def list_recordings() -> dict[str, Any]:
    """All recordings, the newest first, and in "damaged" an error message for every one that cannot be read."""
    rows, damaged = [], []
    for path in recorded():
        try:
            rows.append(row_of(Recording(path)))
        except InputError as error:
            damaged.append(str(error))
        except OSError:  # deleted in the meantime
            continue
    return {"recordings": sorted(rows, key=lambda row: row["when"], reverse=True), "damaged": damaged}


@recordings.get("/api/recordings")
def listing() -> Response:
    """All recordings."""
    response = jsonify(list_recordings())
    response.headers["Cache-Control"] = "no-cache"
    return response


def _attachment(response: Response, name: str) -> Response:
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-cache"
    return response


@recordings.get("/api/recordings/<name>/recording.csv")
def table(name: str) -> Response:
    """A table with one line for each recorded step and component."""
    parts = csv_parts(open_recording(name))
    first = next(parts)  # what is damaged is refused before the answer begins

    def content() -> Any:
        yield first
        yield from parts

    return _attachment(Response(content(), mimetype="text/csv"), f"{name}.csv")


@recordings.get("/api/recordings/<name>/recording.npz")
def arrays(name: str) -> Response:
    """All arrays as a NumPy file."""
    content = npz_bytes(open_recording(name))
    return _attachment(Response(content, mimetype="application/octet-stream"), f"{name}.npz")


@recordings.post("/api/recordings/<name>/label")
def label(name: str) -> Response:
    """Change the title, the note or both."""
    recording = open_recording(name)
    write_label(recording.path, json_object("title", "note"))
    return jsonify(row_of(recording))


@recordings.post("/api/recordings/<name>/delete")
def delete(name: str) -> Response:
    """Move a recording to the trash, which has runs and recordings."""
    nothing()
    return jsonify({"name": name, "trash": trash.move_to_trash(open_recording(name).path)})
