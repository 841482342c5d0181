"""Explore: one optimizer on one problem, six linked panels, one timeline."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dash
import plotly.graph_objects as go
from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html, no_update
from dash.exceptions import PreventUpdate
from flask import request

from app.catalog import TITLES, subjects
from app.components.controls import (
    component_options,
    controls,
    optimizer_options,
    outer_step_properties,
    outer_step_text,
    start_style,
)
from app.components.panel import panel
from app.components.timeline import timeline
from app.drawing import drawing_of
from app.fields import outer_step_at
from app.figures.panels import FIGURES
from app.figures.style import LIGHT, OPTIMIZER_COLORS, THEMES
from app.state import FIELDS, View, check_start, parse, to_query
from core.bundle import Bundle
from core.errors import InputError

dash.register_page(
    __name__,
    path="/",
    name="Explore",
    order=0,
    title="Loptscope: explore",
    description="A learned optimizer, step by step",
)

PANELS = {
    "loss": ("Loss", "loss of every optimizer on this problem, log scale"),
    "landscape": ("Landscape", "where the optimizers go, or what the classifier they train decides"),
    "state": ("State space", "the optimizer's state of each component, in the first two principal components"),
    "update": ("Update function", "the update as a function of the gradient, at this step's state"),
    "gradient": ("Gradients", "density of the gradients met so far, filling that of the whole run"),
    "rate": ("Effective learning rate", "minus the slope of the update function at gradient zero"),
}


def layout(**query: str) -> html.Main:
    """The page for one link, drawn already: the browser need not ask again."""
    try:
        view, wrong = parse({name: value for name, value in query.items() if isinstance(value, str)})
        drawn = draw(view, request.cookies.get("theme", ""))
    except InputError as error:  # a damaged file in the zoo
        return html.Main(html.Div(notes([str(error)]), className="notice", role="alert"), className="lone")
    return html.Main(
        className="explore",
        children=[
            dcc.Store(id="view", data=drawn.description),
            dcc.Store(
                id="position", data=outer_step_properties(subjects(view.task)[view.optimizer], view.outer_step)["value"]
            ),
            dcc.Store(id="answered"),
            controls(view),
            html.Div(
                className="stage",
                children=[
                    html.Div(notes(wrong), id="link-notice", className="notice", role="alert"),
                    html.Div(drawn.notice, id="notice", className="notice", role="status"),
                    html.Div(
                        [panel(name, *text, figure=drawn.figures[name]) for name, text in PANELS.items()],
                        id="panels",
                        className="panels",
                        tabIndex=-1,
                    ),
                ],
            ),
            timeline(view),
        ],
    )


def notes(sentences: list[str]) -> list[html.P]:
    """Sentences for a notice."""
    return [html.P(sentence) for sentence in sentences]


@callback(
    Output("optimizer", "data"),
    Output("optimizer", "value"),
    Output("components", "data"),
    Output("components", "value"),
    Output("axis", "value"),
    Output("start-block", "style"),
    Output("start-x", "value"),
    Output("start-y", "value"),
    Input("task", "value"),
    prevent_initial_call=True,
)
def on_task(task: str) -> tuple[Any, ...]:
    """A new task brings its own optimizers, components and defaults."""
    view, _ = parse({"task": task})
    components = [str(i) for i in view.components]
    return (
        optimizer_options(task),
        view.optimizer,
        component_options(task),
        components,
        view.axis,
        start_style(task),
        "",
        "",
    )


@callback(
    Output("outer-step", "min"),
    Output("outer-step", "max"),
    Output("outer-step", "marks"),
    Output("outer-step", "disabled"),
    Output("outer-step", "value"),
    Output("optimizer-detail", "children"),
    Input("optimizer", "value"),
    State("task", "value"),
    prevent_initial_call=True,
)
def on_optimizer(optimizer: str, task: str) -> tuple[Any, ...]:
    """A new optimizer brings its own snapshots."""
    known = subjects(task)
    if optimizer not in known:
        raise PreventUpdate  # the task has changed; its own optimizer is on the way
    view, _ = parse({"task": task, "optimizer": optimizer})
    slider = outer_step_properties(known[optimizer], view.outer_step)
    return (*(slider[name] for name in ("min", "max", "marks", "disabled", "value")), known[optimizer].detail)


@callback(
    Output("start-x", "value", allow_duplicate=True),
    Output("start-y", "value", allow_duplicate=True),
    Input("start-clear", "n_clicks"),
    prevent_initial_call=True,
)
def on_clear(_: int | None) -> tuple[str, str]:
    """Back to the problem's own start point."""
    return "", ""


def _start(x: Any, y: Any) -> tuple[float, float] | None:
    if not isinstance(x, int | float) or not isinstance(y, int | float):
        return None
    return check_start(x, y)


def view_of(
    task: str,
    optimizer: str,
    position: int,
    seed: Any,
    start: tuple[Any, Any],
    shown: list[str],
    components: list[str],
    axis: str,
    theme: str,
) -> View:
    """The view that the controls ask for.

    Raises:
        InputError: a control holds what no view can be.
    """
    if not components:
        raise InputError("choose at least one component")
    snapshots = subjects(task)[optimizer].snapshots
    query = {
        "task": task,
        "optimizer": optimizer,
        "seed": str(seed),
        "shown": ",".join(shown) or "none",
        "components": ",".join(str(int(i) + 1) for i in components),
        "axis": axis,
        "theme": theme,
    }
    if snapshots:
        query["outer_step"] = str(outer_step_at(snapshots, position))
    chosen = _start(*start)
    if chosen is not None:
        query["start"] = FIELDS["start"].write(chosen)
    view, wrong = parse(query)
    if wrong:
        raise InputError(wrong[0])
    return view


def _notice(bundle: Bundle, shown: Sequence[str]) -> list[html.P]:
    about = bundle.about
    sentences = [
        f"{TITLES[name]} diverges on this problem: its loss is not finite from inner step {step} on."
        for name, step in about["first_nonfinite"].items()
        if step is not None and name in shown
    ]
    if about["nonfinite_gradients"]:
        sentences.append(
            f"{about['nonfinite_gradients']:,} of {about['gradients']:,} gradients are not finite and are not drawn."
        )
    return notes(sentences)


@dataclass(frozen=True)
class Drawn:
    """A view, ready for the browser: figures by panel, what moves over them, and what is to be said about it."""

    figures: dict[str, go.Figure]
    description: dict[str, Any]
    notice: list[html.P]


def draw(view: View, scheme: str) -> Drawn:
    """Draw what stands still, and say where the browser fetches what moves."""
    source, drawing = drawing_of(view, THEMES.get(scheme, LIGHT))
    bundle, theme, names = drawing.bundle, drawing.theme, drawing.shown
    subject = subjects(view.task)[view.optimizer]
    optimizers = [
        {
            "name": name,
            "title": subject.title if name == "learned" else TITLES[name],
            "row": drawing.row(name),
            "color": OPTIMIZER_COLORS[name],
        }
        for name in names
    ]
    components = [
        {"index": index, "name": bundle.about["components"][index], "color": color}
        for index, color in zip(view.components, drawing.colors(), strict=True)
    ]
    description = {
        "key": source.key,
        "bundle": f"/api/bundles/{source.key}.safetensors" + (f"?{source.query}" if source.query else ""),
        "query": to_query(view, leave_out=("step", "speed")),
        "optimizers": optimizers,
        "components": components,
        "symlog": drawing.symlog,
        "sgd": OPTIMIZER_COLORS["sgd"] if drawing.sgd_rate is not None else None,
        "theme": theme.name,
        "colors": {"text": theme.text, "surface": theme.surface, "fill": theme.fill},
    }
    figures = {name: make(drawing) for name, make in FIGURES.items()}
    return Drawn(figures, description, _notice(bundle, names))


@callback(
    *[Output(f"{name}-graph", "figure") for name in FIGURES],
    Output("view", "data"),
    Output("notice", "children"),
    Output("outer-step-text", "children"),
    Output("answered", "data"),
    Input("task", "value"),
    Input("optimizer", "value"),
    Input("position", "data"),
    Input("seed", "value"),
    Input("start-x", "value"),
    Input("start-y", "value"),
    Input("shown", "value"),
    Input("components", "value"),
    Input("axis", "value"),
    Input("theme", "data"),
    State("provider", "forceColorScheme"),
    prevent_initial_call=True,
)
def on_view(
    task: str,
    optimizer: str,
    position: int,
    seed: Any,
    start_x: Any,
    start_y: Any,
    shown: list[str],
    components: list[str],
    axis: str,
    theme: str,
    scheme: str | None,
) -> tuple[Any, ...]:
    """Draw the view that the controls ask for."""
    if optimizer not in subjects(task):  # the task has changed; its own optimizer is on the way
        return (*[no_update] * (len(FIGURES) + 3), time.monotonic())
    try:
        view = view_of(task, optimizer, position, seed, (start_x, start_y), shown, components, axis, theme)
    except InputError as error:
        return (*[no_update] * len(FIGURES), no_update, notes([str(error)]), no_update, time.monotonic())
    drawn = draw(view, scheme or "")
    text = outer_step_text(subjects(view.task)[view.optimizer], view.outer_step)
    return (*drawn.figures.values(), drawn.description, drawn.notice, text, time.monotonic())


clientside_callback(
    ClientsideFunction("loptscope", "show"), Output("view", "modified_timestamp"), Input("view", "data")
)
clientside_callback(
    ClientsideFunction("loptscope", "outerStep"),
    Output("position", "data"),
    Input("outer-step", "value"),
    State("optimizer", "value"),
    prevent_initial_call=True,
)
clientside_callback(
    ClientsideFunction("loptscope", "answered"), Output("answered", "modified_timestamp"), Input("answered", "data")
)
clientside_callback(ClientsideFunction("loptscope", "setSpeed"), Output("speed", "data-speed"), Input("speed", "value"))
