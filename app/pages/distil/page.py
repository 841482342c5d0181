"""The Distil page: a learned optimizer as a formula of known mechanisms."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import dash
from dash import ALL, ClientsideFunction, Input, Output, State, callback, clientside_callback, ctx, dcc, html, no_update
from flask import request

from app.pages.distil import PAGE, captions
from app.pages.distil.data import distilled, instruments_of, originals_of
from app.pages.distil.figures import (
    DISAGREEMENTS,
    contributions_figure,
    curves_figure,
    disagreement_figure,
    ladder_figure,
    overlay_figures,
)
from app.pages.distil.missing import act, missing, notice
from app.pages.distil.parts import card, equations, formula_at, graph, outputs, shift_table, shown, slider, to_slider
from app.pages.distil.view import View, formula_of, parse, rung_of, to_query
from app.shared.catalog import called, learned, task_options
from app.shared.menus import buttons, menu
from app.shared.numbers import number
from app.shared.parts import sentences
from app.shared.style import LIGHT, THEMES, Theme, figure
from core.distil.result import Distillation
from core.distil.tables import title_of, tuned_title
from core.errors import InputError
from core.tasks import TASKS

dash.register_page(__name__, **PAGE.registration())

INTRODUCTION = (
    "How much of a learned optimizer's advantage do known techniques explain? A formula of a few named numbers takes its place, one mechanism "
    "after the other, and is measured on the same held-out problems."
)
OVERLAYS = {
    "update": "Update function at the first step",
    "schedule": "Schedule",
    "kernel": "Memory kernel",
    "agreement": "Gradients that agree, and that alternate",
    "loop": "Closed loop",
}
UNDER = {
    "agreement": [
        "Ten gradients of real runs, then twenty with their own sizes and other signs: all of one sign (solid), or alternating (dotted)."
    ]
}


def layout(**query: str) -> html.Main:
    """The page for one link."""
    theme = THEMES.get(request.cookies.get("theme", ""), LIGHT)
    try:
        view, wrong = parse({name: value for name, value in query.items() if isinstance(value, str)})
        result = distilled(view.task, view.optimizer)
    except InputError as error:  # a damaged file
        return html.Main(html.Div(sentences([str(error)]), className="notice", role="alert"), className="lone")
    return html.Main(
        className="performance distil",
        id="panels",
        tabIndex=-1,
        children=[
            dcc.Store(id="distil-link", data=to_query(view)),
            dcc.Store(id="distil-view", data=to_query(view)),
            dcc.Store(id="distil-arrived", data=0),
            html.Div(sentences(wrong), id="link-notice", className="notice", role="alert"),
            html.H2("Distil: a learned optimizer as a formula"),
            html.P(INTRODUCTION, className="introduction"),
            html.Div(
                className="chooser",
                children=[
                    buttons("distil-task", task_options(), view.task, "Task"),
                    menu("distil-optimizer", optimizer_options(view.task), view.optimizer, "Learned optimizer", 370),
                    menu("distil-rung", rung_options(result), str(view.mechanisms), "Formula shown", 370),
                ],
            ),
            html.Div(body(view, result, theme), id="distil-body", className="distil-body"),
        ],
    )


def optimizer_options(task: str) -> list[dict[str, str]]:
    """Entries of the menu of learned optimizers; those that were not distilled say so."""
    return [
        {"value": name, "label": subject.title + ("" if distilled(task, name) else " (not distilled yet)")}
        for name, subject in learned(task).items()
    ]


def rung_options(result: Distillation | None) -> list[dict[str, str]]:
    """Entries of the menu of formulas."""
    best = {"value": "0", "label": "Formula: the best rung"}
    if result is None:
        return [best]
    rungs = [
        {
            "value": str(i),
            "label": f"Formula: {title_of(rung).removeprefix('+ ')}{', and all before' if len(rung.mechanisms) > 1 and rung.budget is None else ''}",
        }
        for i, rung in enumerate(result.rungs, 1)
    ]
    return [best, *rungs]


def body(view: View, result: Distillation | None, theme: Theme) -> list[Any]:
    """Everything below the menus."""
    if result is None:
        return notice(view)
    rung = rung_of(view, result)
    empty = figure(theme, "nothing", {"visible": False}, {"visible": False}, [])
    formula = formula_of(view, result)
    about = f"{TASKS[view.task].title}: {called(view.task, view.optimizer)}, {rung.numbers} numbers"
    starts = [to_slider(name, one.value) for name, one in rung.formula.parameters.items()]
    return [
        dcc.Store(id="distil-starts", data=starts),
        html.P(about, className="on-paper"),
        html.Div(
            className="cards pair-of-cards",
            children=[
                card(
                    "ladder",
                    "The ladder",
                    [graph("ladder", ladder_figure(theme, result, rung), "ladder")],
                    captions.ladder(result),
                ),
                card(
                    "contributions",
                    "What each mechanism contributes",
                    [graph("contributions", contributions_figure(theme, result, rung), "contributions")],
                    captions.contributions(result, rung) + captions.both_ways(result),
                ),
            ],
        ),
        html.Div(
            className="cards formula-cards",
            children=[
                card(
                    "formula",
                    "The formula",
                    [
                        html.Div(equations(formula), id="distil-equations", className="equations"),
                        html.Div([slider(name, rung.formula, formula) for name in formula.values], className="numbers"),
                    ],
                    captions.formula(result, rung),
                    html.Button("Reset", id="distil-reset", type="button", className="bar-button"),
                ),
                html.Div(
                    className="beside",
                    children=[
                        card(
                            "curves",
                            "On the held-out problems",
                            [graph("curves", empty, "curves")],
                            ["…"],
                        ),
                        html.Div(
                            className="cards overlays",
                            children=[
                                card(name, heading, [graph(name, empty, "overlay")], UNDER.get(name))
                                for name, heading in OVERLAYS.items()
                            ],
                        ),
                    ],
                ),
            ],
        ),
        card(
            "disagreement",
            "Where they disagree",
            [
                html.Div(
                    [graph(name, disagreement_figure(theme, result, name), "overlay") for name in DISAGREEMENTS],
                    className="three",
                )
            ],
            captions.disagreement(result),
        ),
        html.Div(
            className="cards pair-of-cards",
            children=[
                card(
                    "shifts",
                    "Out of distribution",
                    [shift_table(result)],
                    [
                        "Mean meta-losses and standard errors. Marked is what is above the tuned optimizer that is best there, by more than both standard errors."
                    ],
                ),
                card(
                    "outputs",
                    "Other ways to the numbers, and the formula to take along",
                    [html.Div(outputs(formula, result.run), id="distil-outputs")],
                    captions.fits(result),
                ),
            ],
        ),
    ]


@callback(
    Output("distil-optimizer", "data"),
    Output("distil-optimizer", "value"),
    Output("distil-rung", "data"),
    Output("distil-rung", "value"),
    Output("distil-body", "children"),
    Output("distil-link", "data", allow_duplicate=True),
    Output("distil-view", "data"),
    Input("distil-task", "value"),
    Input("distil-optimizer", "value"),
    Input("distil-rung", "value"),
    Input("theme", "data"),
    Input("distil-arrived", "data"),
    State("distil-link", "data"),
    State("provider", "forceColorScheme"),
    prevent_initial_call=True,
)
def on_view(
    task: str, optimizer: str, rung: str, switched: str, arrived: int, before: str, scheme: str | None
) -> tuple[Any, ...]:
    """Draw another view, or one that can be drawn now; numbers stay as they are while only the theme changes."""
    entries = {"task": task, "theme": switched if switched in THEMES else "auto"}
    if ctx.triggered_id != "distil-task" and optimizer in learned(task):
        entries["optimizer"] = optimizer
        if ctx.triggered_id in ("distil-rung", "theme"):
            entries["mechanisms"] = rung
        if ctx.triggered_id == "theme":
            entries |= {name: text for name, text in parse_qsl(before) if name == "numbers"}
    view, _ = parse(entries)
    result = distilled(view.task, view.optimizer)
    theme = THEMES.get(scheme or request.cookies.get("theme", ""), LIGHT)
    link = to_query(view)
    return (
        optimizer_options(view.task),
        view.optimizer,
        rung_options(result),
        str(view.mechanisms),
        body(view, result, theme),
        link,
        link,
    )


@callback(
    Output("distil-missing", "children"),
    Output("distil-arrived", "data"),
    Input("distil-tick", "n_intervals"),
    Input({"type": "distil-act", "act": ALL}, "n_clicks"),
    State("distil-view", "data"),
    State("distil-arrived", "data"),
    prevent_initial_call=True,
)
def on_missing(_: int | None, clicks: list[int | None], link: str, arrived: int) -> tuple[Any, Any]:
    """How far an optimizer's distillation is; once it is stored, it is drawn."""
    view, _wrong = parse(link)
    asked, refused = ctx.triggered_id, ""
    if isinstance(asked, dict) and any(clicks):
        refused = act(view, str(asked["act"]))
    if distilled(view.task, view.optimizer) is not None:
        return no_update, arrived + 1
    return missing(view, refused), no_update


@callback(
    Output("distil-curves-graph", "figure"),
    Output("distil-curves-caption", "children"),
    *[Output(f"distil-{name}-graph", "figure") for name in OVERLAYS],
    Output("distil-equations", "children"),
    Output("distil-outputs", "children"),
    Output({"type": "distil-value", "name": ALL}, "children"),
    Output("distil-link", "data"),
    Input({"type": "distil-number", "name": ALL}, "value"),
    State({"type": "distil-number", "name": ALL}, "id"),
    State("distil-view", "data"),
    State("provider", "forceColorScheme"),
)
def on_numbers(positions: list[float], ids: list[dict[str, str]], link: str, scheme: str | None) -> tuple[Any, ...]:
    """The formula as its sliders stand: its held-out curve, its instruments and its text."""
    view, _ = parse(link)
    result = distilled(view.task, view.optimizer)
    report = None if result is None else rung_of(view, result).formula
    names = [one["name"] for one in ids]
    if result is None or report is None or set(names) != set(report.parameters):
        rest = [no_update] * len(ids), no_update
        return (*(no_update,) * (4 + len(OVERLAYS)), *rest)  # the page has moved on to another formula
    theme = THEMES.get(scheme or request.cookies.get("theme", ""), LIGHT)
    formula = formula_at(report, dict(zip(names, positions, strict=True)))
    originals = originals_of(result)
    made = instruments_of(formula, result, originals)
    trained = report.formula().values
    moved = tuple((name, value) for name, value in formula.values.items() if value != trained[name])
    overlays = overlay_figures(theme, result, originals, made)
    return (
        curves_figure(theme, result, originals, made.curve),
        sentences(
            [
                _score(
                    result, None if made.curve is None else float(made.curve.mean()), bool(rung_of(view, result).curve)
                )
            ]
        ),
        *overlays.values(),
        equations(formula),
        outputs(formula, result.run),
        [shown(name, formula.values[name]) for name in names],
        to_query(replace(view, numbers=moved)),
    )


def _score(result: Distillation, meta_loss: float | None, as_trained: bool) -> str:
    """The sentence under the curves.

    Args:
        result: the distillation.
        meta_loss: of the formula; None where it is not run.
        as_trained: whether the curve of the formula as it was trained is stored.
    """
    learned_at, best_at = result.learned.meta_loss.mean, result.best_tuned.meta_loss.mean
    others = f"learned {number(learned_at)}, {tuned_title(result)} {number(best_at)}"
    if meta_loss is None:
        why = "Reset draws the formula as it was trained" if as_trained else "no curve of this formula is stored"
        return f"Problems of this task are too large to follow the sliders; {why}. Mean meta-losses: {others}."
    if not meta_loss < float("inf") or learned_at is None or best_at is None:
        return f"This formula diverges. Mean meta-losses: {others}."
    share = (best_at - meta_loss) / (best_at - learned_at)
    kept = (
        f"keeps {100 * share:.0f} % of the advantage"
        if share >= 0
        else f"keeps nothing of the advantage: it is worse than {tuned_title(result)}"
    )
    return f"Mean meta-loss of this formula: {number(meta_loss)}; {others}. It {kept}."


clientside_callback(
    ClientsideFunction("distil", "address"),
    Output("distil-link", "modified_timestamp"),
    Input("distil-link", "data"),
)
clientside_callback(
    ClientsideFunction("distil", "reset"),
    Output({"type": "distil-number", "name": ALL}, "value"),
    Input("distil-reset", "n_clicks"),
    State({"type": "distil-number", "name": ALL}, "value"),
    State("distil-starts", "data"),
    prevent_initial_call=True,
)
