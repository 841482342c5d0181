"""Parts of the Performance page: the shared legend, a figure with its sentences, the sortable table."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from dash import dcc, html

from app.pages.performance.table import HEADERS, Row
from app.pages.performance.view import OPTIMIZERS, SORTABLE
from app.shared.catalog import TITLES
from app.shared.parts import sentences, swatch
from app.shared.style import GRAPH_CONFIG
from core.optimizers.hand_designed import BASELINES
from core.runs import zoo
from core.tasks import SHIPPED

STILL = {"staticPlot": True, "responsive": True}


def legend(shown: Sequence[str]) -> html.Div:
    """A button for each optimizer that shows and hides it in every figure; disabled if no task has it tuned."""
    known = {"learned", *(name for task in SHIPPED for name in BASELINES if zoo.is_tuned(task, name, zoo.TUNED_ROOT))}
    return html.Div(
        className="legend",
        role="group",
        **{"aria-label": "Optimizers shown in the figures"},
        children=[
            html.Button(
                [swatch(name), TITLES[name]],
                id=f"show-{name}",
                className="legend-switch",
                type="button",
                title=f"Show or hide {TITLES[name]} in every figure"
                if name in known
                else f"{TITLES[name]} is not tuned yet",
                disabled=name not in known,
                **{"aria-pressed": "true" if name in shown else "false"},
            )
            for name in OPTIMIZERS
        ],
    )


def graph(name: str, figure: go.Figure, kind: str = "", **room: Any) -> html.Div:
    """A figure of the page in a container; pictures are static.

    Args:
        name: the graph's id is ``performance-NAME-graph``.
        figure: the Plotly figure.
        kind: sets its height; its name by default.
        room: more properties of the container.
    """
    config = STILL if kind == "picture" else GRAPH_CONFIG
    drawn = dcc.Graph(id=f"performance-{name}-graph", figure=figure, config=config, responsive=True)
    return html.Div(drawn, className=f"room {kind or name}-room", **room)


def caption(name: str, texts: Sequence[str]) -> html.Div:
    """The sentences under a figure."""
    return html.Div(sentences(texts), id=f"performance-{name}-caption", className="caption")


def card(name: str, title: str, children: Sequence[Any], aside: Any = None) -> html.Section:
    """A titled section of the page."""
    head = html.Div([html.H3(title, id=f"performance-{name}-title"), aside], className="card-head")
    return html.Section(
        [head, *children],
        id=f"performance-{name}",
        className="card",
        **{"aria-labelledby": f"performance-{name}-title"},
    )


def sorted_by(column: str, sort: str) -> str:
    """A column's ``aria-sort``."""
    if column != sort.removeprefix("-"):
        return "none"
    return "descending" if sort.startswith("-") else "ascending"


def table(rows: Sequence[Row], order: Sequence[str], sort: str) -> html.Div:
    """The table of numbers; clicking a heading sorts by its column, and clicking again reverses the order."""
    heads = [
        html.Th(
            html.Button(
                HEADERS[name], id=f"sort-{name}", type="button", className="sort", title=f"Sort by {HEADERS[name]}"
            ),
            id=f"head-{name}",
            scope="col",
            **{"aria-sort": sorted_by(name, sort)},
        )
        if name in SORTABLE
        else html.Th(HEADERS[name], scope="col")
        for name in HEADERS
    ]
    label = "Numbers of every optimizer"
    return html.Div(
        html.Table(
            [html.Thead(html.Tr(heads)), html.Tbody(table_rows(rows, order), id="performance-rows")],
            className="scores",
            **{"aria-label": label},
        ),
        className="table-room",
        tabIndex=0,
        role="region",
        **{"aria-label": f"{label}, scrolls sideways if narrow"},
    )


def table_rows(rows: Sequence[Row], order: Sequence[str]) -> list[html.Tr]:
    """The rows of the body in an order; ``data-name`` is the optimizer of each."""
    known: Mapping[str, Row] = {row.name: row for row in rows}
    return [_row(known[name]) for name in order]


def _row(row: Row) -> html.Tr:
    head = html.Th([swatch(row.name), row.title], scope="row")
    cells = [html.Td(text, className="words" if name == "hyperparameters" else "") for name, text in row.cells.items()]
    name = "learned" if row.name == "learned" else ""
    return html.Tr([head, *cells], key=row.name, className=name, **{"data-name": row.name})
