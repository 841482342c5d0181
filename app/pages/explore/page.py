"""Explore: one optimizer on one problem, linked panels, one timeline."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dash
from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html, no_update
from dash.exceptions import PreventUpdate
from flask import request

from app.pages.explore import PAGE
from app.pages.explore.controls import (
    component_options,
    controls,
    own_ranges,
    row_style,
    snapshot_options,
    start_style,
    step_style,
)
from app.pages.explore.draw import draw
from app.pages.explore.panel import section
from app.pages.explore.panels import PANELS
from app.pages.explore.recorded import page as recorded
from app.pages.explore.timeline import timeline
from app.pages.explore.view import FIELDS, MOST_COMPARED, View, check_start, parse
from app.shared.catalog import own_name, subjects
from app.shared.fields import outer_step_at
from app.shared.menus import optimizer_options, outer_step_properties, outer_step_text
from app.shared.parts import sentences
from core.errors import InputError

dash.register_page(__name__, **PAGE.registration())

ROWS = range(1, MOST_COMPARED + 1)  # of the menus of optimizers side by side


def layout(**query: str) -> html.Main:
    """The page for one link, with its figures, so that the browser does not have to request them."""
    entries = {name: value for name, value in query.items() if isinstance(value, str)}
    if "recording" in entries:
        return recorded.layout(entries, request.cookies.get("theme", ""))
    try:
        view, wrong = parse(entries)
        drawn = draw(view, request.cookies.get("theme", ""))
    except InputError as error:  # a damaged file in the zoo
        return html.Main(html.Div(sentences([str(error)]), className="notice", role="alert"), className="lone")
    return html.Main(
        className="explore",
        children=[
            dcc.Store(id="view", data=drawn.description),
            dcc.Store(id="drawn", data=drawn.columns[0].keys),
            dcc.Store(
                id="position", data=outer_step_properties(subjects(view.task)[view.optimizer], view.outer_step)["value"]
            ),
            dcc.Store(id="answered"),
            dcc.Store(id="explore-theme", data=view.theme),
            controls(view),
            html.Div(
                className="stage",
                children=[
                    html.Button(
                        "Controls",
                        id="controls-button",
                        type="button",
                        className="action drawer-button",
                        **{"aria-expanded": "false", "aria-controls": "controls"},
                    ),
                    html.Div(sentences(wrong), id="link-notice", className="notice", role="alert"),
                    html.Div(sentences(drawn.notices), id="notice", className="notice", role="status"),
                    html.Div(
                        id="board",
                        className="board",
                        children=[
                            html.Div(
                                [section(panel, drawn.figures[name]) for name, panel in PANELS.items()],
                                id="panels",
                                className="panels",
                                tabIndex=-1,
                            ),
                            html.Div(id="beside", className="beside"),  # columns beside the first, made in the browser
                        ],
                    ),
                ],
            ),
            timeline(view),
        ],
    )


@callback(
    Output("optimizer", "data"),
    Output("optimizer", "value"),
    Output("components", "data"),
    Output("components", "value"),
    Output("axis", "value"),
    Output("start-block", "style"),
    Output("start-x", "value"),
    Output("start-y", "value"),
    Output("baselines", "value"),
    Output("seed", "value"),
    *[Output(f"compare-{i}", name) for i in ROWS for name in ("data", "value")],
    Input("task", "value"),
    State("view", "data"),
    State("seed", "value"),
    State("baselines", "value"),
    prevent_initial_call=True,
)
def on_task(task: str, shown: dict[str, Any], seed: Any, baselines: list[str]) -> tuple[Any, ...]:
    """Set the optimizers, components and defaults of a new task; a seed and baselines that were chosen stay."""
    view, _ = parse({"task": task})
    before = parse({"task": parse(shown["query"])[0].task})[0]
    if seed != before.seed:
        view = replace(view, seed=seed)
    if set(baselines) != set(before.baselines):
        view = replace(view, baselines=tuple(baselines))
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
        list(view.baselines),
        view.seed,
        *[value for _ in ROWS for value in (optimizer_options(task), None)],
    )


@callback(
    *[Output(f"compare-step-{i}", name) for i in ROWS for name in ("data", "value", "style")],
    *[Output(f"compare-row-{i}", "style") for i in ROWS],
    *[Input(f"compare-{i}", "value") for i in ROWS],
    State("task", "value"),
    *[State(f"compare-step-{i}", "value") for i in ROWS],
    prevent_initial_call=True,
)
def on_compare(*given: Any) -> tuple[Any, ...]:
    """Set the snapshots of another optimizer and show the row for the next."""
    names, task, steps = given[: len(ROWS)], given[len(ROWS)], given[len(ROWS) + 1 :]
    names = tuple(name if name in subjects(task) else None for name in names)
    found: list[Any] = []
    for name, step in zip(names, steps, strict=True):
        options = snapshot_options(task, name)
        kept = step if step in [option["value"] for option in options] else (options[0]["value"] if options else None)
        found += [options, kept, step_style(task, name)]
    taken = [True, *(name is not None for name in names)]
    return *found, *(row_style(taken[i + 1], all(taken[: i + 1])) for i in range(len(ROWS)))


def compared_of(task: str, names: Sequence[str | None], steps: Sequence[str | None]) -> str:
    """The entry of a link for the optimizers chosen in the side-by-side menus."""
    known = subjects(task)
    return ",".join(
        f"{name}@{step}" if step and known[name].snapshots else name
        for name, step in zip(names, steps, strict=True)
        if name is not None and name in known
    )


@callback(
    Output("outer-step", "min"),
    Output("outer-step", "max"),
    Output("outer-step", "marks"),
    Output("outer-step", "disabled"),
    Output("outer-step", "value"),
    Input("optimizer", "value"),
    State("task", "value"),
    prevent_initial_call=True,
)
def on_optimizer(optimizer: str, task: str) -> tuple[Any, ...]:
    """Set the snapshots of a new optimizer."""
    known = subjects(task)
    if optimizer not in known:
        raise PreventUpdate  # the task has changed; its optimizer follows in the next call
    view, _ = parse({"task": task, "optimizer": optimizer})
    slider = outer_step_properties(known[optimizer], view.outer_step)
    return tuple(slider[name] for name in ("min", "max", "marks", "disabled", "value"))


@callback(
    Output("own-ranges", "data"),
    Output("own", "data"),
    Input("own-kind", "value"),
    Input("task", "value"),
    prevent_initial_call=True,
)
def on_own(kind: str | None, task: str) -> tuple[Any, ...]:
    """The sliders of an optimizer of one's own, which begins with the tuned values."""
    ranges = own_ranges(task, kind or "")
    return ranges, own_name(kind, {one["name"]: one["tuned"] for one in ranges}) if kind else ""


@callback(
    Output("start-x", "value", allow_duplicate=True),
    Output("start-y", "value", allow_duplicate=True),
    Input("start-clear", "n_clicks"),
    prevent_initial_call=True,
)
def on_clear(_: int | None) -> tuple[str, str]:
    """Return to the problem's own start point."""
    return "", ""


def _start(x: Any, y: Any) -> tuple[float, float] | None:
    if not isinstance(x, int | float) or not isinstance(y, int | float):
        return None
    return check_start(x, y)


def view_of(
    task: str,
    optimizer: str,
    position: int,
    compared: str,
    seed: Any,
    start: tuple[Any, Any],
    baselines: list[str],
    own: str,
    band: bool,
    components: list[str],
    axis: str,
    theme: str,
) -> View:
    """The view for the current values of the controls.

    Raises:
        InputError: a control has an invalid value.
    """
    if not components:
        raise InputError("choose at least one component")
    snapshots = subjects(task)[optimizer].snapshots
    query = {
        "task": task,
        "optimizer": optimizer,
        "compare": compared,
        "seed": str(seed),
        "baselines": ",".join(baselines) or "none",
        "band": "on" if band else "off",
        "components": ",".join(str(int(i) + 1) for i in components),
        "axis": axis,
        "theme": theme,
    }
    if snapshots:
        query["outer_step"] = str(outer_step_at(snapshots, position))
    chosen = _start(*start)
    if own:
        query["own"] = own
    if chosen is not None:
        query["start"] = FIELDS["start"].write(chosen)
    view, wrong = parse(query)
    if wrong:
        raise InputError(wrong[0])
    return view


@callback(Output("explore-theme", "data"), Input("theme", "data"), prevent_initial_call=True)
def on_theme(theme: str) -> str:
    """Where a recording is shown, a switch of the theme must not ask for these controls: Dash would stop with an error."""
    return theme


@callback(
    *[Output(f"{name}-graph", "figure") for name in PANELS],
    Output("view", "data"),
    Output("notice", "children"),
    Output("outer-step-text", "children"),
    Output("optimizer-detail", "children"),
    Output("drawn", "data"),
    Output("answered", "data"),
    inputs={
        "task": Input("task", "value"),
        "optimizer": Input("optimizer", "value"),
        "position": Input("position", "data"),
        "names": [Input(f"compare-{i}", "value") for i in ROWS],
        "steps": [Input(f"compare-step-{i}", "value") for i in ROWS],
        "seed": Input("seed", "value"),
        "start": (Input("start-x", "value"), Input("start-y", "value")),
        "baselines": Input("baselines", "value"),
        "own": Input("own", "data"),
        "band": Input("band", "checked"),
        "components": Input("components", "value"),
        "axis": Input("axis", "value"),
        "theme": Input("explore-theme", "data"),
        "scheme": State("provider", "forceColorScheme"),
        "drawn": State("drawn", "data"),
    },
    prevent_initial_call=True,
)
def on_view(
    task: str,
    optimizer: str,
    position: int,
    names: Sequence[str | None],
    steps: Sequence[str | None],
    seed: Any,
    start: tuple[Any, Any],
    baselines: list[str],
    own: str,
    band: bool,
    components: list[str],
    axis: str,
    theme: str,
    scheme: str | None,
    drawn: dict[str, str],
) -> tuple[Any, ...]:
    """Draw the view for the current values of the controls: those of its figures that are not drawn already."""
    same = [no_update] * len(PANELS)
    if optimizer not in subjects(task):  # the task has changed; its optimizer follows in the next call
        return *same, *[no_update] * 5, time.monotonic()
    try:
        compared = compared_of(task, names, steps)
        view = view_of(task, optimizer, position, compared, seed, start, baselines, own, band, components, axis, theme)
    except InputError as error:
        return *same, no_update, sentences([str(error)]), *[no_update] * 3, time.monotonic()
    made = draw(view, scheme or "")
    column = made.columns[0]
    changed = column.changed(drawn)
    figures = [changed.get(name, no_update) for name in PANELS]
    subject = subjects(view.task)[view.optimizer]
    said = outer_step_text(subject, view.outer_step), subject.detail_at(view.outer_step)
    return *figures, made.description, sentences(made.notices), *said, column.keys, time.monotonic()


clientside_callback(ClientsideFunction("explore", "show"), Output("view", "modified_timestamp"), Input("view", "data"))
clientside_callback(
    ClientsideFunction("explore", "outerStep"),
    Output("position", "data"),
    Input("outer-step", "value"),
    State("optimizer", "value"),
    prevent_initial_call=True,
)
clientside_callback(
    ClientsideFunction("explore", "own"),
    Output("own-ranges", "modified_timestamp"),
    Input("own-ranges", "data"),
    State("own-kind", "value"),
    State("own", "data"),
)
clientside_callback(
    ClientsideFunction("explore", "answered"), Output("answered", "modified_timestamp"), Input("answered", "data")
)
clientside_callback(
    ClientsideFunction("explore", "copyLink"), Output("copy-link", "children"), Input("copy-link", "n_clicks")
)
clientside_callback(
    ClientsideFunction("explore", "saveLink"), Output("save-page", "data-saved"), Input("save-page", "n_clicks")
)
clientside_callback(
    ClientsideFunction("explore", "setPanels"), Output("panels-shown", "data-shown"), Input("panels-shown", "value")
)
clientside_callback(ClientsideFunction("explore", "setSpeed"), Output("speed", "data-speed"), Input("speed", "value"))
