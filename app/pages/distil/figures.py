"""The figures of the Distil page."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.pages.distil.data import Instruments, Originals
from app.shared.catalog import called
from app.shared.mechanisms.drawing import KEY
from app.shared.style import (
    LEARNED,
    LEARNED_COLORS,
    OPTIMIZER_COLORS,
    Theme,
    described,
    figure,
    finite,
    line,
    log_axis,
    symlog_ticks,
    translucent,
)
from core.distil.result import Distillation, Interval, Rung
from core.distil.tables import factor, title_of, tuned_title
from core.optimizers.formula import MECHANISMS
from core.tasks import TASKS

FORMULA = LEARNED_COLORS[2]  # the formula's colour; the learned optimizer's is LEARNED
FACTORS = (0.5, 0.9, 1, 1.1, 1.2, 1.5, 2, 3, 5, 10, 20)  # marked on the axis of contributions
FAR_FACTORS = (0.5, 1, 2, 5, 10, 20)  # where it is long
MOST = 20.0  # of factors: larger ones stand at the edge
LOWEST = -1.0  # shares below end at the axis
CEILING = 10.0  # times the first loss
FLOOR = 1e-12


def _about(result: Distillation) -> str:
    """What the figures are of, for exports."""
    task = TASKS[result.task].title if result.task in TASKS else result.task
    return f"{task}, {called(result.task, result.run)}, outer step {result.outer_step:,}, {result.problems} held-out problems (seed {result.held_out_seed})"


def cut_off(share: Interval) -> bool:
    """Whether a share, or a part of its interval, lies below the axis of the ladder."""
    return share.mean is None or share.low is None or min(share.mean, share.low) < LOWEST


def ladder_figure(theme: Theme, result: Distillation, shown: Rung) -> go.Figure:
    """The share of the advantage that each rung keeps, with 95 % intervals; a share that is too low stands at the edge."""
    names = [title_of(rung) for rung in result.rungs]
    values, low, high, texts = [], [], [], []
    for rung in result.rungs:
        share = rung.share
        mean = LOWEST if share.mean is None or share.low is None or share.high is None else max(share.mean, LOWEST)
        values.append(mean)
        low.append(0.0 if share.low is None else mean - max(share.low, LOWEST))
        high.append(0.0 if share.high is None else max(share.high, LOWEST) - mean)
        loss = "diverges" if rung.meta_loss.mean is None else f"meta-loss {rung.meta_loss.mean:.4f}"
        known = "no share" if share.mean is None else f"{100 * share.mean:.0f} % of the advantage"
        texts.append(f"{known}<br>{loss}<br>{rung.numbers} numbers")
    colors = [translucent(FORMULA, 0.95 if rung.formula == shown.formula else 0.45) for rung in result.rungs]
    bars = go.Bar(
        x=[100 * value for value in values],
        y=names,
        orientation="h",
        marker={"color": colors},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [100 * value for value in high],
            "arrayminus": [100 * value for value in low],
            "color": theme.text,
            "thickness": 1.3,
            "width": 4,
        },
        hovertext=texts,
        hovertemplate="%{y}<br>%{hovertext}<extra></extra>",
        width=0.62,
    )
    ends = [names[0], names[-1]]
    best = OPTIMIZER_COLORS.get(result.best_tuned.name, theme.muted)
    compared = ((0, best, "dash", tuned_title(result)), (100, LEARNED, "solid", "learned"))
    lines = [
        go.Scatter(
            x=[at, at],
            y=ends,
            mode="lines",
            line={"color": color, "width": 2, "dash": dash},
            name=name,
            hoverinfo="name",
        )
        for at, color, dash, name in compared
    ]
    edges = [
        100 * (value + side) for value, side in zip((*values, *values), (*(-one for one in low), *high), strict=True)
    ]
    x = {
        "title": "share of the advantage, %",
        "range": [min(0.0, *edges) - 6, max(125.0, *edges)],
    }
    made = figure(theme, f"distil/ladder/{result.run}", x, {"autorange": "reversed", "ticks": ""}, [bars, *lines])
    label = {
        "yref": "paper",
        "y": 1,
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 11, "color": theme.text},
    }
    # on the side where there is room: beside each other they would overlap on a narrow page
    side = "right" if min(edges) < -50 else "left"
    anchors = (side, "center")
    made.layout.annotations = [
        *(
            {**label, "x": at, "text": name, "xanchor": anchor}
            for (at, _, _, name), anchor in zip(compared, anchors, strict=True)
        ),
        *(_cut_mark(rung, name, theme) for rung, name in zip(result.rungs, names, strict=True) if cut_off(rung.share)),
    ]
    made.layout.margin.t = 22
    return described(made.update_layout(bargap=0.3), _about(result))


def _cut_mark(rung: Rung, name: str, theme: Theme) -> dict[str, Any]:
    """Where a bar or its interval is cut off: a mark, and the share if the bar is."""
    mean = rung.share.mean
    said = "diverges" if mean is None else f"{100 * mean:.0f} %".replace("-", "−") if mean < LOWEST else ""
    font = {"size": 11, "color": theme.text}
    return {
        "x": 100 * LOWEST,
        "y": name,
        "text": f"◂ {said}".strip(),
        "xanchor": "left" if said else "right",
        "showarrow": False,
        "font": font,
    }


def contributions_figure(theme: Theme, result: Distillation, shown: Rung) -> go.Figure:
    """What each mechanism is worth, by two measures: factors of the meta-loss.

    Filled: the factor by which it divides the meta-loss, averaged over all orders of adding the four. Open: the factor by which the meta-loss of the
    formula shown grows without it.
    """
    rows = [name for name in MECHANISMS if name in result.contributions or name in shown.ablations]
    known = {name: one for name, one in result.contributions.items() if one.mean and one.low and one.high}
    drawn = [("over all orders", known, "circle", -0.14 if shown.ablations else 0.0)]
    if shown.ablations:
        drawn.append(("switched off in the formula shown", shown.ablations, "circle-open", 0.14))
    traces = [_factors(theme, name, found, rows, symbol, beside) for name, found, symbol, beside in drawn]
    every = [_within(value) for _, found, _, _ in drawn for one in found.values() for value in (one.low, one.high)] + [
        1.0
    ]
    low, high = min(every) * 0.97, max(every) * 1.12
    ticks = [tick for tick in (FACTORS if high < 3 else FAR_FACTORS) if low <= tick <= high]
    x = {
        "title": "factor of the meta-loss (log scale)",
        "type": "log",
        "range": [float(np.log10(low)), float(np.log10(high))],
        "tickvals": ticks,
        "ticktext": [f"{tick:g}" for tick in ticks],
        "tickangle": 0,
    }
    places = list(range(len(rows)))
    y = {
        "ticks": "",
        "range": [len(rows) - 0.5, -0.5],
        "tickvals": places,
        "ticktext": [MECHANISMS[name] for name in rows],
    }
    made = figure(theme, f"distil/contributions/{result.run}", x, y, traces)
    made.add_vline(x=1, line={"color": theme.muted, "width": 1, "dash": "dot"})
    if shown.ablations:
        made.layout.margin.t = 26
        made.update_layout(showlegend=True, legend=KEY)
    return described(made, _about(result))


def _within(value: float | None) -> float:
    """A factor within the axis; at its edge where it is larger, or a problem diverges."""
    return MOST if value is None else min(value, MOST)


def _factors(
    theme: Theme, title: str, found: Mapping[str, Interval], rows: list[str], symbol: str, beside: float
) -> go.Scatter:
    """Factors with their intervals, one a row."""
    means = [_within(one.mean) for one in found.values()]
    return go.Scatter(
        x=means,
        y=[rows.index(name) + beside for name in found],
        mode="markers+text",
        name=title,
        marker={"color": FORMULA, "size": 10, "symbol": symbol, "line": {"width": 2, "color": FORMULA}},
        text=["▸" if mean >= MOST else "" for mean in means],
        textposition="middle right",
        textfont={"color": FORMULA, "size": 13},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [_within(one.high) - mean for one, mean in zip(found.values(), means, strict=True)],
            "arrayminus": [mean - _within(one.low) for one, mean in zip(found.values(), means, strict=True)],
            "color": theme.text,
            "thickness": 1.3,
        },
        hovertext=[f"{MECHANISMS[name]}, {title}: {factor(one)}" for name, one in found.items()],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def curves_figure(theme: Theme, result: Distillation, originals: Originals, curve: np.ndarray | None) -> go.Figure:
    """Mean relative loss on the held-out problems: learned, best tuned, and the formula as its sliders stand, or as it was trained."""
    best = result.best_tuned.name
    drawn = [
        ("Learned", originals.learned.curve, LEARNED, 2.4, "solid"),
        (tuned_title(result), originals.best, OPTIMIZER_COLORS.get(best, theme.muted), 2.0, "dash"),
        ("Formula", curve, FORMULA, 2.4, "solid"),
    ]
    traces: list[Any] = []
    values = []
    for name, losses, color, width, dash in drawn:
        if losses is None:
            continue
        shown = np.where(np.isfinite(losses) & (losses > FLOOR), losses, np.nan)
        values.append(shown)
        text = f"{name}: %{{y}}<extra></extra>"
        traces.append(line(np.arange(len(shown)), shown, color, name, width=width, dash=dash, hovertemplate=text))
    kept = [shown[np.isfinite(shown)] for shown in values]
    y = {"title": "loss / first loss", **log_axis(np.concatenate(kept) if kept else np.ones(1), CEILING)}
    made = figure(theme, f"distil/curves/{result.run}", {"title": "inner step", "zeroline": False}, y, traces)
    made.layout.margin.t = 26
    return described(made.update_layout(hovermode="x unified", showlegend=True, legend=KEY), _about(result))


def _pair(
    theme: Theme, key: str, x: dict[str, Any], y: dict[str, Any], places: np.ndarray, both: list[Any]
) -> go.Figure:
    """Learned optimizer and formula on the same axes."""
    traces = []
    for name, values, color, dash in zip(
        ("Learned", "Formula"), both, (LEARNED, FORMULA), ("solid", "dash"), strict=True
    ):
        if values is not None:
            text = f"{name}: %{{y:.3g}}<extra></extra>"
            traces.append(line(places, finite(values), color, name, width=2.2, dash=dash, hovertemplate=text))
    return figure(theme, key, x, y, traces)


def overlay_figures(
    theme: Theme, result: Distillation, originals: Originals, formula: Instruments
) -> dict[str, go.Figure]:
    """Update function, schedule, memory kernel, agreement and closed loop of the learned optimizer and the formula."""
    learned, scale = originals.learned, originals.scale
    positions, labels = symlog_ticks(scale, float(np.abs(originals.gradients).max()))
    symlog = {"title": "gradient (symlog)", "tickvals": positions, "ticktext": labels, "tickangle": 0}
    rate = {"title": "effective learning rate"}
    closed = {"title": "factor per step", "range": [0.5, 1.25]}
    logarithmic = {"title": "curvature", **log_axis(originals.curvatures)}
    key = f"distil/{result.run}"
    pairs = {
        "update": _pair(
            theme,
            f"{key}/update",
            symlog,
            {"title": "first update"},
            np.arcsinh(originals.gradients / scale),
            [learned.updates, formula.updates],
        ),
        "schedule": _pair(
            theme,
            f"{key}/schedule",
            {"title": "inner step"},
            rate,
            np.arange(len(learned.rates)),
            [learned.rates, formula.rates],
        ),
        "kernel": _pair(
            theme,
            f"{key}/kernel",
            {"title": "steps after the gradient"},
            {"title": "memory kernel"},
            np.arange(len(formula.kernel if formula.kernel is not None else ())),
            [learned.kernel, formula.kernel],
        ),
        "agreement": _by_signs(theme, f"{key}/agreement", learned.agreement, formula.agreement),
        "loop": _pair(
            theme,
            f"{key}/loop",
            logarithmic,
            closed,
            originals.curvatures,
            [learned.convergence, formula.convergence],
        ),
    }
    return {name: described(pair, _about(result)) for name, pair in pairs.items()}


def _by_signs(theme: Theme, key: str, learned: np.ndarray | None, formula: np.ndarray | None) -> go.Figure:
    """Learning rates of both while gradients of one sign, and alternating ones, come in."""
    traces = []
    for name, rates, color in (("Learned", learned, LEARNED), ("Formula", formula, FORMULA)):
        if rates is None:
            continue
        for kind, dash, row in zip(("one sign", "alternating"), ("solid", "dot"), rates, strict=True):
            title = f"{name}, {kind}"
            text = f"{title}: %{{y:.3g}}<extra></extra>"
            steps = np.arange(len(row))
            traces.append(line(steps, finite(row), color, title, width=2.2, dash=dash, hovertemplate=text))
    return figure(theme, key, {"title": "gradients fed"}, {"title": "learning rate (secant)"}, traces)


DISAGREEMENTS = {"step": "inner step", "gradient": "size of the gradient", "recent": "recent size of gradients"}


def disagreement_figure(theme: Theme, result: Distillation, name: str) -> go.Figure:
    """Where the formula's error sits, beside where the learned optimizer's updates are: shares of Σ u²."""
    found = result.disagreement[name]
    edges = np.array(found.edges)
    offset = 1.0 if name == "step" else 0.0  # a log axis has no step 0
    steps = np.repeat(edges + offset, 2)[1:-1]
    traces = [
        line(
            steps,
            np.repeat(100 * np.array(values), 2),
            color,
            label,
            hovertemplate=f"{label}: %{{y:.3g}} %<extra></extra>",
        )
        for label, values, color in (
            ("updates of the learned optimizer", found.weight, LEARNED),
            ("error of the formula", found.error, FORMULA),
        )
    ]
    title = DISAGREEMENTS[name] + (" + 1" if offset else "")
    x = {"title": title, **log_axis(steps)}
    made = figure(theme, f"distil/{result.run}/{name}", x, {"title": "% of Σ u²", "rangemode": "tozero"}, traces)
    return described(made, _about(result))
