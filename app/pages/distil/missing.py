"""What the Distil page shows of an optimizer that was not distilled: how far that is, and the button with which a worker does it."""

from typing import Any

from dash import dcc, html

from app.pages.distil.view import View
from app.shared.catalog import learned
from app.shared.parts import sentences
from app.shared.read_only import SENTENCE, read_only
from core.errors import InputError
from core.jobs import measurements
from core.jobs.broker import notify
from core.runs.run import Run, runs_root

TICK = 2000  # milliseconds between two looks at how far it is


def own_run(view: View) -> Run | None:
    """The run of one's own that a view is about; None for a shipped optimizer."""
    subject = learned(view.task).get(view.optimizer)
    run = None if subject is None else subject.run
    return run if run is not None and run.path.parent.resolve() == runs_root().resolve() else None


def act(view: View, wanted: str) -> str:
    """Let a worker distil a run, or cancel that; returns one sentence if it is refused.

    Args:
        view: which run.
        wanted: "ask" or "cancel".
    """
    run = own_run(view)
    try:
        if read_only() or run is None:
            raise InputError(SENTENCE if read_only() else "only runs of your own are distilled here")
        if wanted == "ask":
            measurements.ask(run.path, "distillation")
            notify()
        else:
            measurements.cancel(run.path, "distillation")
    except InputError as error:
        return str(error)
    return ""


def missing(view: View, refused: str = "") -> list[Any]:
    """The notice.

    Args:
        view: which optimizer.
        refused: why what was asked for is not done.
    """
    name, run = view.optimizer or "NAME", own_run(view)
    found = None if run is None else measurements.find(run.path, "distillation")
    command = f"loptscope distil --run {name}"
    said: list[str] = []
    if found is not None and found.state != "failed":
        said = [f"{name} is being distilled: {found.progress or found.state}."]
    else:
        said = [f"{name} has not been distilled yet: {command} does it, in minutes for a small task."]
        if found is not None:
            said.append(f"It failed: {found.message}.")
    if refused:
        said.append(f"{refused}.")
    parts: list[Any] = [html.Div(sentences(said))]
    if run is not None and not read_only():
        waits = found is not None and found.state != "failed"
        identity = {"type": "distil-act", "act": "cancel" if waits else "ask"}
        text = "Cancel" if waits else "Distil it here"
        parts.append(html.Button(text, id=identity, type="button", className="action"))
    return parts


def notice(view: View) -> list[Any]:
    """The notice, which looks again from time to time."""
    return [
        html.Div(missing(view), id="distil-missing", className="notice", role="status"),
        dcc.Interval(id="distil-tick", interval=TICK, disabled=own_run(view) is None),
    ]
