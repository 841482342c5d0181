"""The Performance page: learned optimizers compared with tuned hand-designed ones."""

from typing import Any

import dash
import plotly.graph_objects as go
from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html, no_update
from flask import request

from app.pages.performance import PAGE
from app.pages.performance.captions import task_title
from app.pages.performance.draw import CAPTIONS, CURVES, FIGURES, PICTURES, TOGGLED, Drawn, draw, draw_tuning, nothing
from app.pages.performance.parts import caption, card, graph, legend, table, table_rows
from app.pages.performance.view import KEPT_BY_BROWSER, OPTIMIZERS, SORTABLE, View, parse, to_query
from app.shared.catalog import TITLES, learned, task_options
from app.shared.menus import buttons, menu
from app.shared.parts import sentences
from app.shared.style import LIGHT, THEMES
from core.errors import InputError
from core.optimizers.hand_designed import BASELINES
from core.tasks import SHIPPED

dash.register_page(__name__, **PAGE.registration())

INTRODUCTION = (
    "Learned optimizers compared with hand-designed ones that were tuned by random search for the same tasks. "
    "Click a name to hide or show that optimizer in every figure."
)


def layout(**query: str) -> html.Main:
    """The page for one link, with its figures, so that the browser does not have to request them."""
    try:
        view, wrong = parse({name: value for name, value in query.items() if isinstance(value, str)})
        theme = THEMES.get(request.cookies.get("theme", ""), LIGHT)
        drawn = draw(view, theme)
    except InputError as error:  # a damaged file in the zoo
        return html.Main(html.Div(sentences([str(error)]), className="notice", role="alert"), className="lone")
    return html.Main(
        className="performance",
        id="panels",
        tabIndex=-1,
        children=[
            dcc.Location(id="performance-go", refresh="callback-nav"),
            dcc.Store(id="performance-link", data=link_of(view)),
            dcc.Store(id="performance-shown", data=list(view.shown)),
            dcc.Store(id="performance-sort", data=view.sort),
            dcc.Store(id="performance-orders", data=drawn.orders),
            html.Div(sentences(wrong), id="link-notice", className="notice", role="alert"),
            html.Div(id="performance-notice", className="notice", role="status"),
            html.H2("Performance: learned compared with tuned"),
            html.P(INTRODUCTION, className="introduction"),
            legend(view.shown),
            html.Div([_task_card(task, drawn) for task in SHIPPED], className="cards"),
            html.Div(
                className="chooser",
                children=[
                    html.H2("In detail"),
                    buttons("performance-task", task_options(), view.task, "Task in detail"),
                    menu(
                        "performance-optimizer", optimizer_options(view.task), view.optimizer, "Learned optimizer", 270
                    ),
                ],
            ),
            card(
                "table",
                "Numbers",
                [
                    table(drawn.rows, drawn.orders.get(view.sort, []), view.sort),
                    caption("table", drawn.captions["table"]),
                ],
            ),
            html.Div([_tuning_card(view, nothing(theme)), _outer_card(drawn)], className="cards pair-of-cards"),
            card(
                "shift",
                "Out of distribution",
                [
                    graph("shift", drawn.figures["shift"], id="performance-shift-room", style=shift_style(drawn)),
                    caption("shift", drawn.captions["shift"]),
                ],
            ),
        ],
    )


def _task_card(task: str, drawn: Drawn) -> html.Section:
    name = CURVES[task]
    return card(
        name,
        task_title(task),
        [
            graph(PICTURES[task], drawn.figures[PICTURES[task]], "picture"),
            graph(name, drawn.figures[name], "curves"),
            caption(name, drawn.captions[name]),
        ],
    )


def _tuning_card(view: View, empty: go.Figure) -> html.Section:
    draws_of = menu(
        "performance-baseline",
        [{"value": name, "label": TITLES[name]} for name in BASELINES],
        view.baseline,
        "Hand-designed optimizer whose draws are shown",
        160,
        "xs",
    )
    return card("tuning", "Tuning landscape", [graph("tuning", empty), caption("tuning", ["…"])], aside=draws_of)


def _outer_card(drawn: Drawn) -> html.Section:
    links = html.Nav(
        snapshot_links(drawn),
        id="performance-snapshots",
        className="snapshots",
        **{"aria-label": "Snapshots in Explore"},
    )
    children = [graph("outer", drawn.figures["outer"]), links, caption("outer", drawn.captions["outer"])]
    return card("outer", "Outer training", children)


def snapshot_links(drawn: Drawn) -> list[Any]:
    """Links to the snapshots, which keyboards and screen readers can use."""
    links = [
        dcc.Link(f"{step:,}", href=link, title=f"Explore outer step {step:,}") for step, link in drawn.snapshots.items()
    ]
    return [html.Span("Explore outer step"), *links] if links else []


def shift_style(drawn: Drawn) -> dict[str, Any]:
    """The height of the out-of-distribution figure."""
    return {"height": f"{drawn.shift_height}px"} if drawn.shift_height else {"display": "none"}


def optimizer_options(task: str) -> list[dict[str, str]]:
    """Entries of the menu of learned optimizers."""
    return [{"value": name, "label": subject.title} for name, subject in learned(task).items()]


def link_of(view: View) -> str:
    """The part of the view's link that the server writes; the browser adds the rest."""
    return to_query(view, leave_out=KEPT_BY_BROWSER)


@callback(
    Output("performance-optimizer", "data"),
    Output("performance-optimizer", "value"),
    Input("performance-task", "value"),
    prevent_initial_call=True,
)
def on_task(task: str) -> tuple[Any, ...]:
    """Set the learned optimizers of a new task."""
    return optimizer_options(task), parse({"task": task})[0].optimizer


def view_of(task: str, optimizer: str, baseline: str, theme: str, shown: list[str], sort: str) -> View | None:
    """The view for the current values of the controls; None if the optimizer is not yet one of the new task.

    Raises:
        InputError: a control has an invalid value.
    """
    known = learned(task)
    if known and optimizer not in known:
        return None
    entries = {"task": task, "baseline": baseline, "theme": theme, "sort": sort}
    entries |= {"optimizer": optimizer} if known else {}
    view, wrong = parse({**entries, "shown": ",".join(shown) or "none"})
    if wrong:
        raise InputError(wrong[0])
    return view


@callback(
    *[Output(f"performance-{name}-graph", "figure") for name in FIGURES],
    *[Output(f"performance-{name}-caption", "children") for name in CAPTIONS],
    Output("performance-rows", "children"),
    Output("performance-orders", "data"),
    Output("performance-snapshots", "children"),
    Output("performance-shift-room", "style"),
    Input("performance-task", "value"),
    Input("performance-optimizer", "value"),
    Input("theme", "data"),
    State("performance-baseline", "value"),
    State("performance-shown", "data"),
    State("performance-sort", "data"),
    State("provider", "forceColorScheme"),
    prevent_initial_call=True,
)
def on_view(
    task: str, optimizer: str, theme: str, baseline: str, shown: list[str], sort: str, scheme: str | None
) -> tuple[Any, ...]:
    """Draw everything except the tuning landscape."""
    try:
        view = view_of(task, optimizer, baseline, theme, shown, sort)
    except InputError:  # the tuning landscape's callback shows it
        view = None
    if view is None:
        return (no_update,) * (len(FIGURES) + len(CAPTIONS) + 4)
    drawn = draw(view, THEMES.get(scheme or "", LIGHT))
    return (
        *(drawn.figures[name] for name in FIGURES),
        *(sentences(drawn.captions[name]) for name in CAPTIONS),
        table_rows(drawn.rows, drawn.orders.get(view.sort, [])),
        drawn.orders,
        snapshot_links(drawn),
        shift_style(drawn),
    )


@callback(
    Output("performance-tuning-graph", "figure"),
    Output("performance-tuning-caption", "children"),
    Output("performance-link", "data"),
    Output("performance-notice", "children"),
    Input("performance-task", "value"),
    Input("performance-optimizer", "value"),
    Input("performance-baseline", "value"),
    Input("theme", "data"),
    State("performance-shown", "data"),
    State("performance-sort", "data"),
    State("provider", "forceColorScheme"),
)
def on_tuning(
    task: str, optimizer: str, baseline: str, theme: str, shown: list[str], sort: str, scheme: str | None
) -> tuple[Any, ...]:
    """Draw the tuning landscape after the page has loaded and whenever it changes."""
    try:
        view = view_of(task, optimizer, baseline, theme, shown, sort)
    except InputError as error:
        return no_update, no_update, no_update, sentences([str(error)])
    if view is None:
        return (no_update,) * 4
    made, texts = draw_tuning(view, THEMES.get(scheme or request.cookies.get("theme", ""), LIGHT))
    return made, sentences(texts), link_of(view), []


clientside_callback(
    ClientsideFunction("performance", "address"),
    Output("performance-link", "modified_timestamp"),
    Input("performance-link", "data"),
    Input("performance-shown", "data"),
    Input("performance-sort", "data"),
)
clientside_callback(
    ClientsideFunction("performance", "toggle"),
    Output("performance-shown", "data"),
    *[Output(f"show-{name}", "aria-pressed") for name in OPTIMIZERS],
    *[Output(f"performance-{name}-graph", "figure", allow_duplicate=True) for name in TOGGLED],
    *[Input(f"show-{name}", "n_clicks") for name in OPTIMIZERS],
    State("performance-shown", "data"),
    *[State(f"performance-{name}-graph", "figure") for name in TOGGLED],
    prevent_initial_call=True,
)
clientside_callback(
    ClientsideFunction("performance", "sort"),
    Output("performance-sort", "data"),
    Output("performance-rows", "children", allow_duplicate=True),
    *[Output(f"head-{name}", "aria-sort") for name in SORTABLE],
    *[Input(f"sort-{name}", "n_clicks") for name in SORTABLE],
    State("performance-sort", "data"),
    State("performance-orders", "data"),
    State("performance-rows", "children"),
    prevent_initial_call=True,
)
clientside_callback(
    ClientsideFunction("performance", "explore"),
    Output("performance-go", "href"),
    Input("performance-outer-graph", "clickData"),
    prevent_initial_call=True,
)
