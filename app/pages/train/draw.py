"""The newest snapshot of a run, drawn as the Mechanisms page draws it: update function, eigenvalues, autonomous schedule."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go

from app.pages.explore.bundles import snapshot_bytes, source_digest
from app.pages.mechanisms.draw import marks_of
from app.shared.cache import once
from app.shared.mechanisms import Portrait, clipping_update, momentum_eigenvalues, schedule_rate
from app.shared.mechanisms.captions import CAPTIONS
from app.shared.style import OPTIMIZER_COLORS, Theme
from core.bundle import FORMAT, Bundle
from core.mechanisms.clipping import clipping_view
from core.mechanisms.context import Context
from core.mechanisms.momentum import momentum_view
from core.mechanisms.schedule import schedule_view
from core.runs.run import Run


@dataclass(frozen=True)
class Instrument:
    """One figure of a snapshot.

    Attributes:
        title: above it.
        about: what is drawn, in a sentence.
        view: the mechanism, as on the Mechanisms page, and its figure there.
        measure: its arrays.
        draw: its figure.
    """

    title: str
    about: str
    view: tuple[str, str]
    measure: Callable[[Context], Bundle]
    draw: Callable[[Portrait], go.Figure]


INSTRUMENTS = {
    "update": Instrument(
        "Update function",
        "How far a parameter moves for a gradient, at h₀ (dotted) and at h* (solid), over the gradients met.",
        ("clipping", "update"),
        clipping_view,
        clipping_update,
    ),
    "eigenvalues": Instrument(
        "Eigenvalues",
        "Of the recurrent Jacobian at h*: the nearer to the unit circle, the longer a gradient is remembered.",
        ("momentum", "eigenvalues"),
        momentum_view,
        momentum_eigenvalues,
    ),
    "schedule": Instrument(
        "Autonomous schedule",
        "The effective learning rate over the steps while the gradient stays 0.",
        ("schedule", "rate"),
        schedule_view,
        schedule_rate,
    ),
}


def draw(run: Run, outer_step: int, theme: Theme) -> dict[str, tuple[go.Figure, list[str]]]:
    """Figures of a snapshot by name, each with what it says.

    Raises:
        InputError: there is no such snapshot, or it is damaged.
    """
    context = Context(run.optimizer(outer_step), run.config.make_task())
    made_of = hashlib.sha256(snapshot_bytes(run, outer_step)).hexdigest()
    marks = {} if run.config.task_parameters else marks_of(run.config.task)
    found = {}
    for name, one in INSTRUMENTS.items():
        text = json.dumps([source_digest(), FORMAT, made_of, name])
        key = f"training:{hashlib.sha256(text.encode()).hexdigest()[:32]}"
        measure = one.measure
        bundle = Bundle.decode(once(key, lambda measure=measure: measure(context).encode()))  # type: ignore[misc]
        portrait = Portrait(bundle, OPTIMIZER_COLORS["learned"], theme, f"{run.name} {name}", marks, {})
        mechanism, figure = one.view
        found[name] = one.draw(portrait), [one.about, *CAPTIONS[mechanism][figure](bundle, marks)[1:]]
    return found
