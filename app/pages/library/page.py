"""The Library page: every optimizer that ships, was trained here or was imported; the browser sorts and filters."""

from dataclasses import asdict
from typing import Any

import dash
import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, clientside_callback, dcc, html

from app.pages.library import PAGE
from app.pages.library.view import ANY, CHOICES, SORTABLE, View, parse
from app.shared.catalog import TITLES
from app.shared.menus import menu
from app.shared.parts import sentences
from app.shared.read_only import read_only
from core.optimizers.recurrent import Architecture
from core.runs.transfer import LARGEST
from core.runs.trash import DAYS
from core.settings import settings_of

dash.register_page(__name__, **PAGE.registration())

INTRODUCTION = (
    "Every learned optimizer that ships with Loptscope, was trained here or was imported. Click a name for details."
)
COLUMNS = {  # heading to sort key; None: not sortable
    "Optimizer": "title",
    "Task": "task",
    "Cell": "label",
    "State": "state",
    "Outer loss": "last",
    "Held-out meta-loss": "held_out",
    "Ablations": None,
    "Size": "parameters",
    "Made": "when",
    "Open in": None,
}
ABOUT = {
    "Outer loss": "Medians of the outer loss curve on a log scale; sorted by the last one",
    "Held-out meta-loss": "Mean ± standard error on held-out problems, and the best tuned baseline on the same problems",
    "Ablations": "Meta-loss with a mechanism switched off over the unmodified one: median ratio over held-out problems",
}
assert {name for name in COLUMNS.values() if name} == set(SORTABLE)


def layout(**query: str) -> html.Main:
    """The page for one link; the browser requests the runs and draws the rows."""
    view, wrong = parse({name: value for name, value in query.items() if isinstance(value, str)})
    return html.Main(
        className="library",
        id="panels",
        tabIndex=-1,
        children=[
            dcc.Store(id="library-view", data=asdict(view)),
            dcc.Store(id="library-words", data=_words()),
            html.Div(sentences(wrong), id="link-notice", className="notice", role="alert"),
            html.Div(id="library-problem", className="notice", role="alert"),
            html.Div(id="library-notice", className="notice", role="status"),
            html.H2("Library"),
            html.P(INTRODUCTION, className="introduction"),
            _filters(view),
            html.Section(
                className="card",
                **{"aria-label": "Optimizers"},
                children=[
                    html.Div(
                        _table(view), className="table-room", tabIndex=0, role="region", **{"aria-label": "Table"}
                    ),
                    html.Div(id="library-after", className="library-after"),
                ],
            ),
            html.Section(
                id="library-recordings",
                className="card",
                hidden=True,
                **{"aria-labelledby": "library-recordings-title"},
            ),
            *_import(),
            html.Section(
                id="library-trash", className="card", hidden=True, **{"aria-labelledby": "library-trash-title"}
            ),
            html.Dialog(id="library-question", className="question", **{"aria-labelledby": "library-question-text"}),
        ],
    )


def _import() -> list[html.Details]:
    """The card that imports weights, where that can be done."""
    if read_only():
        return []
    parts = [html.Summary("Import weights"), html.Div(id="library-import")]
    return [html.Details(parts, className="card", id="library-import-card")]


def _words() -> dict[str, Any]:
    """Titles and choices for the browser."""
    return {
        "tasks": {name: title for name, title in CHOICES["task"].items() if name != ANY},
        "optimizers": TITLES,
        "days": DAYS,
        "largest": LARGEST,
        "choices": {row.name: row.choices for row in settings_of(Architecture) if row.choices},
        "defaults": Architecture().model_dump(mode="json"),
    }


def _filters(view: View) -> html.Div:
    return html.Div(
        className="library-filters",
        role="search",
        children=[
            dmc.TextInput(
                id="library-text",
                value=view.text,
                placeholder="Search title, name, note, task",
                size="sm",
                **{"aria-label": "Search"},
            ),
            *(
                menu(
                    f"library-{name}",
                    [{"value": value, "label": label} for value, label in choices.items()],
                    getattr(view, name),
                    name.capitalize(),
                    160,
                )
                for name, choices in CHOICES.items()
            ),
            html.Output(id="library-count", className="value"),
            html.Span(id="library-compare"),
        ],
    )


def _table(view: View) -> html.Table:
    heads = [html.Th(_head(title, name), **_sorted(name, view.sort)) for title, name in COLUMNS.items()]
    return html.Table(
        [
            html.Caption("Optimizers, shipped and own", className="unseen"),
            html.Thead(html.Tr(heads)),
            html.Tbody(id="library-rows"),
        ],
        className="scores shelf",
    )


def _head(title: str, name: str | None) -> Any:
    if name is None:
        return html.Span(title, title=ABOUT.get(title))
    return html.Button(
        title, type="button", className="sort", title=ABOUT.get(title), **{"data-library": "sort", "data-of": name}
    )


def _sorted(name: str | None, sort: str) -> dict[str, str]:
    if name is None:
        return {"scope": "col"}
    order = "none" if sort.removeprefix("-") != name else "descending" if sort.startswith("-") else "ascending"
    return {"scope": "col", "aria-sort": order, "data-column": name}


clientside_callback(
    ClientsideFunction("library", "open"),
    Output("library-view", "modified_timestamp"),
    Input("library-view", "data"),
    Input("library-words", "data"),
)
clientside_callback(
    ClientsideFunction("library", "filter"),
    Output("library-words", "modified_timestamp"),
    Input("library-text", "value"),
    *(Input(f"library-{name}", "value") for name in CHOICES),
)
