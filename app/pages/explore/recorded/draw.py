"""Draws a view of a recording with the panels of Explore; what was not recorded says why in its panel."""

import hashlib
import json
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.pages.explore import marks
from app.pages.explore.figures import Drawing
from app.pages.explore.panels import PANELS, Panel
from app.pages.explore.recorded.view import RecordedView, to_query
from app.pages.explore.view import KEPT_BY_BROWSER
from app.shared.cache import once, source_digest
from app.shared.marks import Mark, Point
from app.shared.style import GRAPH_CONFIG, LEARNED_COLORS, LIGHT, THEMES, Theme, figure, finite
from core.bundle import FORMAT, Bundle
from core.runs.label import read_label
from core.training_loop.bundle import Window, recording_bundle
from core.training_loop.recording import Recording


@dataclass(frozen=True)
class Source:
    """Where the bundle of a recording's view comes from: a bundle never changes, also while the recording grows.

    Attributes:
        recording: the recording.
        window: of its steps.
        count: recorded steps that are taken into account.
    """

    recording: Recording
    window: Window
    count: int

    @property
    def key(self) -> str:
        """A hash of everything that the bundle depends on."""
        parts = [
            source_digest(),
            FORMAT,
            self.recording.name,
            self.recording.about.model_dump_json(),
            self.window,
            self.count,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    @property
    def address(self) -> str:
        """Where the browser gets the bundle."""
        return f"/api/recordings/{self.recording.name}/{self.key}.safetensors?window={self.window}&count={self.count}"

    def content(self) -> bytes:
        """The bundle as safetensors, from the cache or computed.

        Raises:
            InputError: nothing is recorded, or it is damaged.
        """
        return once(f"recording:{self.key}", _compute, str(self.recording.path), self.window, self.count)


def _compute(path: str, window: Window, count: int) -> bytes:
    return recording_bundle(Recording(Path(path)), window, count).encode()


def source_of(view: RecordedView) -> Source:
    """The source of a view's bundle, with what is recorded now.

    Raises:
        InputError: nothing is recorded, or it is damaged.
    """
    recording = view.open()
    return Source(recording, view.window, len(recording.steps()))


def message(d: Drawing, text: str) -> go.Figure:
    """A figure that says why there is none."""
    made = figure(d.theme, d.key, {"visible": False}, {"visible": False}, [])
    said = "<br>".join(textwrap.wrap(text, 40))
    made.add_annotation(
        text=said, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font={"color": d.theme.muted}
    )
    return made


def _update_figure(d: Drawing) -> go.Figure:
    """The update function; where it is not known, the recorded updates over their gradients."""
    if _runs_again(d):
        return PANELS["update"].figure(d)
    arrays, names = d.bundle.arrays, d.bundle.about["components"]
    traces = []
    for index, color in zip(d.components, d.colors(), strict=True):
        gradients, updates = d.spread(arrays["gradient"][index].astype(np.float64)), arrays["applied"][index]
        text = f"{names[index]}, step %{{customdata}}: %{{y:.3g}}<extra></extra>"
        look = {"color": color, "size": 4, "opacity": 0.45}
        traces.append(
            go.Scatter(
                x=finite(gradients),
                y=finite(updates),
                mode="markers",
                marker=look,
                name=names[index],
                customdata=d.steps,
                hovertemplate=text,
            )
        )
    sizes = np.abs(arrays["applied"][list(d.components)])
    reach = float(sizes[np.isfinite(sizes)].max(initial=0.0)) * 1.1 or 1.0
    made = figure(d.theme, d.key, {}, {"title": "recorded update", "range": [-reach, reach]}, traces)
    made.update_layout(xaxis=PANELS["gradient"].figure(d).layout.xaxis)
    return made


def _update_marks(d: Drawing) -> Sequence[Mark]:
    found = PANELS["update"].marks(d)
    return found if _runs_again(d) else [mark for mark in found if isinstance(mark, Point)]


def _rate_figure(d: Drawing) -> go.Figure:
    """The effective learning rate; where it is not known, the learning rate that was set."""
    made = PANELS["rate"].figure(d)
    made.update_xaxes(title_text=_step_title(d))
    if not _runs_again(d):
        made.update_yaxes(title_text="learning rate, as set")
    return made


def _loss_figure(d: Drawing) -> go.Figure:
    """The losses that were told, joined over steps for which none was."""
    return PANELS["loss"].figure(d).update_traces(connectgaps=True).update_xaxes(title_text=_step_title(d))


def _runs_again(d: Drawing) -> bool:
    return d.bundle.about["not_again"] is None


def _step_title(d: Drawing) -> str:
    stride = d.bundle.about["stride"]
    return "step" if stride == 1 else f"step / {stride:,}"


def _missing(name: str, d: Drawing) -> str | None:
    reason: str | None = d.bundle.about["missing"].get(name)
    return reason


def _recorded_panel(panel: Panel) -> Panel:
    """A panel that says why it is empty, where it is."""

    def drawn(d: Drawing) -> go.Figure:
        reason = _missing(panel.name, d)
        return panel.figure(d) if reason is None else message(d, reason)

    def unless_missing(of: Callable[[Drawing], Sequence[Any]]) -> Callable[[Drawing], Sequence[Any]]:
        return lambda d: of(d) if _missing(panel.name, d) is None else []

    return replace(panel, figure=drawn, marks=unless_missing(panel.marks), legend=unless_missing(panel.legend))


OWN: dict[str, dict[str, Any]] = {  # what is different of a recording
    "loss": {
        "figure": _loss_figure,
        "legend": marks.optimizer_chips,
        "note": "",
        "about": "the losses that were told, log scale",
    },
    "update": {"figure": _update_figure, "marks": _update_marks},
    "rate": {"figure": _rate_figure},
}
RECORDED_PANELS = {name: _recorded_panel(replace(panel, **OWN.get(name, {}))) for name, panel in PANELS.items()}


def title_of(recording: Recording) -> str:
    """The title that its owner gave it, or its name."""
    return read_label(recording.path).title or recording.name


def detail_of(recording: Recording) -> str:
    """One line about a recording."""
    about = recording.about
    kind = about.optimizer if about.learned else about.optimizer.rpartition(".")[2]
    return f"{kind} on {about.model}, {about.parameters:,} parameters, {len(about.components)} recorded"


@dataclass(frozen=True)
class DrawnRecording:
    """A drawn view: its figures by panel, what moves over them for the browser, and the notices about it."""

    drawing: Drawing
    figures: dict[str, go.Figure]
    description: dict[str, Any]
    notices: list[str]


def draw_recording(view: RecordedView, scheme: str) -> DrawnRecording:
    """Draw the static figures and describe where the browser gets the data of what moves.

    Args:
        view: the view.
        scheme: "light" or "dark".

    Raises:
        InputError: the recording is damaged, or has no step yet.
    """
    theme = THEMES.get(scheme, LIGHT)
    source = source_of(view)
    drawing = _drawing(view, source, theme)
    key = f"{source.key} {theme.name}"
    description = {
        "key": source.key,
        "bundle": source.address,
        "title": drawing.titles["learned"],
        "detail": detail_of(source.recording),
        "color": drawing.hues["learned"],
        "optimizers": [
            {"name": "learned", "title": drawing.titles["learned"], "row": 0, "color": drawing.hues["learned"]}
        ],
        "components": [
            {"index": index, "name": drawing.bundle.about["components"][index], "color": color}
            for index, color in zip(drawing.components, drawing.colors(), strict=True)
        ],
        "moving": {name: {"figure": key, **panel.describe(drawing)} for name, panel in RECORDED_PANELS.items()},
        "muted": theme.muted,
        "theme": theme.name,
        "query": to_query(view, leave_out=KEPT_BY_BROWSER),
        "config": GRAPH_CONFIG,
        "beside": [],
    }
    figures = {name: panel.draw(drawing, key) for name, panel in RECORDED_PANELS.items()}
    return DrawnRecording(drawing, figures, description, _notices(source.recording, drawing.bundle))


def _drawing(view: RecordedView, source: Source, theme: Theme) -> Drawing:
    bundle = Bundle.decode(source.content())
    return Drawing(
        bundle=bundle,
        key=source.key,
        theme=theme,
        optimizers=["learned"],
        components=view.components,
        symlog=view.axis == "symlog",
        sgd_rate=None,
        titles={"learned": title_of(source.recording)},
        hues={"learned": LEARNED_COLORS[0]},
        beside=[bundle],
    )


def _notices(recording: Recording, bundle: Bundle) -> list[str]:
    about = bundle.about
    state, end = recording.state(), recording.end()
    said = {
        "recording": "The training is still being recorded: reload the page to see more of it.",
        "interrupted": "The process ended without closing the recording: everything up to then is here.",
        "failed": f"The training ended with {end.error if end else 'an error'}.",
        "finished": "",
    }[state]
    stride, last = about["stride"], about["last_step"]
    sentences = [said] if said else []
    if stride > 1:
        sentences.append(f"One step here is {stride:,} steps of the training, from 0 to {last:,}.")
    if about["not_positive"]:
        sentences.append(f"{about['not_positive']:,} losses are not positive and are left out of the log scale.")
    if about["first_nonfinite"]["learned"] is not None:
        step = about["first_nonfinite"]["learned"] * stride
        sentences.append(f"The training diverges: its loss is not finite from step {step:,} onwards.")
    if about["not_again"] is not None:
        sentences.append(
            f"The optimizer cannot be run again, so its update function is not known: {about['not_again']}."
        )
    if recording.about.left_out:
        names = ", ".join(recording.about.left_out)
        sentences.append(f"Not recorded, since it is not one number for each component: {names}.")
    return sentences
