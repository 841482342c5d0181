"""Parts of the Distil page: the formula, its sliders, and the tables."""

import hashlib
import re
from math import log10
from typing import Any

import dash_mantine_components as dmc
import plotly.graph_objects as go
from dash import dcc, html

from app.pages.distil.data import AGREEING, BEFORE
from app.pages.distil.figures import DISAGREEMENTS
from app.shared.formulas import mathml
from app.shared.numbers import fraction, number, plus_minus
from app.shared.parts import sentences
from app.shared.style import GRAPH_CONFIG
from core.distil.result import Distillation, FormulaReport
from core.distil.tables import optimizer_title
from core.distil.writing.latex import as_command, latex, lines
from core.distil.writing.python import python_lines, torch_file
from core.evaluation.held_out import MetaLoss
from core.evaluation.outcome import compared
from core.optimizers.formula import PARAMETERS, Formula
from core.optimizers.formula.structure import KNOTS

SYMBOLS = {
    r"\alpha": "α", r"\beta": "β", r"\delta": "δ", r"\gamma": "γ", r"\rho": "ρ", r"\sigma": "σ", r"\omega": "ω", r"\tau": "τ", r"\psi": "ψ",
    r"\lambda": "λ", r"\kappa": "κ", r"\varepsilon": "ε", r"\eta": "η", r"\pi": "π", r"\infty": "∞", r"\leftarrow": "←", r"\cdot": "·",
}  # fmt: skip
FUNCTIONS = ("tanh", "min", "max", "cos", "ln")
COMMAND = re.compile(r"\\operatorname\{(\w+)\}|\\[a-z]+")
THIN = "\u2009"  # space around the name of a function
LIGHTS = {  # number -> the figure in which it acts; a scheduled number by its first and its last value, at which instruments look
    **dict.fromkeys(("threshold", "limit", "averaging", "scale", "exponent", "epsilon"), "update"),
    **dict.fromkeys(("memory_last", "direct_last", "second_memory", "second_share"), "kernel"),
    **dict.fromkeys(("boost", "agreement_decay", "forgetting"), "agreement"),
}
STEPS = 200  # of a slider
SMALLEST = 1e-12  # a rate, and a decay's distance to 0 and 1, that have a place on a slider


def lights(name: str, formula: Formula) -> str:
    """The figure in which a number acts: "update", "schedule", "kernel", "agreement" or "curves".

    Instruments look at the first step (update function), along the whole schedule, at rest (memory kernel), and while thirty gradients come in
    (agreement); what acts only later is seen in the held-out curves.

    Args:
        name: of the number.
        formula: that it belongs to.
    """
    base, _, knot = name.rpartition("_")
    if knot.isdigit():  # a value of a free schedule
        first, last = int(knot) == 0, int(knot) == KNOTS[-1]
        if base == "threshold":
            return "update" if first else "agreement" if int(knot) <= BEFORE + AGREEING else "curves"
        return "schedule" if base == "rate" else "update" if first else "kernel" if last else "schedule"
    if name in ("memory", "direct"):
        return "update" if f"{name}_last" in formula.values else "kernel"
    return LIGHTS.get(name, "schedule")


def simple(text: str) -> str:
    """LaTeX in the notation of `mathml`."""

    def replaced(match: re.Match[str]) -> str:
        command = match[0]
        name = match[1] or command[1:]
        if match[1] or name in FUNCTIONS:
            return rf"\text{{{THIN}{name}{THIN}}}"
        return SYMBOLS.get(command, command)

    return COMMAND.sub(replaced, text)


def symbols(text: str, block: bool = False) -> Any:
    """A formula; the browser inserts the MathML."""
    shown = mathml(simple(text), block=block)
    made = html.Div if block else html.Span
    return made(className="formula", key=hashlib.sha256(shown.encode()).hexdigest(), **{"data-math": shown})


def equations(formula: Formula) -> list[Any]:
    """Every line of a formula; each number in it has its name."""
    return [symbols(line, block=True) for line in lines(formula, as_command)]


def to_slider(name: str, value: float) -> float:
    """The position of a number on its slider: its logarithm, logit, or itself."""
    kind = PARAMETERS[name].transform
    if kind == "log":
        return log10(max(value, SMALLEST))
    inside = min(max(value, SMALLEST), 1 - SMALLEST)
    return log10(inside / (1 - inside)) if kind == "logit" else value


def from_slider(name: str, position: float) -> float:
    """The number at a position of its slider."""
    kind = PARAMETERS[name].transform
    if kind == "log":
        return float(10.0**position)
    return float(1 / (1 + 10.0**-position)) if kind == "logit" else float(position)


def formula_at(report: FormulaReport, positions: dict[str, float]) -> Formula:
    """The formula as its sliders stand; numbers whose sliders have not moved keep all their digits."""
    values = {}
    for name, one in report.parameters.items():
        position = positions.get(name)
        moved = position is not None and abs(position - to_slider(name, one.value)) > 1e-6
        values[name] = from_slider(name, position) if moved and position is not None else one.value
    return Formula(report.structure.structure(), values)


def title(name: str) -> str:
    """A number's name in words."""
    base, _, last = name.rpartition("_")
    if last.isdigit() and int(last) in KNOTS:
        return f"{base}, k = {last}"
    return name.replace("_", " ")


def shown(name: str, value: float) -> str:
    """A number as it stands beside its slider: a decay with digits that show its distance from 1."""
    return fraction(value) if PARAMETERS[name].transform == "logit" else number(value)


def ends(name: str, trained: float) -> tuple[float, float]:
    """Where the slider of a number begins and ends."""
    parameter = PARAMETERS[name]
    low, high, now = (to_slider(name, value) for value in (parameter.low, parameter.high, trained))
    width = (high - low) / 2
    return max(min(low, now - width / 4), now - width / 2), min(max(high, now + width / 4), now + width / 2)


def slider(name: str, report: FormulaReport, formula: Formula) -> html.Div:
    """One number: its symbol, a slider, its value and its range over outer seeds.

    Args:
        name: of the number.
        report: the formula as it was trained.
        formula: as it is shown.
    """
    one, parameter = report.parameters[name], PARAMETERS[name]
    low, high = ends(name, one.value)
    return html.Div(
        className="number",
        title=parameter.description,
        **{"data-lights": lights(name, formula), "data-name": name},
        children=[
            html.Span(title(name), className="number-name", id=f"distil-name-{name}"),
            symbols(parameter.symbol),
            dmc.Slider(
                id={"type": "distil-number", "name": name},
                min=low,
                max=high,
                step=(high - low) / STEPS,
                value=min(max(to_slider(name, formula.values[name]), low), high),
                updatemode="drag",
                label=None,
                size="sm",
                thumbLabel=f"{title(name)}: {parameter.description}",
            ),
            html.Span(
                shown(name, formula.values[name]), id={"type": "distil-value", "name": name}, className="number-value"
            ),
            html.Span(
                f"{shown(name, one.low)} – {shown(name, one.high)}",
                className="number-range",
                title="Range over outer seeds",
            ),
        ],
    )


def outputs(formula: Formula, run: str) -> list[Any]:
    """The formula to take along: LaTeX, MathML, Python and a torch.optim file, each with a button that copies it."""
    texts = {
        "LaTeX": latex(formula),
        "MathML": "\n".join(mathml(simple(line), block=True) for line in lines(formula)),
        "Python": python_lines(formula),
        "torch.optim": torch_file(formula, f"{run} as a formula."),
    }
    return [
        html.Details(
            [
                html.Summary([html.Span(name), _copy_button(name)]),
                html.Pre(text, tabIndex=0, **{"aria-label": f"The formula as {name}"}),
            ],
            className="code",
        )
        for name, text in texts.items()
    ]


def _copy_button(name: str) -> html.Button:
    named = {"aria-label": f"Copy {name}"}
    return html.Button("Copy", type="button", className="bar-button copy-code", **named)


def graph(name: str, figure: go.Figure, kind: str) -> html.Div:
    """A figure of the page; its id is ``distil-NAME-graph``, and `loptscope.formulas` draws it in Python."""
    drawn = dcc.Graph(id=f"distil-{name}-graph", figure=figure, config=GRAPH_CONFIG, responsive=True)
    named = f"disagreement_{name}" if name in DISAGREEMENTS else name
    return html.Div(drawn, className=f"room {kind}-room", **{"data-page": "formulas", "data-figure": named})


def card(
    name: str, heading: str, children: list[Any], caption: list[str] | None = None, aside: Any = None
) -> html.Section:
    """A titled section of the page, with sentences under it."""
    head = html.Div([html.H3(heading, id=f"distil-{name}-title"), aside], className="card-head")
    under = [] if caption is None else [html.Div(sentences(caption), id=f"distil-{name}-caption", className="caption")]
    return html.Section(
        [head, *children, *under],
        id=f"distil-{name}",
        className="card",
        **{"aria-labelledby": f"distil-{name}-title"},
    )


def _meta_loss(one: MetaLoss) -> str:
    return "diverges" if one.mean is None else plus_minus(one.mean, one.sem)


def shift_table(result: Distillation) -> html.Div:
    """Meta-losses out of distribution; what is above the tuned optimizer that is best there, by more than both standard errors, is marked."""

    def cell(one: MetaLoss, best: MetaLoss) -> html.Td:
        return html.Td(_meta_loss(one), className="fails" if compared(one, best) == "worse" else "")

    rows = [
        html.Tr(
            [
                html.Th(shift.name, scope="row"),
                cell(shift.learned, shift.best_tuned),
                cell(shift.formula, shift.best_tuned),
                html.Td([_meta_loss(shift.best_tuned), html.Small(optimizer_title(shift.best_name or ""))]),
            ]
        )
        for shift in result.shifts
    ]
    heads = ("problems", "learned", "formula", "best tuned")
    return html.Div(
        html.Table(
            [html.Thead(html.Tr([html.Th(text, scope="col") for text in heads])), html.Tbody(rows)], className="scores"
        ),
        className="table-room",
        tabIndex=0,
        role="region",
        **{"aria-label": "Out of distribution, scrolls sideways if narrow"},
    )
