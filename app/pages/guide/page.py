"""The Guide page: how a learned optimizer works, starting from gradient descent with momentum, with interactive figures."""

from collections.abc import Callable
from typing import Any

import dash
import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html, no_update
from flask import request

from app.pages.guide import PAGE
from app.pages.guide.draw import Drawn, Shown, draw, subject_of
from app.pages.guide.glossary import TERMS, Term
from app.pages.guide.prose import formula, inline, paragraph
from app.pages.guide.story import CHAPTERS, LAST, Chapter
from app.pages.guide.view import parse
from app.shared.catalog import task_options
from app.shared.menus import buttons
from app.shared.parts import sentences
from app.shared.style import GRAPH_CONFIG, LIGHT, THEMES
from core.errors import InputError
from core.tasks import TASKS

dash.register_page(__name__, **PAGE.registration())

LEAD = (
    "A small recurrent network can be trained to optimize. What does it learn? The tools of dynamical systems show that it uses "
    "mechanisms that people had already invented by hand. This page takes one such network apart, and every figure is interactive. "
    "You only need to know gradient descent with momentum."
)
STILL_COMING = "Computing the figures…"


def layout(**query: str) -> html.Main:
    """The page for one link: the text at once, the figures when the reader scrolls near them."""
    view, wrong = parse({name: value for name, value in query.items() if isinstance(value, str)})
    return html.Main(
        className="guide",
        id="panels",
        tabIndex=-1,
        children=[
            dcc.Store(id="guide-address"),
            _contents(),
            html.Article(
                className="story",
                children=[
                    html.Div(sentences(wrong), id="link-notice", className="notice", role="alert"),
                    html.Div(id="guide-notice", className="notice", role="status"),
                    html.H2("How does a learned optimizer work?", className="story-title"),
                    html.P(LEAD, className="lead"),
                    html.Div(
                        className="story-task",
                        children=[
                            html.Span("All figures show", className="label"),
                            buttons("guide-task", task_options(), view.task, "Task of all figures", "xs"),
                            html.Span(id="guide-subject", className="value"),
                        ],
                    ),
                    *[_chapter(number, chapter) for number, chapter in enumerate(CHAPTERS, 1)],
                    _glossary(),
                ],
            ),
        ],
    )


def _contents() -> html.Nav:
    entries = [*((f"guide-{chapter.name}", chapter.title) for chapter in CHAPTERS), ("glossary", "Glossary")]
    return html.Nav(
        className="contents",
        **{"aria-label": "Contents"},
        children=html.Ol([html.Li(html.A(title, href=f"#{name}")) for name, title in entries]),
    )


def _chapter(number: int, chapter: Chapter) -> html.Section:
    stage = [
        dcc.Store(id=f"guide-{chapter.name}-near", data=False),
        html.Div(html.P(STILL_COMING, className="coming"), id=f"guide-{chapter.name}-stage", className="figures"),
        html.Div([_slider(chapter, slider.name, slider.label, slider.start) for slider in chapter.sliders]),
        html.P(id=f"guide-{chapter.name}-links", className="origins"),
    ]
    return html.Section(
        id=f"guide-{chapter.name}",
        className="chapter",
        tabIndex=-1,
        **{"aria-labelledby": f"guide-{chapter.name}-title", "data-chapter": chapter.name if chapter.drawn else ""},
        children=[
            html.H3([html.Span(f"{number}", className="number"), chapter.title], id=f"guide-{chapter.name}-title"),
            *[paragraph(text) for text in chapter.text],
            *(stage if chapter.drawn else []),
            *[paragraph(text) for text in chapter.after],
        ],
    )


def _slider(chapter: Chapter, name: str, label: str, start: int) -> html.Div:
    identity = f"guide-{chapter.name}-{name}"
    return html.Div(
        className="story-slider",
        children=[
            html.Span(label, className="label"),
            dmc.Slider(
                id=identity,
                min=0,
                max=LAST,
                step=5,
                value=start,
                label=None,
                size="sm",
                updatemode="drag",
                thumbLabel=label,
                className="handle-slider",
            ),
            html.Output(id=f"{identity}-readout", className="value"),
        ],
    )


def _glossary() -> html.Section:
    known = {term.name: term for term in TERMS}
    return html.Section(
        id="glossary",
        className="chapter glossary",
        tabIndex=-1,
        **{"aria-labelledby": "glossary-title", "data-chapter": ""},
        children=[html.H3("Glossary", id="glossary-title"), html.Dl([_entry(term, known) for term in TERMS])],
    )


def _entry(term: Term, known: dict[str, Term]) -> html.Div:
    sentences: list[Any] = [html.P(inline(term.definition))]
    if term.formula:
        sentences.append(formula(term.formula, block=True))
    if term.see:
        links: list[Any] = []
        for name in term.see:
            links += [*([", "] if links else []), html.A(name, href=f"#{known[name].key}")]
        sentences.append(html.P(["See ", *links, "."], className="see"))
    return html.Div([html.Dt(term.name), html.Dd(sentences)], id=term.key, className="term")


def _figure(chapter: str, shown: Shown) -> html.Section:
    identity = f"guide-{chapter}-{shown.name}"
    menu = {"data-page": shown.page, "data-query": shown.query, "data-figure": shown.name} if shown.page else {}
    return html.Section(
        className="card",
        **{"aria-label": shown.title},
        children=[
            html.H4(shown.title),
            html.Div(
                dcc.Graph(
                    id=f"{identity}-graph",
                    figure=shown.figure,
                    config=GRAPH_CONFIG,
                    responsive=True,
                    style={"height": "100%"},
                ),
                className="room story-room" if menu else "story-room",
                **menu,
            ),
            html.Div(sentences(shown.sentences), className="caption"),
        ],
    )


def origins(drawn: Drawn) -> list[Any]:
    """Links to the pages that the figures come from."""
    parts: list[Any] = []
    for text, href in drawn.links.items():
        parts += [*([" · "] if parts else []), dcc.Link(f"{text} →", href=href)]
    return parts


def _callback_of(chapter: Chapter) -> Callable[..., Any]:
    """The callback of a chapter's figures: it draws them when the reader is near, and again after every change."""

    def on_chapter(near: bool, task: str, theme: str, *rest: Any) -> tuple[Any, ...]:
        *positions, scheme = rest
        if not near or task not in TASKS:
            return (no_update,) * (2 + len(positions))
        chosen = THEMES.get(scheme or request.cookies.get("theme", ""), LIGHT)
        try:
            drawn = draw(chapter.name, task, positions, chosen)
        except InputError as error:  # a damaged file in the zoo
            return html.P(str(error), className="undrawn"), [], *([""] * len(positions))
        return [_figure(chapter.name, shown) for shown in drawn.figures], origins(drawn), *drawn.readouts

    return on_chapter


for _chapter_row in CHAPTERS:
    if _chapter_row.drawn:
        callback(
            Output(f"guide-{_chapter_row.name}-stage", "children"),
            Output(f"guide-{_chapter_row.name}-links", "children"),
            *[
                Output(f"guide-{_chapter_row.name}-{slider.name}-readout", "children")
                for slider in _chapter_row.sliders
            ],
            Input(f"guide-{_chapter_row.name}-near", "data"),
            Input("guide-task", "value"),
            Input("theme", "data"),
            *[Input(f"guide-{_chapter_row.name}-{slider.name}", "value") for slider in _chapter_row.sliders],
            State("provider", "forceColorScheme"),
            prevent_initial_call=True,
        )(_callback_of(_chapter_row))


@callback(Output("guide-subject", "children"), Input("guide-task", "value"))
def on_task(task: str) -> str:
    """The description of the optimizer in the figures."""
    try:
        subject = subject_of(task)
        return subject.detail_at(max(subject.snapshots, default=None))
    except InputError as error:
        return str(error)


clientside_callback(
    ClientsideFunction("guide", "address"), Output("guide-address", "data"), Input("guide-task", "value")
)
