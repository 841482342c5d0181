"""Out of distribution: meta-loss of every optimizer under conditions it was not trained or tuned for."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.pages.performance.figures.curves import belonging
from app.shared.catalog import TITLES
from app.shared.numbers import plus_minus
from app.shared.style import OPTIMIZER_COLORS, Theme, figure, translucent
from core.evaluation.held_out import Score
from core.evaluation.out_of_distribution import Condition, Generalization
from core.evaluation.outcome import outcome_of

CEILING = 10.0  # larger meta-losses are drawn at the axis's end
ABOVE, DIVERGED, END = 14.0, 24.0, 36.0  # positions of those, of diverged ones, and of the axis's end
SPREAD = 0.58  # of a row's height; its points are spread over it
WORDS = {"better": "lower", "tied": "tied", "worse": "worse"}


def row_height(conditions: int) -> int:
    """Height of the figure in pixels."""
    return 70 + 34 * conditions


def shift_figure(theme: Theme, results: Generalization, shown: Sequence[str], title: str) -> go.Figure:
    """A dot plot: conditions from top to bottom, meta-loss with standard errors from left to right.

    Args:
        theme: light or dark.
        results: out-of-distribution results.
        shown: visible optimizers; the traces of the others are hidden.
        title: of the learned optimizer.
    """
    conditions = results.conditions
    names = list(conditions[0].evaluation.optimizers)
    titles = {**TITLES, "learned": title}
    traces = [
        _dots(theme, name, titles[name], names.index(name), len(names), conditions, shown) for name in reversed(names)
    ]
    means = [s.meta_loss.mean for c in conditions for s in c.evaluation.optimizers.values()]
    low = min((mean for mean in means if mean is not None and mean > 0), default=0.1)
    bottom = float(np.log10(min(low, 0.5)) - 0.12)
    ticks = [10.0**power for power in range(int(np.floor(bottom)), 1) if power >= bottom]
    x = {
        "title": "meta-loss (1: stays at the first loss)",
        "type": "log",
        "range": [bottom, float(np.log10(END))],
        "tickangle": 0,
        "tickvals": [*ticks, ABOVE, DIVERGED],
        "ticktext": [*(f"{tick:g}" for tick in ticks), "▸", "✗"],
    }
    rows = list(range(len(conditions)))
    y = {
        "range": [len(conditions) - 0.5, -0.5],
        "tickvals": rows,
        "ticktext": [condition.name for condition in conditions],
        "showgrid": False,
        "zeroline": False,
    }
    made = figure(theme, "shift", x, y, traces)
    made.layout.margin.r = 60
    made.layout.shapes = _marks(theme, conditions)
    made.layout.annotations = [_word(theme, row, condition) for row, condition in enumerate(conditions)]
    return made


def _place(score: Score) -> float:
    mean = score.meta_loss.mean
    return DIVERGED if mean is None else ABOVE if mean > CEILING else max(mean, 1e-12)


def _text(score: Score, condition: Condition) -> str:
    mean, sem = score.meta_loss.mean, score.meta_loss.sem
    count = condition.evaluation.problems
    if mean is None:
        return f"diverges on {score.diverged} of {count} problems"
    return f"{plus_minus(mean, sem)} ({count} problems)"


def _offset(index: int, count: int) -> float:
    """A baseline's offset in its row, above or below the learned optimizer in the middle."""
    half = -(-count // 2)
    place = index - half if index < half else index - half + 1
    return SPREAD / 2 * place / max(1, half)


def _dots(
    theme: Theme, name: str, title: str, index: int, count: int, conditions: Sequence[Condition], shown: Sequence[str]
) -> go.Scatter:
    scores = [condition.evaluation.optimizers[name] for condition in conditions]
    means = [_place(score) for score in scores]
    inside = [mean < CEILING for mean in means]
    errors = [(score.meta_loss.sem or 0.0) if ok else 0.0 for score, ok in zip(scores, inside, strict=True)]
    down = [min(error, 0.9 * mean) for error, mean in zip(errors, means, strict=True)]  # log axes have no 0
    color = OPTIMIZER_COLORS[name]
    learned = name == "learned"
    shift = 0.0 if learned else _offset(index - 1, count - 1)
    symbols = [
        "x" if m == DIVERGED else "triangle-right" if m == ABOVE else "diamond" if learned else "circle" for m in means
    ]
    return go.Scatter(
        x=means,
        y=[row + shift for row in range(len(conditions))],
        error_x={"array": errors, "arrayminus": down, "symmetric": False, "thickness": 1.2, "width": 0, "color": color},
        mode="markers",
        marker={
            "symbol": symbols,
            "size": 10 if learned else 6.5,
            "color": color,
            "line": {"width": 0.8, "color": theme.surface},
        },
        name=title,
        text=[_text(score, condition) for score, condition in zip(scores, conditions, strict=True)],
        customdata=[condition.name for condition in conditions],
        hovertemplate=f"{title}, %{{customdata}}: %{{text}}<extra></extra>",
        **belonging(name, shown),
    )


def _marks(theme: Theme, conditions: Sequence[Condition]) -> list[dict[str, Any]]:
    """Shapes: rows where the learned optimizer fails, lines between groups, the strip at the end, and the line at 1."""
    whole = {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "layer": "below", "line": {"width": 0}}
    color = translucent(OPTIMIZER_COLORS["learned"], 0.11)
    marks = [
        {**whole, "y0": row - 0.5, "y1": row + 0.5, "fillcolor": color}
        for row, condition in enumerate(conditions)
        if outcome_of(condition.evaluation).outcome == "worse"
    ]
    edge = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "line": {"color": theme.line, "width": 1}}
    marks += [
        {**edge, "y0": row - 0.5, "y1": row - 0.5}
        for row in range(1, len(conditions))
        if conditions[row].group != conditions[row - 1].group
    ]
    top = {"yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    marks.append(
        {"type": "rect", **top, "x0": CEILING, "x1": END, "fillcolor": theme.fill, "opacity": 0.5, "line": {"width": 0}}
    )
    marks.append({"type": "line", **top, "x0": 1, "x1": 1, "line": {"color": theme.muted, "width": 1, "dash": "dot"}})
    return marks


def _word(theme: Theme, row: int, condition: Condition) -> dict[str, Any]:
    """What the learned optimizer does in a row, in one word at its right."""
    outcome = outcome_of(condition.evaluation).outcome
    weight = f"<b>{WORDS[outcome]}</b>" if outcome == "worse" else WORDS[outcome]
    color = theme.text if outcome == "worse" else theme.muted
    place = {"xref": "paper", "x": 1.012, "xanchor": "left", "y": row, "showarrow": False}
    return {**place, "text": weight, "font": {"size": 11, "color": color}}
