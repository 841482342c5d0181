"""The Runs page: compares the outer trainings of a sweep, or any others."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import dash
import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html
from flask import request

from app.pages.runs import PAGE
from app.pages.runs.data import RunSummary, compared_by, curves_of, differences, summarize, text_of
from app.pages.runs.figures import colors_of, curves_figure, levels_figure
from app.pages.runs.view import MOST_SMOOTH, View, chosen, parse, sweeps, to_query
from app.shared.catalog import called
from app.shared.menus import buttons, menu
from app.shared.numbers import counted, number, plus_minus
from app.shared.parts import sentences
from app.shared.style import GRAPH_CONFIG, LIGHT, THEMES, Theme, described
from core.mechanisms.wording import listed
from core.runs.states import STATES
from core.tasks import TASKS

dash.register_page(__name__, **PAGE.registration())

EVERY = 2000  # milliseconds, while a run is being trained
HEADINGS = ("run", "state", "outer steps", "held out", "in training", "diverged", "skipped", "seconds", "open")


def layout(**query: str) -> html.Main:
    """The page for one link."""
    view, wrong = parse({name: value for name, value in query.items() if isinstance(value, str)})
    theme = THEMES.get(request.cookies.get("theme", ""), LIGHT)
    summaries = summarize(chosen(view))
    drawn = _draw(view, summaries, theme)
    return html.Main(
        className="performance runs-page",
        id="panels",
        tabIndex=-1,
        children=[
            dcc.Store(id="runs-link", data=to_query(view)),
            dcc.Interval(id="runs-tick", interval=EVERY, disabled=_over(summaries)),
            html.Div(sentences(wrong), id="link-notice", className="notice", role="alert"),
            html.H2(view.sweep or "Runs compared"),
            html.P(drawn["sentence"], id="runs-sentence", className="introduction"),
            _sweeps(view),
            html.Div(
                className="chooser",
                style={} if summaries else {"display": "none"},
                children=[
                    html.Span("By", className="label"),
                    menu("runs-axis", drawn["axes"], drawn["axis"], "Setting to compare by", 220),
                    html.Div(drawn["key"], id="runs-key", className="keys"),
                    buttons("runs-scale", ["log", "linear"], view.scale, "Scale of the meta-loss", "xs"),
                    html.Span("Smoothing", className="label"),
                    dmc.Slider(
                        id="runs-smooth",
                        min=0,
                        max=MOST_SMOOTH,
                        step=1,
                        value=view.smooth,
                        w=140,
                        size="sm",
                        label=None,
                        updatemode="mouseup",
                        thumbLabel="Smoothing: percent of the curve on either side",
                    ),
                ],
            ),
            html.Div(
                className="cards pair-of-cards",
                style={} if summaries else {"display": "none"},
                children=[
                    _card("curves", "Outer training", drawn["curves"]),
                    _card("levels", "Final performance", drawn["levels"]),
                ],
            ),
            html.Div(
                html.Table(
                    [html.Thead(html.Tr(drawn["head"]), id="runs-head"), html.Tbody(drawn["rows"], id="runs-rows")],
                    className="scores",
                ),
                className="card table-room",
                tabIndex=0,
                role="region",
                style={} if summaries else {"display": "none"},
                **{"aria-label": "All runs, the best first; scrolls sideways if narrow"},
            ),
        ],
    )


def _over(summaries: list[RunSummary]) -> bool:
    return all(STATES[run.state].over for run in summaries)


def _card(name: str, title: str, figure: Any) -> html.Section:
    graph = dcc.Graph(id=f"runs-{name}-graph", figure=figure, config=GRAPH_CONFIG, responsive=True)
    return html.Section(
        [html.H3(title, id=f"runs-{name}-title"), html.Div(graph, className="room outer-room")],
        className="card",
        **{"aria-labelledby": f"runs-{name}-title"},
    )


def _sweeps(view: View) -> Any:
    others = {name: runs for name, runs in sweeps().items() if name != view.sweep}
    if view.runs or not others:
        return None
    links = [dcc.Link(f"{name} ({len(runs)} runs)", href=f"/runs?sweep={name}") for name, runs in others.items()]
    return html.Nav([html.Span("Other sweeps:" if view.sweep else "Sweeps:"), *links], className="snapshots")


def _draw(view: View, summaries: list[RunSummary], theme: Theme) -> dict[str, Any]:
    """All parts of the page that depend on its runs."""
    about = ", ".join([*dict.fromkeys(TASKS[run.task].title for run in summaries), view.sweep or "runs compared"])
    differ = differences(summaries)
    axis, values = compared_by(summaries, view.axis)
    ordered = sorted(summaries, key=lambda run: (run.level is None, run.level or 0.0))
    return {
        "axis": axis,
        "axes": [{"value": name, "label": name.replace("_", " ")} for name in differ]
        or [{"value": "", "label": "nothing"}],
        "sentence": _sentence(summaries, differ),
        "key": [
            html.Span(
                [
                    html.Span(className="swatch", style={"--mark": color, "--dash": "solid"}),
                    f"{axis.replace('_', ' ')} {value}",
                ],
                className="key",
            )
            for value, color in (colors_of(values, theme).items() if axis else ())
        ],
        "curves": described(
            curves_figure(summaries, curves_of(chosen(view), view.smooth), axis, values, theme, view.scale), about
        ),
        "levels": described(levels_figure(summaries, axis, values, theme, view.scale), about),
        "head": [
            html.Th(text, scope="col")
            for text in (HEADINGS[0], *(name.replace("_", " ") for name in _columns(differ)), *HEADINGS[1:])
        ],
        "rows": [_row(run, list(differ)) for run in ordered],
    }


def _sentence(summaries: list[RunSummary], differ: dict[str, list[Any]]) -> str | list[Any]:
    if not summaries:
        return [
            "No runs are chosen: tick some in the ",
            dcc.Link("Library", href="/library"),
            ", open a sweep, or list runs in the address, as in /runs?runs=one,another.",
        ]
    tasks = sorted({run.task for run in summaries})
    states = {
        state: sum(run.state == state for run in summaries) for state in dict.fromkeys(run.state for run in summaries)
    }
    count = ", ".join(f"{number} {state}" for state, number in states.items())
    by = listed([name.replace("_", " ") for name in differ]) or "nothing but their names"
    on = ", ".join(TASKS[task].title if task in TASKS else task for task in tasks)
    return f"{counted(len(summaries), 'run')} on {on} ({count}) that differ in {by}."


def _columns(differ: Iterable[str]) -> list[str]:
    """Settings with a column of their own: how many outer steps there are is said beside how many are done."""
    return [name for name in differ if name != "outer_steps"]


def _row(run: RunSummary, differ: list[str]) -> html.Tr:
    held = "–" if run.held_out is None else plus_minus(*run.held_out)
    links: list[Any] = [dcc.Link("Train", href=f"/train?run={run.name}")] if run.queued else []
    if STATES[run.state].kept and run.snapshots:
        links = [dcc.Link("Explore", href=f"/?task={run.task}&optimizer={run.name}"), html.Br(), *links]
    cells = [
        *(text_of(run.settings.get(name)) for name in _columns(differ)),
        run.state,
        f"{run.outer_step:,} of {run.outer_steps:,}",
        held,
        "–" if run.training is None else number(run.training, 2),
        f"{run.diverged:,}",
        f"{run.skipped:,}",
        f"{run.seconds:.0f}",
    ]
    return html.Tr(
        [
            html.Th(called(run.task, run.name), scope="row", title=run.name),
            *(html.Td(text) for text in cells),
            html.Td(links),
        ],
        key=run.name,
        **{"data-name": run.name},
    )


@callback(
    Output("runs-curves-graph", "figure"),
    Output("runs-levels-graph", "figure"),
    Output("runs-axis", "data"),
    Output("runs-key", "children"),
    Output("runs-head", "children"),
    Output("runs-rows", "children"),
    Output("runs-sentence", "children"),
    Output("runs-tick", "disabled"),
    Output("runs-link", "data"),
    Input("runs-tick", "n_intervals"),
    Input("runs-axis", "value"),
    Input("runs-scale", "value"),
    Input("runs-smooth", "value"),
    Input("theme", "data"),
    State("runs-link", "data"),
    State("provider", "forceColorScheme"),
    prevent_initial_call=True,
)
def on_change(
    _: int | None, axis: str, scale: str, smooth: int, switched: str, link: str, scheme: str | None
) -> tuple[Any, ...]:
    """Draw the page again, by another setting or with newer results."""
    view, _wrong = parse(link)
    view = replace(view, axis=axis or "", scale=scale, smooth=smooth, theme=switched if switched in THEMES else "auto")
    summaries = summarize(chosen(view))
    drawn = _draw(view, summaries, THEMES.get(scheme or request.cookies.get("theme", ""), LIGHT))
    parts = [drawn[name] for name in ("curves", "levels", "axes", "key")]
    return *parts, html.Tr(drawn["head"]), drawn["rows"], drawn["sentence"], _over(summaries), to_query(view)


clientside_callback(
    ClientsideFunction("runs", "address"),
    Output("runs-link", "modified_timestamp"),
    Input("runs-link", "data"),
)
