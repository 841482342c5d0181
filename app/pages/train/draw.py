"""Draws a snapshot of a run with figures of the Mechanisms page: update function, eigenvalues, autonomous schedule."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go

from app.shared.cache import once, source_digest
from app.shared.catalog import snapshot_bytes
from app.shared.mechanisms import MECHANISMS
from app.shared.mechanisms.drawing import MechanismDrawing, common_of
from app.shared.mechanisms.references import references_of
from app.shared.style import OPTIMIZER_COLORS, Theme
from core.bundle import FORMAT, Bundle
from core.mechanisms.context import Context
from core.runs.run import Run


@dataclass(frozen=True)
class Instrument:
    """One figure of a snapshot.

    Attributes:
        title: above it.
        about: one sentence about what is drawn.
        mechanism: the mechanism it belongs to.
        figure: its name in that mechanism.
    """

    title: str
    about: str
    mechanism: str
    figure: str


INSTRUMENTS = {
    "update": Instrument(
        "Update function",
        "How far a parameter moves for a gradient, at h₀ (dotted) and at h* (solid), over the density of the observed gradients.",
        "clipping",
        "update",
    ),
    "eigenvalues": Instrument(
        "Eigenvalues",
        "Eigenvalues of the recurrent Jacobian at h*: the closer to the unit circle, the longer a gradient is remembered.",
        "momentum",
        "eigenvalues",
    ),
    "schedule": Instrument(
        "Autonomous schedule",
        "The effective learning rate over steps in which the gradient stays 0.",
        "schedule",
        "rate",
    ),
}


def compute_instrument(path: str, outer_step: int, mechanism: str) -> bytes:
    """The arrays of a mechanism of a run's snapshot as safetensors."""
    run = Run(Path(path))
    return MECHANISMS[mechanism].measure(Context(run.optimizer(outer_step), run.config.make_task())).encode()


def draw(run: Run, outer_step: int, theme: Theme) -> dict[str, tuple[go.Figure, list[str]]]:
    """Figures of a snapshot by name, each with its caption.

    Raises:
        InputError: there is no such snapshot, or it is damaged.
    """
    made_of = hashlib.sha256(snapshot_bytes(run, outer_step)).hexdigest()
    references = {} if run.config.task_parameters else references_of(run.config.task)
    drawn = {}
    for name, instrument in INSTRUMENTS.items():
        mechanism = MECHANISMS[instrument.mechanism]
        text = json.dumps([source_digest(), FORMAT, made_of, name])
        key = f"training:{hashlib.sha256(text.encode()).hexdigest()[:32]}"
        bundle = Bundle.decode(once(key, compute_instrument, str(run.path), outer_step, instrument.mechanism))
        drawing = MechanismDrawing(
            bundle, OPTIMIZER_COLORS["learned"], theme, f"{run.name} {name}", references, {}, common_of([bundle])
        )
        figure = mechanism.figure(instrument.figure)
        drawn[name] = figure.draw(drawing), [instrument.about, *figure.caption(bundle, references)[1:]]
    return drawn
