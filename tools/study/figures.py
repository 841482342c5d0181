"""The study's figures as SVG, drawn by Chromium with the project's own plotly."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from app.shared.style import FONT, LIGHT, translucent
from benchmarks.browser import chromium
from core.files.atomic import write_bytes
from core.tasks import TASKS
from tools.study.measure import ARMS, TITLES, Results

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
COLORS = {  # Okabe & Ito's, for estimators
    "exact": "#000000",
    "clipped": "#D55E00",
    "truncated": "#0072B2",
    "scheduled": "#009E73",
    "evolution": "#CC79A7",
}
DASHES = {"exact": "dash", "clipped": "solid", "truncated": "dot", "scheduled": "solid", "evolution": "dashdot"}
MARKS = {
    "exact": "circle",
    "clipped": "square",
    "truncated": "diamond",
    "scheduled": "triangle-up",
    "evolution": "cross",
}
POINTS = 60  # of a curve


def band(results: Results, task: str, arm: str) -> tuple[np.ndarray, np.ndarray]:
    """CPU seconds [points] and the lowest, middle and highest held-out meta-loss over seeds [3, points].

    A seed stands at its last snapshot before that time; NaN where any seed has none that is finite.
    """
    curves = [curve for curve in results.curves if (curve.task, curve.arm) == (task, arm)]
    times = np.geomspace(0.02 * results.budget, results.budget, POINTS)
    values = np.full((len(curves), POINTS), np.nan)
    for row, curve in zip(values, curves, strict=True):
        held_out = np.array([np.nan if value is None else value for value in curve.held_out])
        row[:] = held_out[np.searchsorted(curve.seconds, times, side="right") - 1]
    return times, np.stack([values.min(0), np.median(values, 0), values.max(0)])


def _axis(number: int) -> str:
    return "" if number == 0 else str(number + 1)


def _plain_ticks(low: float, high: float) -> dict[str, Any]:
    """Ticks of a log axis at 1, 2 and 5 as plain numbers."""
    values = [factor * 10.0**power for power in range(-4, 4) for factor in (1, 2, 5)]
    kept = [value for value in values if low <= value <= high]
    return {"type": "log", "tickvals": kept, "ticktext": [f"{value:g}" for value in kept]}


def _layout(columns: int, titles: list[str], height: int) -> go.Layout:
    gap = 0.075
    width = (1 - gap * (columns - 1)) / columns
    layout = go.Layout(
        width=1060,
        height=height,
        paper_bgcolor="white",
        plot_bgcolor="white",
        font={"family": FONT, "size": 13, "color": LIGHT.text},
        margin={"l": 64, "r": 16, "t": 34, "b": 96},
        legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.24, "yanchor": "top"},
    )
    common = {"gridcolor": LIGHT.grid, "linecolor": LIGHT.line, "showline": True, "ticks": "outside", "zeroline": False}
    for i, title in enumerate(titles):
        left = i * (width + gap)
        layout[f"xaxis{_axis(i)}"] = {**common, "domain": [left, left + width], "anchor": f"y{_axis(i)}"}
        layout[f"yaxis{_axis(i)}"] = {**common, "anchor": f"x{_axis(i)}"}
        text = {"text": f"<b>{title}</b>", "x": left + width / 2, "y": 1.0, "xref": "paper", "yref": "paper"}
        layout.annotations += (
            go.layout.Annotation(**text, xanchor="center", yanchor="bottom", showarrow=False, font={"size": 14}),
        )
    return layout


def curves_figure(results: Results) -> go.Figure:
    """Held-out meta-loss against training time, one panel for each task: median and range over seeds."""
    layout = _layout(len(TASKS), [task.title for task in TASKS.values()], 420)
    traces = []
    for i, task in enumerate(TASKS):
        axes = {"xaxis": f"x{_axis(i)}", "yaxis": f"y{_axis(i)}"}
        tops = []
        for arm in ARMS:
            times, (low, middle, high) = band(results, task, arm)
            seen = np.isfinite(middle)
            tops += [middle[seen]]
            own = {**axes, "legendgroup": arm, "mode": "lines"}
            around = np.concatenate([times[seen], times[seen][::-1]]), np.concatenate([high[seen], low[seen][::-1]])
            fill = translucent(COLORS[arm], 0.1)
            traces.append(
                go.Scatter(
                    x=around[0], y=around[1], fill="toself", fillcolor=fill, line={"width": 0}, showlegend=False, **own
                )
            )
            line = {"color": COLORS[arm], "width": 2, "dash": DASHES[arm]}
            traces.append(go.Scatter(x=times, y=middle, line=line, name=TITLES[arm], showlegend=i == 0, **own))
        shown = np.concatenate(tops)
        layout[f"xaxis{_axis(i)}"].update(title="training, CPU seconds", **_plain_ticks(0.1, 1e3))
        top = min(1.0, shown.max()) if len(shown) else 1.0
        lowest = shown.min() if len(shown) else 0.01
        ends = lowest / 1.15, 1.15 * top
        layout[f"yaxis{_axis(i)}"].update(range=np.log10(ends).tolist(), **_plain_ticks(*ends))
    layout.yaxis.update(title="held-out meta-loss")
    return go.Figure(traces, layout)


def bias_figure(results: Results) -> go.Figure:
    """Direction and noise of every estimator at an early and a late θ, one panel for each task."""
    layout = _layout(len(TASKS), [task.title for task in TASKS.values()], 380)
    traces = []
    for i, task in enumerate(TASKS):
        axes = {"xaxis": f"x{_axis(i)}", "yaxis": f"y{_axis(i)}"}
        late = max((bias.outer_step for bias in results.biases if bias.task == task), default=0)
        for arm in ARMS:
            kept = [b for b in results.biases if (b.task, b.arm) == (task, arm) and None not in (b.cosine, b.noise)]
            symbols = [MARKS[arm] + ("" if bias.outer_step == late else "-open") for bias in kept]
            marker = {"size": 13, "color": COLORS[arm], "symbol": symbols, "line": {"width": 2, "color": COLORS[arm]}}
            traces.append(
                go.Scatter(
                    x=[bias.noise for bias in kept],
                    y=[bias.cosine for bias in kept],
                    mode="markers",
                    marker=marker,
                    name=TITLES[arm],
                    legendgroup=arm,
                    showlegend=i == 0,
                    **axes,
                )
            )
        layout[f"xaxis{_axis(i)}"].update(title="noise of one estimate / its mean", **_plain_ticks(0.1, 10))
        layout[f"yaxis{_axis(i)}"].update(range=[-0.75, 1.1], dtick=0.25)
    layout.yaxis.update(title="cosine with the exact gradient")
    return go.Figure(traces, layout)


def draw(results: Results) -> None:
    """Both figures, to docs/images/."""
    with chromium() as browser:
        page = browser.new_page()
        page.set_content("<div id=figure></div>")
        page.add_script_tag(content=get_plotlyjs())
        for name, figure in (("study-curves", curves_figure(results)), ("study-bias", bias_figure(results))):
            source = page.evaluate(
                "async (figure) => decodeURIComponent((await Plotly.toImage(figure, {format: 'svg'})).split(',')[1])",
                json.loads(figure.to_json()),
            )
            write_bytes(IMAGES / f"{name}.svg", source.encode())
