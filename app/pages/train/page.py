"""The Train page: starts, watches and queues outer trainings through the HTTP routes."""

from collections.abc import Mapping
from typing import Any

import dash
import dash_mantine_components as dmc
import plotly.graph_objects as go
from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, ctx, dcc, html, no_update
from flask import request

from app.pages.train import PAGE
from app.pages.train.draw import INSTRUMENTS, draw
from app.pages.train.figures import FIGURES
from app.pages.train.settings import PRESETS, allowed, choices_of, highest, parameters_of
from app.pages.train.view import NAMES, parse, starting, to_form
from app.shared.catalog import TITLES
from app.shared.parts import sentences, swatch
from app.shared.read_only import SENTENCE, read_only
from app.shared.style import DARK, GRAPH_CONFIG, LIGHT, THEMES, Theme, figure
from core.errors import InputError
from core.jobs.limits import Limits
from core.jobs.queue import find
from core.optimizers.hand_designed import BASELINES
from core.runs.options import SETTINGS, command_of, from_options, to_options
from core.runs.states import Action
from core.settings import Setting

dash.register_page(__name__, **PAGE.registration())

LOOKING = "Choose a run to see how it learned. Any number of tabs can watch one that is being trained."  # where nothing can be trained
INTRODUCTION = (
    "Choose a preset and press Start: within seconds, an optimizer begins to learn. "
    "Training continues when this page is closed, and any number of tabs can watch it."
)
FIRST = next(iter(PRESETS))
FACTS = {
    "step": "outer step",
    "speed": "outer steps per second",
    "left": "time left",
    "held-out": "held-out meta-loss",
    "loss": "in training, last outer step",
    "diverged": "problems diverged",
    "skipped": "steps skipped",
}
ACTIONS: dict[Action, str] = {  # requests for a run
    "pause": "Pause",
    "resume": "Resume",
    "stop": "Stop and keep",
    "cancel": "Cancel",
    "delete": "Delete",
}


def layout(**query: str) -> html.Main:
    """The page for one link; the browser fills in the runs."""
    view, wrong = parse({name: value for name, value in query.items() if isinstance(value, str)})
    theme = THEMES.get(request.cookies.get("theme", ""), LIGHT)
    settings, start = starting(view)
    frames = {
        colors.name: {name: make(colors).to_plotly_json() for name, make in FIGURES.items()} for colors in (LIGHT, DARK)
    }
    return html.Main(
        className="train",
        id="panels",
        tabIndex=-1,
        children=[
            dcc.Store(id="train-run", data=view.run),
            dcc.Store(id="train-frames", data=frames),
            dcc.Store(id="train-start", data=start),
            dcc.Store(id="train-again", data=None),
            dcc.Store(id="train-body", data=None),
            dcc.Store(id="train-snapshot", data=None),
            dcc.Store(id="train-snapshot-shown", data=None),
            html.Div(sentences(wrong), id="link-notice", className="notice", role="alert"),
            html.Div(id="train-offline", className="notice", role="alert"),
            html.Div(id="train-notice", className="notice", role="status"),
            html.Div(
                className="train-columns",
                children=[
                    html.Aside(
                        [_form(settings or PRESETS[FIRST].settings), _runs()],
                        className="train-side",
                        **{"aria-label": "New run, and all runs"},
                    ),
                    html.Div([_nothing(), _chosen(theme)], className="train-stage"),
                ],
            ),
            _question(),
        ],
    )


def _form(settings: Mapping[str, Any]) -> html.Section:
    shown = to_form(settings)
    limits = Limits.from_environment()
    groups: dict[str, list[Setting]] = {}
    for setting in SETTINGS:
        groups.setdefault(setting.group, []).append(setting)
    return html.Section(
        className="card",
        **{"aria-labelledby": "train-form-title"},
        children=[
            html.H2("New run", id="train-form-title"),
            html.Div(
                [
                    html.Button(
                        [html.B(preset.title), html.Span(preset.about)],
                        id=f"preset-{name}",
                        type="button",
                        className="preset",
                    )
                    for name, preset in PRESETS.items()
                ],
                className="presets",
                role="group",
                **{"aria-label": "Presets"},
            ),
            dmc.Accordion(
                id="train-settings",
                variant="separated",
                chevronPosition="left",
                multiple=True,
                value=[],
                children=[
                    dmc.AccordionItem(
                        [
                            dmc.AccordionControl(group),
                            dmc.AccordionPanel(
                                html.Div([_control(row, shown[row.name], limits) for row in listed], className="fields")
                            ),
                        ],
                        value=group,
                    )
                    for group, listed in groups.items()
                ],
            ),
            html.Div(
                className="from",
                id="train-from",
                style={"display": "none"},
                children=[
                    html.Span(id="train-from-text"),
                    html.Button("from scratch instead", type="button", className="plain", **{"data-act": "scratch"}),
                ],
            ),
            html.Div(className="go", children=_start()),
            html.Div(id="train-refusal", className="notice", role="alert"),
            html.Details(
                className="shell",
                children=[
                    html.Summary("The same command for the shell"),
                    _command("train-command"),
                ],
            ),
        ],
    )


def _start() -> list[Any]:
    """The button that starts a run, and how long it would take; a sentence where nothing can be trained."""
    if read_only():
        return [html.Span(f"{SENTENCE.capitalize()}.", className="value")]
    return [dmc.Button("Start", id="train-go", size="sm"), html.Output(id="train-estimate", className="value")]


def _command(identity: str) -> html.Div:
    return html.Div(
        [
            html.Code(id=identity, tabIndex=0),
            html.Button("Copy", type="button", className="plain", **{"data-act": "copy", "data-of": identity}),
        ],
        className="command",
    )


def _control(setting: Setting, value: Any, limits: Limits) -> Any:
    may = allowed(setting, limits)
    about = f"{setting.description[:-1]} ({may})." if may else setting.description
    identity = f"train-set-{setting.name}"
    common = {"id": identity, "label": setting.title, "description": about, "size": "xs", "value": value}
    choices = choices_of(setting)
    if choices:
        data = [{"value": key, "label": label} for key, label in choices.items()]
        return dmc.Select(data=data, allowDeselect=False, **common)
    if setting.kind == "text":
        common["description"] = [about, " ", html.Span(id="train-parameters")]
        return dmc.TextInput(debounce=True, placeholder="{}", **common)
    empty = {"placeholder": "none"} if setting.optional else {}
    return dmc.NumberInput(  # a value out of bounds is refused with a message, not changed silently
        clampBehavior="none",
        allowDecimal=setting.kind == "number",
        min=setting.low,
        max=highest(setting, limits),
        step=1 if setting.kind == "whole" else 0.001,
        hideControls=True,
        debounce=True,
        **empty,
        **common,
    )


def _runs() -> html.Section:
    return html.Section(
        className="card",
        **{"aria-labelledby": "train-runs-title"},
        children=[
            html.Div(
                [html.H2("Runs", id="train-runs-title"), html.Span(id="train-workers", className="value")],
                className="card-head",
            ),
            html.Ul(id="train-runs", className="runs"),
        ],
    )


def _nothing() -> html.Section:
    said = [html.H2("Runs"), html.P(LOOKING)] if read_only() else [html.H2("Train an optimizer"), html.P(INTRODUCTION)]
    return html.Section(said, id="train-nothing", className="card nothing")


def _chosen(theme: Theme) -> html.Section:
    tools = [
        html.Button(
            title,
            type="button",
            className="action",
            hidden=True,
            **{"data-act": name},
        )
        for name, title in ({} if read_only() else ACTIONS).items()
    ]
    summarize = html.Button(
        "Notify me when it ends",
        id="train-tell",
        type="button",
        className="action",
        hidden=True,
        **{"data-act": "tell"},
    )
    facts = [html.Div([html.Dt(title), html.Dd(id=f"train-fact-{name}")]) for name, title in FACTS.items()]
    return html.Section(
        id="train-chosen",
        hidden=True,
        **{"aria-labelledby": "train-name"},
        children=[
            html.Div(
                className="card",
                children=[
                    html.Div(
                        [
                            html.H2(id="train-name"),
                            html.Span(id="train-state", className="state"),
                            html.Div(
                                [summarize, *tools], className="actions", role="group", **{"aria-label": "This run"}
                            ),
                        ],
                        className="run-head",
                    ),
                    html.Progress(id="train-progress", max=1, value="0", **{"aria-label": "Outer steps done"}),
                    html.Dl(facts, className="facts"),
                    html.P(id="train-message", className="message"),
                    html.Div(id="train-links", className="links"),
                ],
            ),
            html.Div(
                className="train-cards",
                children=[
                    _card("outer", "Outer training", FIGURES["outer"](theme), "wide", _key()),
                    _card("curve", "One held-out problem", FIGURES["curve"](theme)),
                    *(_card(name, instrument.title, _blank(theme)) for name, instrument in INSTRUMENTS.items()),
                    html.Section(
                        [html.H3("Log"), html.Ol(id="train-log", className="log")],
                        className="card",
                        **{"aria-label": "Log"},
                    ),
                    html.Section(
                        className="card wide",
                        children=[
                            html.H3("This run"),
                            html.Div(
                                [
                                    html.Span(
                                        "Snapshots at outer step"
                                        if read_only()
                                        else "Start again from the snapshot at outer step",
                                        className="label",
                                    ),
                                    html.Span(id="train-snapshots", className="snapshots"),
                                ],
                                className="again",
                            ),
                            _command("train-run-command"),
                        ],
                    ),
                ],
            ),
        ],
    )


def _key() -> html.Div:
    """The legend of the optimizers."""
    return html.Div(
        [html.Span([swatch(name), TITLES[name]], className="key") for name in ("learned", *BASELINES)],
        className="keys",
        **{"aria-hidden": "true"},
    )


def _card(name: str, title: str, drawn: go.Figure, kind: str = "", aside: Any = None) -> html.Section:
    graph = dcc.Graph(id=f"train-{name}-graph", figure=drawn, config=GRAPH_CONFIG, responsive=True)
    return html.Section(
        className=f"card {kind}",
        **{"aria-label": title},
        children=[
            html.H3([title, html.Span(id=f"train-{name}-of", className="value")]),
            aside,
            html.Div(graph, className="room train-room"),
            html.Div(id=f"train-{name}-caption", className="caption"),
        ],
    )


def _blank(theme: Theme) -> go.Figure:
    return figure(theme, "blank", {"visible": False}, {"visible": False}, [])


def _question() -> html.Dialog:
    return html.Dialog(
        id="train-question",
        className="question",
        **{"aria-labelledby": "train-question-text"},
        children=[
            html.P(id="train-question-text"),
            html.Div(
                [
                    html.Button("No", type="button", className="action", **{"data-act": "no"}),
                    html.Button("Yes", id="train-yes", type="button", className="action danger", **{"data-act": "yes"}),
                ],
                className="actions",
            ),
        ],
    )


CONTROLS = [f"train-set-{name}" for name in NAMES]


@callback(
    *(Output(name, "value") for name in CONTROLS),
    Output("train-start", "data"),
    *(Input(f"preset-{name}", "n_clicks") for name in PRESETS),
    Input("train-set-task", "value"),
    Input("train-again", "data"),
    prevent_initial_call=True,
)
def on_fill(*given: Any) -> tuple[Any, ...]:
    """Fill in the form from a preset, another task, or a run to start again."""
    task, again = given[-2:]
    cause = str(ctx.triggered_id)
    start: dict[str, Any] | None = None
    if cause == "train-again":
        if not again:
            return (no_update,) * (len(NAMES) + 1)
        try:
            settings = to_options(find(again["run"]).run.config)
        except InputError:  # deleted in the meantime
            return (no_update,) * (len(NAMES) + 1)
        start = {"run": again["run"], "outer_step": again["outer_step"]}
    elif cause.startswith("preset-"):
        settings = dict(PRESETS[cause.removeprefix("preset-")].settings)
    else:
        settings = {"task": task}
    return *to_form(settings).values(), start


@callback(
    Output("train-command", "children"),
    Output("train-parameters", "children"),
    Output("train-refusal", "children"),
    Input("train-body", "data"),
)
def on_body(body: dict[str, Any] | None) -> tuple[Any, ...]:
    """The command for the settings in the form, or the error if they are invalid."""
    if body is None:
        return (no_update,) * 3
    about = parameters_of(body["task"])
    try:
        config = from_options(body, strict=True)
        Limits.from_environment().check(config)
    except InputError as error:
        return "", about, sentences([str(error)])
    name = f"{config.task}-{config.architecture.cell}{config.architecture.units}"
    return command_of(config, f"runs/{name}"), about, []


@callback(
    *(Output(f"train-{name}-graph", "figure") for name in INSTRUMENTS),
    *(Output(f"train-{name}-caption", "children") for name in INSTRUMENTS),
    *(Output(f"train-{name}-of", "children") for name in INSTRUMENTS),
    Output("train-snapshot-shown", "data"),
    Input("train-snapshot", "data"),
    Input("theme", "data"),
    State("provider", "forceColorScheme"),
    prevent_initial_call=True,
)
def on_snapshot(snapshot: dict[str, Any] | None, switched: str, scheme: str | None) -> tuple[Any, ...]:
    """Draw a new snapshot."""
    theme = THEMES.get(scheme or request.cookies.get("theme", ""), LIGHT)
    count = len(INSTRUMENTS)
    if not snapshot or snapshot["outer_step"] is None:
        return *(_blank(theme),) * count, *([],) * count, *("",) * count, snapshot
    try:
        drawn = draw(find(snapshot["run"]).run, int(snapshot["outer_step"]), theme)
    except (InputError, OSError) as error:  # deleted in the meantime, or damaged
        return *(_blank(theme),) * count, *(sentences([str(error)]),) * count, *("",) * count, snapshot
    of = f"after {snapshot['outer_step']:,} outer steps"
    return (
        *(made for made, _ in drawn.values()),
        *(sentences(caption) for _, caption in drawn.values()),
        *(of,) * count,
        snapshot,
    )


clientside_callback(
    ClientsideFunction("train", "form"),
    Output("train-body", "data"),
    Output("train-from", "style"),
    Output("train-from-text", "children"),
    *(Input(name, "value") for name in CONTROLS),
    Input("train-start", "data"),
)
clientside_callback(
    ClientsideFunction("train", "estimate"),
    Output("train-body", "modified_timestamp"),
    Input("train-command", "children"),
    State("train-body", "data"),
)
clientside_callback(
    ClientsideFunction("train", "go"),
    Output("train-start", "modified_timestamp"),
    Input("train-go", "n_clicks"),
    *(State(name, "value") for name in CONTROLS),
    State("train-start", "data"),
    prevent_initial_call=True,
)
clientside_callback(
    ClientsideFunction("train", "open"),
    Output("train-run", "modified_timestamp"),
    Input("train-run", "data"),
    State("train-frames", "data"),
)
clientside_callback(
    ClientsideFunction("train", "drawn"),
    Output("train-snapshot-shown", "modified_timestamp"),
    Input("train-snapshot-shown", "data"),
)
clientside_callback(
    ClientsideFunction("train", "theme"),
    *(Output(f"train-{name}-graph", "figure") for name in FIGURES),
    Input("theme", "data"),
    State("provider", "forceColorScheme"),
    prevent_initial_call=True,
)
