"""What the dashboard's pages draw, as Plotly figures: from the part of a page's link after "?", which names the view."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, final

import plotly.graph_objects as go
from flask import Flask

from app.pages.explore import view as explore_state
from app.pages.explore.draw import draw as draw_explore
from app.pages.explore.figures import Drawing
from app.pages.explore.figures_at_step import MOMENTS, at_step
from app.pages.mechanisms import draw as mechanisms_drawing
from app.pages.mechanisms import view as mechanisms_state
from app.pages.performance import draw as performance_drawing
from app.pages.performance import view as performance_state
from app.pages.runs import view as runs_state
from app.pages.runs.data import compared_by, summarize
from app.pages.runs.figures import curves_figure, levels_figure
from app.pages.train import stills as train_stills
from app.pages.train import view as train_state
from app.shared.cache import cache
from app.shared.mechanisms import stills
from app.shared.style import LIGHT, THEMES, Theme
from core.errors import InputError, choose
from core.jobs.queue import find

View = TypeVar("View")
ROOM = 160  # pixels for a legend
Figures = Mapping[str, Callable[[], go.Figure]]


@final
class Page:
    """The figures of one view of a page; each is drawn when it is asked for.

    Args:
        figures: what draws each of them by name, for each optimizer that has figures of its own.
        word: what those are called: "column" on Explore, "side" on Mechanisms, nothing on Performance.
    """

    def __init__(self, figures: Sequence[Figures], word: str = ""):
        self._figures = figures
        self._word = word

    @property
    def names(self) -> tuple[str, ...]:
        """What `figure` can be asked for."""
        return tuple(self._figures[0])

    def figure(self, name: str, *, column: int = 0, side: int = 0) -> go.Figure:
        """One figure.

        Args:
            name: one of ``names``.
            column: on Explore, which optimizer: 0 for the one under the microscope, then those that it is compared with.
            side: on Mechanisms, which optimizer: 0, or 1 for the one beside it.

        Raises:
            InputError: the view has no such figure.
        """
        for word, number in (("column", column), ("side", side)):
            last = len(self._figures) - 1 if word == self._word else 0
            if number not in range(last + 1):
                raise InputError(f"{word} must be a whole number from 0 to {last} for this view (got {number!r})")
        return choose("figure", name, dict(self._figures[column or side]))()

    def __repr__(self) -> str:
        return f"Page({', '.join(self.names)})"


@functools.cache
def _application() -> Flask:
    """Keeps in memory what the figures are drawn from."""
    made = Flask("app")
    settings = {"CACHE_TYPE": "SimpleCache", "CACHE_DEFAULT_TIMEOUT": 0, "CACHE_THRESHOLD": 100}
    cache.init_app(made, config=settings)
    return made


def _asked(parsed: tuple[View, list[str]]) -> View:
    """A view; in a program, what is wrong in a link is an error."""
    view, wrong = parsed
    if wrong:
        raise InputError(wrong[0])
    return view


def _theme(name: str) -> Theme:
    return THEMES.get(name, LIGHT)


def explore(query: str = "") -> Page:
    """The six panels of the Explore page, with what moves in them drawn at the view's inner step.

    Those of the optimizers that it is compared with are ``.figure(name, column=1)`` and so on.

    Args:
        query: a view, as in ``"task=rosenbrock&optimizer=adam&step=40"``; what is left out has its default.

    Raises:
        InputError: something in it is wrong.
    """
    view = _asked(explore_state.parse(query))
    with _application().app_context():
        columns = draw_explore(view, view.theme).columns

    def makers(drawing: Drawing) -> Figures:
        return {name: functools.partial(at_step, name, drawing, view.step) for name in MOMENTS}

    return Page([makers(column.drawing) for column in columns], "column")


def mechanisms(query: str = "") -> Page:
    """The figures of one mechanism, with the mode and the position of the slider that the view has.

    Those of the optimizer beside it are ``.figure(name, side=1)``.

    Args:
        query: a view, as in ``"task=rosenbrock&view=schedule&versus=none"``; what is left out has its default.

    Raises:
        InputError: something in it is wrong.
    """
    view = _asked(mechanisms_state.parse(query))

    @functools.cache
    def sides() -> list[mechanisms_drawing.Side]:
        with _application().app_context():
            return mechanisms_drawing.draw(view, _theme(view.theme))

    def make(side: int, name: str) -> go.Figure:
        found = sides()[side]
        made = stills.still(view.view, name, found.figures[name], found.client_arrays, view.mode, view.position)
        return _framed(made, _theme(view.theme), legend=any(trace.showlegend for trace in made.data))

    def makers(side: int) -> Figures:
        return {name: functools.partial(make, side, name) for name in mechanisms_drawing.FIGURES[view.view]}

    return Page([makers(side) for side in range(1 if view.versus == "none" else 2)], "side")


def performance(query: str = "") -> Page:
    """The figures of the Performance page.

    Args:
        query: a view, as in ``"task=rosenbrock&baseline=adam"``; what is left out has its default.

    Raises:
        InputError: something in it is wrong.
    """
    view = _asked(performance_state.parse(query))
    theme = _theme(view.theme)

    @functools.cache
    def drawn() -> performance_drawing.Drawn:
        return performance_drawing.draw(view, theme)

    def make(name: str) -> go.Figure:
        made = _framed(go.Figure(drawn().figures[name]), theme, legend=name in performance_drawing.TOGGLED)
        return made.update_layout(height=drawn().shift_height + ROOM) if name == "shift" else made

    def tuning() -> go.Figure:
        return _framed(performance_drawing.draw_tuning(view, theme)[0], theme)

    return Page([{**{name: functools.partial(make, name) for name in performance_drawing.FIGURES}, "tuning": tuning}])


def train(query: str) -> Page:
    """The figures of the Train page for one run and its newest snapshot.

    Args:
        query: a view, as in ``"run=mine"``: a run that was queued on the page or by ``sweep``.

    Raises:
        InputError: something in it is wrong, or the run has no snapshot yet.
    """
    view = _asked(train_state.parse(query))
    if not view.run:
        raise InputError("name a run, as in train('run=mine')")
    run, theme = find(view.run).run, _theme(view.theme)
    outer_step = train_stills.newest(run)

    def make(name: str) -> go.Figure:
        with _application().app_context():
            made = go.Figure(train_stills.STILLS[name](run, outer_step, theme))
        return _framed(made, theme, legend=True)

    return Page([{name: functools.partial(make, name) for name in train_stills.STILLS}])


def runs(query: str) -> Page:
    """The figures of the Runs page: outer training curves of several runs, and where each value of a setting leads to.

    Args:
        query: a view, as in ``"runs=one,another"`` or ``"sweep=sweep-1a2b3c&axis=units"``.

    Raises:
        InputError: something in it is wrong, or it names no run.
    """
    view = _asked(runs_state.parse(query))
    told = summarize(runs_state.chosen(view))
    if not told:
        raise InputError("name runs, as in runs('runs=one,another'), or a sweep")
    theme = _theme(view.theme)
    axis, values = compared_by(told, view.axis)

    def make(draw: Callable[..., go.Figure], legend: bool) -> go.Figure:
        return _framed(draw(told, axis, values, theme), theme, legend=legend)

    return Page([{"curves": lambda: make(curves_figure, True), "levels": lambda: make(levels_figure, False)}])


def _framed(made: go.Figure, theme: Theme, *, legend: bool = False) -> go.Figure:
    """On a background of its own, with a legend under it if it needs one: there is no page around it."""
    made.update_layout(paper_bgcolor=theme.surface, plot_bgcolor=theme.surface)
    if legend:
        made.for_each_trace(lambda trace: trace.update(showlegend=False), lambda trace: "standard error" in trace.name)
        made.update_layout(showlegend=True, legend={"orientation": "h", "y": -0.2, "traceorder": "normal"})
    return made
