"""Mechanisms: what makes an optimizer work, one mechanism at a time, two optimizers side by side."""

from collections.abc import Sequence
from typing import Any

import dash
import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Input, Output, State, callback, clientside_callback, ctx, dcc, html, no_update
from dash.exceptions import PreventUpdate
from flask import request

from app.pages.mechanisms import PAGE
from app.pages.mechanisms.claims import NULLS, Verdict, verdict_of
from app.pages.mechanisms.data import prepare
from app.pages.mechanisms.draw import Side, draw
from app.pages.mechanisms.view import KEPT_BY_BROWSER, View, parse, to_query
from app.shared.catalog import subjects, task_options
from app.shared.fields import outer_step_at
from app.shared.icons import icon
from app.shared.mechanisms import MECHANISMS, MechanismFigure
from app.shared.mechanisms.frames import LAST
from app.shared.menus import buttons, menu, optimizer_options, outer_step_properties, outer_step_text
from app.shared.numbers import number
from app.shared.parts import sentences
from app.shared.read_only import read_only
from app.shared.style import GRAPH_CONFIG, LIGHT, THEMES
from core.errors import InputError
from core.mechanisms.null import COUNT
from core.mechanisms.wording import SAYS

dash.register_page(__name__, **PAGE.registration())

INTRODUCTION = (
    "What makes an optimizer work, measured with the same instruments on learned and hand-designed ones. "
    "Point at anything to highlight it in the other figures."
)

TICK = 1500  # milliseconds between two looks at how far untrained optimizers are measured


def layout(**query: str) -> html.Main:
    """The page for one link, with its figures."""
    view = None
    try:
        view, wrong = parse({name: value for name, value in query.items() if isinstance(value, str)})
        sides = draw(view, THEMES.get(request.cookies.get("theme", ""), LIGHT))
        subject = subjects(view.task)[view.optimizer]
    except InputError as error:  # a damaged file in the zoo, or an optimizer that cannot be measured here
        return html.Main(
            [html.Div(sentences([str(error)]), className="notice", role="alert"), *_elsewhere(view)], className="lone"
        )
    prepare(view.task, view.optimizer, view.view)
    return html.Main(
        className="mechanisms",
        id="panels",
        tabIndex=-1,
        children=[
            dcc.Store(id="mechanisms-link", data=link_of(view)),
            dcc.Store(id="mechanisms-mode", data=view.mode),
            dcc.Store(id="mechanisms-data", data=client_frames(view, sides)),
            dcc.Store(id="mechanisms-drawn"),
            dcc.Interval(id="mechanisms-null-tick", interval=TICK, disabled=True),
            html.Div(sentences(wrong), id="link-notice", className="notice", role="alert"),
            html.Div(id="mechanisms-notice", className="notice", role="status"),
            html.H2("Mechanisms: how it works"),
            html.P(INTRODUCTION, className="introduction"),
            _chooser(view, subject),
            _views(view, sides),
            html.Div(stage(view, sides), id="mechanisms-stage"),
            html.Div(
                id="mechanisms-bar",
                className="handle",
                style=bar_style(sides),
                children=[
                    html.Span(handle_of(sides), id="mechanisms-handle", className="label"),
                    dmc.Slider(
                        id="mechanisms-position",
                        min=0,
                        max=LAST,
                        step=1,
                        value=view.position,
                        label=None,
                        size="sm",
                        updatemode="drag",
                        thumbLabel="Position",
                        className="handle-slider",
                    ),
                    html.Output(id="mechanisms-readout", className="value"),
                ],
            ),
        ],
    )


def _chooser(view: View, subject: Any) -> html.Div:
    return html.Div(
        className="chooser mechanisms-chooser",
        children=[
            buttons("mechanisms-task", task_options(), view.task, "Task"),
            menu(
                "mechanisms-optimizer",
                optimizer_options(view.task),
                view.optimizer,
                "Optimizer under the microscope",
                240,
            ),
            menu("mechanisms-versus", versus_options(view.task), view.versus, "Optimizer beside it", 220),
            html.Div(
                className="film",
                children=[
                    html.Button(
                        [icon("play"), icon("pause")],
                        id="mechanisms-play",
                        type="button",
                        className="player",
                        title="Play outer training",
                        **{"aria-label": "Play outer training"},
                    ),
                    html.Span("Outer step", className="label"),
                    dmc.Slider(
                        id="mechanisms-outer",
                        step=1,
                        label=None,
                        size="sm",
                        updatemode="drag",
                        thumbLabel="Outer step (snapshot)",
                        className="film-slider",
                        **{**outer_step_properties(subject, view.outer_step), "marks": []},
                    ),
                    html.Span(outer_step_text(subject, view.outer_step), id="mechanisms-outer-text", className="value"),
                ],
            ),
        ],
    )


def _views(view: View, sides: Sequence[Side]) -> html.Div:
    """The buttons of the mechanisms, and what a view has to be set."""
    options = [{"value": name, "label": row.title} for name, row in MECHANISMS.items()]
    moment = html.Div(
        id="mechanisms-moment-block",
        className="film moment",
        style=moment_style(sides),
        children=[
            html.Span("Second moment, percentile", className="label"),
            dmc.Slider(
                id="mechanisms-moment",
                min=1,
                max=99,
                step=1,
                value=view.moment,
                size="sm",
                updatemode="mouseup",
                thumbLabel="Second moment: percentile of those over a run",
                className="film-slider",
            ),
        ],
    )
    return html.Div([buttons("mechanisms-view", options, view.view, "Mechanism"), moment], className="views")


def versus_options(task: str) -> list[dict[str, str]]:
    """Entries of the menu of the optimizer beside it."""
    beside = [{**entry, "label": f"beside {entry['label']}"} for entry in optimizer_options(task)]
    return [{"value": "none", "label": "none beside it"}, *beside]


def handle_of(sides: Sequence[Side]) -> str:
    """The label of the slider under the figures; "" if nothing moves on either side."""
    return next((side.mechanism.handle for side in sides if side.mechanism.handle), "")


def bar_style(sides: Sequence[Side]) -> dict[str, str]:
    """Show the slider under the figures if something moves."""
    return {} if handle_of(sides) else {"display": "none"}


def link_of(view: View) -> str:
    """The part of the view's link that the server writes; the browser adds the rest."""
    return to_query(view, leave_out=KEPT_BY_BROWSER)


def client_frames(view: View, sides: list[Side]) -> dict[str, Any]:
    """The moving parts, for the browser."""
    return {"view": view.view, "sides": [side.frames.as_json() for side in sides]}


def stage(view: View, sides: list[Side]) -> list[html.Section]:
    """One section for each side."""
    return [_section(view, number, side) for number, side in enumerate(sides)]


def _section(view: View, number: int, side: Side) -> html.Section:
    swatch = html.Span(className="swatch", style={"--mark": side.color, "--dash": "solid"}, **{"aria-hidden": "true"})
    figures = side.mechanism.figures
    return html.Section(
        className="side",
        **{"aria-label": side.title},
        children=[
            html.Div(
                className="side-head",
                children=[
                    html.H3([swatch, side.title]),
                    html.P(side.detail, className="hint", title=side.detail),
                    *(
                        [html.P(held_text(side.moment, view.moment), className="hint")]
                        if side.moment is not None
                        else []
                    ),
                    html.Div(id={"type": "mechanisms-claim", "side": number}, className="claim", role="status"),
                    html.Output(id=f"mechanisms-reading-{number}", className="value reading"),
                ],
            ),
            html.Div(
                className="side-cards",
                **{"data-figures": str(len(figures))},
                children=[_card(view.view, figure, number, side) for figure in figures],
            ),
            html.Div(
                className="side-captions",
                children=[
                    html.Div(
                        [html.H4(figure.title), *sentences(side.captions[figure.name])],
                        id=f"{view.view}-{figure.name}-{number}-caption",
                        className="caption",
                    )
                    for figure in figures
                ],
            ),
        ],
    )


def held_text(value: float, percent: int) -> str:
    """At which second moment an optimizer is looked at, and why."""
    where = "the median" if percent == 50 else f"percentile {percent}"
    return f"Second moment held at {number(value)}, {where} of those over a run: at gradient 0 it would decay to 0."


def moment_style(sides: Sequence[Side]) -> dict[str, str]:
    """Show the slider of the second moment if a side is held at one."""
    return {} if any(side.moment is not None for side in sides) else {"display": "none"}


def _card(view: str, figure: MechanismFigure, number: int, side: Side) -> html.Section:
    identity = f"{view}-{figure.name}-{number}"
    return html.Section(
        className="card",
        id=f"{identity}-card",
        children=[
            html.H4(figure.title),
            html.Div(
                dcc.Graph(
                    id=f"{identity}-graph",
                    figure=side.figures[figure.name],
                    config=GRAPH_CONFIG,
                    responsive=True,
                    style={"height": "100%"},
                ),
                className="room mechanism-room",
                **{"data-figure": figure.name, "data-side": str(number), "data-points-at": figure.points_at or ""},
            ),
        ],
        **{"aria-describedby": f"{identity}-caption"},
    )


@callback(
    Output("mechanisms-optimizer", "data"),
    Output("mechanisms-optimizer", "value"),
    Output("mechanisms-versus", "data"),
    Output("mechanisms-versus", "value"),
    Input("mechanisms-task", "value"),
    prevent_initial_call=True,
)
def on_task(task: str) -> tuple[Any, ...]:
    """Set the optimizers of a new task."""
    view, _ = parse({"task": task})
    return optimizer_options(task), view.optimizer, versus_options(task), view.versus


@callback(
    Output("mechanisms-outer", "max"),
    Output("mechanisms-outer", "disabled"),
    Output("mechanisms-outer", "value"),
    Input("mechanisms-optimizer", "value"),
    State("mechanisms-task", "value"),
    prevent_initial_call=True,
)
def on_optimizer(optimizer: str, task: str) -> tuple[Any, ...]:
    """Set the snapshots of a new optimizer."""
    known = subjects(task)
    if optimizer not in known:
        raise PreventUpdate  # the task has changed; its optimizer follows in the next call
    slider = outer_step_properties(known[optimizer], max(known[optimizer].snapshots, default=None))
    return slider["max"], slider["disabled"], slider["value"]


def _elsewhere(view: View | None) -> list[html.P]:
    """Where else an optimizer that cannot be measured here can be looked at."""
    if view is None:
        return []
    title = subjects(view.task)[view.optimizer].title
    return [
        html.P(html.A(f"{title} on Explore", href=f"/?task={view.task}&optimizer={view.optimizer}")),
        html.P(
            html.A(
                "Mechanisms of the optimizer that the task opens with",
                href=f"/mechanisms?task={view.task}&view={view.view}",
            )
        ),
    ]


def asked_for(
    task: str,
    optimizer: str,
    outer: int,
    versus: str,
    view: str,
    theme: str,
    mode: int,
    position: int,
    moment: int = 50,
) -> View | None:
    """The view for the current values of the controls; None if the optimizers are not yet those of the new task.

    Raises:
        InputError: a control has an invalid value.
    """
    known = subjects(task)
    if optimizer not in known or versus not in (*known, "none"):
        return None
    query = {"task": task, "optimizer": optimizer, "versus": versus, "view": view, "theme": theme}
    snapshots = known[optimizer].snapshots
    if snapshots:
        query["outer_step"] = str(outer_step_at(snapshots, outer))
    made, wrong = parse({**query, "mode": str(mode), "position": str(position), "moment": str(moment)})
    if wrong:
        raise InputError(wrong[0])
    return made


@callback(
    Output("mechanisms-stage", "children"),
    Output("mechanisms-data", "data"),
    Output("mechanisms-link", "data"),
    Output("mechanisms-outer-text", "children"),
    Output("mechanisms-handle", "children"),
    Output("mechanisms-bar", "style"),
    Output("mechanisms-moment-block", "style"),
    Output("mechanisms-notice", "children"),
    Input("mechanisms-task", "value"),
    Input("mechanisms-optimizer", "value"),
    Input("mechanisms-outer", "value"),
    Input("mechanisms-versus", "value"),
    Input("mechanisms-view", "value"),
    Input("mechanisms-moment", "value"),
    Input("theme", "data"),
    State("mechanisms-mode", "data"),
    State("mechanisms-position", "value"),
    State("provider", "forceColorScheme"),
    prevent_initial_call=True,
)
def on_view(
    task: str,
    optimizer: str,
    outer: int,
    versus: str,
    view: str,
    moment: int,
    theme: str,
    mode: int,
    position: int,
    scheme: str | None,
) -> tuple[Any, ...]:
    """Draw the view for the current values of the controls."""
    try:
        asked = asked_for(task, optimizer, outer, versus, view, theme, mode, position, moment)
        if asked is None:
            return (no_update,) * 8
        sides = draw(asked, THEMES.get(scheme or request.cookies.get("theme", ""), LIGHT))
    except InputError as error:
        return *(no_update,) * 7, sentences([str(error)])
    prepare(asked.task, asked.optimizer, asked.view)
    text = outer_step_text(subjects(task)[optimizer], asked.outer_step)
    return (
        stage(asked, sides),
        client_frames(asked, sides),
        link_of(asked),
        text,
        handle_of(sides),
        bar_style(sides),
        moment_style(sides),
        [],
    )


def claim_parts(verdict: Verdict, progress: str | None, side: int) -> list[Any]:
    """A verdict on the page: a badge, the sentence, and the button that measures what is missing."""
    if verdict.claim is None:
        return []
    kind = verdict.claim.verdict
    parts: list[Any] = [
        html.Span(SAYS[kind], className=f"badge {kind}"),
        html.Span(verdict.sentence.partition(": ")[2]),
    ]
    if progress is not None:
        parts.append(html.Span(progress, className="value"))
    elif verdict.null_missing and not read_only():
        name = {"type": "mechanisms-null", "side": side}
        parts.append(html.Button(f"Measure {COUNT} untrained ones", id=name, type="button", className="action"))
    return parts


@callback(
    Output({"type": "mechanisms-claim", "side": ALL}, "children"),
    Output("mechanisms-null-tick", "disabled"),
    Input("mechanisms-data", "data"),
    Input("mechanisms-null-tick", "n_intervals"),
    Input({"type": "mechanisms-null", "side": ALL}, "n_clicks"),
    State("mechanisms-link", "data"),
    State({"type": "mechanisms-claim", "side": ALL}, "id"),
)
def on_claim(_: Any, ticks: int | None, clicks: list[int | None], link: str, claims: list[Any]) -> tuple[Any, ...]:
    """The verdict of each side; it takes longer than the figures, so it comes after them."""
    view, _wrong = parse(link)
    known = subjects(view.task)
    sides = [(view.optimizer, view.outer_step)]
    if view.versus != "none":
        sides.append((view.versus, max(known[view.versus].snapshots, default=None)))
    asked = ctx.triggered_id
    if isinstance(asked, dict) and any(clicks) and asked["side"] < len(sides):
        NULLS.start(known[sides[asked["side"]][0]])
    parts, busy = [], False
    for place, (name, outer_step) in enumerate(sides[: len(claims)]):
        progress = NULLS.progress(known[name])
        busy = busy or progress is not None
        try:
            verdict = verdict_of(view.task, name, outer_step, view.view)
        except InputError as error:  # a damaged file, or weights that are not finite
            verdict = Verdict(None, str(error))
        parts.append(claim_parts(verdict, progress, place) or ([verdict.sentence] if verdict.sentence else []))
    return parts + [[]] * (len(claims) - len(parts)), not busy


clientside_callback(
    ClientsideFunction("mechanisms", "show"),
    Output("mechanisms-drawn", "data"),
    Input("mechanisms-data", "data"),
    Input("mechanisms-position", "value"),
    Input("mechanisms-mode", "data"),
)
clientside_callback(
    ClientsideFunction("mechanisms", "address"),
    Output("mechanisms-link", "modified_timestamp"),
    Input("mechanisms-link", "data"),
    Input("mechanisms-position", "value"),
    Input("mechanisms-mode", "data"),
)
clientside_callback(
    ClientsideFunction("mechanisms", "film"),
    Output("mechanisms-play", "aria-pressed"),
    Input("mechanisms-play", "n_clicks"),
    prevent_initial_call=True,
)
