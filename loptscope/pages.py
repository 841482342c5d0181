"""The figures of the dashboard's pages as Plotly figures, from the part of a page's link after "?"."""

import functools
from collections.abc import Sequence
from typing import final

import plotly.graph_objects as go
from flask import Flask

import app.pages  # noqa: F401 - fills the table of pages
from app.shared.cache import cache
from app.shared.pages import Figures, page
from app.shared.style import LIGHT, THEMES, Theme
from core.errors import InputError, choose


@functools.cache
def _application() -> Flask:
    """The application that keeps the figures' data in memory."""
    application = Flask("app")
    settings = {"CACHE_TYPE": "SimpleCache", "CACHE_DEFAULT_TIMEOUT": 0, "CACHE_THRESHOLD": 100}
    cache.init_app(application, config=settings)
    return application


@final
class Page:
    """The figures of one view of a page, drawn on request.

    Args:
        figures: by name, for each optimizer with its own figures.
        column: the keyword that selects one of those: "column" on Explore, "side" on Mechanisms, "" on other pages.
        theme: of the view.
    """

    def __init__(self, figures: Sequence[Figures], column: str, theme: Theme):
        self._figures, self._column, self._theme = figures, column, theme

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the figures."""
        return tuple(self._figures[0])

    def figure(self, name: str, *, column: int = 0, side: int = 0) -> go.Figure:
        """One figure.

        Args:
            name: one of ``names``.
            column: on Explore, the optimizer: 0 for the first, then the ones beside it.
            side: on Mechanisms, the optimizer: 0, or 1 for the one beside it.

        Raises:
            InputError: the view has no such figure.
        """
        for word, number in (("column", column), ("side", side)):
            last = len(self._figures) - 1 if word == self._column else 0
            if number not in range(last + 1):
                raise InputError(f"{word} must be a whole number from 0 to {last} for this view (got {number!r})")
        row = choose("figure", name, dict(self._figures[column or side]))
        with _application().app_context():
            made = row.draw()
        return _framed(made, self._theme, legend=row.legend)

    def __repr__(self) -> str:
        return f"Page({', '.join(self.names)})"


def _open(name: str, query: str) -> Page:
    """A view of a page; an invalid entry in the link is an error."""
    row = page(name)
    view, wrong = row.links.parse(query)
    if wrong:
        raise InputError(wrong[0])
    assert row.figures is not None
    theme = THEMES.get(view.theme, LIGHT)
    with _application().app_context():
        return Page(row.figures(view, theme), row.column, theme)


def _framed(made: go.Figure, theme: Theme, *, legend: bool) -> go.Figure:
    """The figure with a background, what it is of as its title, and a legend if it needs one, since there is no page around it."""
    made.update_layout(paper_bgcolor=theme.surface, plot_bgcolor=theme.surface)
    about = (made.layout.meta or {}).get("about")
    if about:
        made.update_layout(title={"text": about, "font": {"size": 12}, "x": 0.01, "xanchor": "left"})
        made.layout.margin.t = 40
    if legend and any(trace.showlegend is not False for trace in made.data):
        made.update_layout(showlegend=True, legend={"orientation": "h", "y": -0.2, "traceorder": "normal"})
    return made


def explore(query: str = "") -> Page:
    """The six panels of the Explore page at the view's inner step.

    ``.figure(name, column=1)`` is a panel of the second optimizer, and so on.

    Args:
        query: a view, as in ``"task=rosenbrock&optimizer=adam&step=40"``; missing entries have their defaults.

    Raises:
        InputError: the query has an invalid entry.
    """
    return _open("explore", query)


def mechanisms(query: str = "") -> Page:
    """The figures of one mechanism on the Mechanisms page, at the view's mode and slider position.

    ``.figure(name, side=1)`` is a figure of the second optimizer.

    Args:
        query: a view, as in ``"task=rosenbrock&view=schedule&versus=none"``; missing entries have their defaults.

    Raises:
        InputError: the query has an invalid entry.
    """
    return _open("mechanisms", query)


def performance(query: str = "") -> Page:
    """The figures of the Performance page.

    Args:
        query: a view, as in ``"task=rosenbrock&baseline=adam"``; missing entries have their defaults.

    Raises:
        InputError: the query has an invalid entry.
    """
    return _open("performance", query)


def train(query: str) -> Page:
    """The figures of the Train page for one run and its newest snapshot.

    Args:
        query: a view, as in ``"run=mine"``: a run that was queued on the page or by ``sweep``.

    Raises:
        InputError: the query has an invalid entry, or the run has no snapshot yet.
    """
    return _open("train", query)


def runs(query: str) -> Page:
    """The figures of the Runs page: outer training curves of several runs, and the performance by each value of a setting.

    Args:
        query: a view, as in ``"runs=one,another"`` or ``"sweep=sweep-1a2b3c&axis=units"``.

    Raises:
        InputError: the query has an invalid entry, or names no run.
    """
    return _open("runs", query)


def formulas(query: str = "") -> Page:
    """The figures of the Distil page, with the formula as it was trained.

    Args:
        query: a view, as in ``"task=rosenbrock&mechanisms=4"``; missing entries have their defaults.

    Raises:
        InputError: the query has an invalid entry, or the optimizer has not been distilled.
    """
    return _open("distil", query)
