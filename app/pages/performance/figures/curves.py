"""Top row of the Performance page: a picture of each task, and the mean loss of every optimizer on it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.pages.performance.scenes import Data, Surface
from app.shared.catalog import TITLES
from app.shared.style import (
    LEAST_LOSS,
    OPTIMIZER_COLORS,
    OPTIMIZER_DASHES,
    Theme,
    figure,
    line,
    plain_log_axis,
    translucent,
)
from core.evaluation.held_out import Evaluation, Score

CEILING = 10.0  # times the first loss: beyond it the axis ends


def belonging(name: str, shown: Sequence[str]) -> dict[str, Any]:
    """Settings of a trace that the shared legend shows and hides with its optimizer."""
    return {"legendgroup": name, "visible": name in shown}


def steps_of(score: Score) -> np.ndarray:
    """Inner steps of a score's curve: every one, unless it says which."""
    kept = score.curve_steps
    return np.arange(len(score.curve_mean)) if kept is None else np.asarray(kept)


def positive(values: Sequence[float | None]) -> np.ndarray:
    """A curve for a log axis: NaN where there is no number above 0."""
    array = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return np.where(array > 0, array, np.nan)


def curves_figure(
    theme: Theme, evaluation: Evaluation, shown: Sequence[str], siblings: Mapping[str, Evaluation] | None = None
) -> go.Figure:
    """Mean of f(x_k)/f(x_0) over held-out problems, log scale, with bands of one standard error.

    Args:
        theme: light or dark.
        evaluation: what to draw.
        shown: optimizers that are visible; the others are there, hidden.
        siblings: learned optimizers trained from other seeds, drawn thin.
    """
    traces: list[go.Scatter] = []
    drawn = []
    for name, score in reversed(evaluation.optimizers.items()):  # the learned one comes last, on top
        steps, mean = steps_of(score), positive(score.curve_mean)
        if (
            np.isnan(mean).any() and score.curve_median is not None
        ):  # some problem diverged: the mean ends there, the median goes on
            median = positive(score.curve_median)
            text = f"{TITLES[name]}, median: %{{y:.3g}} at step %{{x}}<extra></extra>"
            settings = {"width": 1.2, "dash": "dot", "hovertemplate": text, "opacity": 0.8}
            traces.append(
                line(steps, median, OPTIMIZER_COLORS[name], TITLES[name], **settings, **belonging(name, shown))
            )
            drawn.append(median)
        traces.append(_band(steps, mean, positive(score.curve_sem), name, shown))
        traces.append(_mean(steps, mean, name, shown))
        drawn.append(mean)
    for name, other in (siblings or {}).items():
        score = other.optimizers["learned"]
        text = f"{name}: %{{y:.3g}} at step %{{x}}<extra></extra>"
        settings = {"width": 1, "opacity": 0.75, "hovertemplate": text}
        steps, mean = steps_of(score), positive(score.curve_mean)
        traces.append(line(steps, mean, OPTIMIZER_COLORS["learned"], name, **settings, **belonging("learned", shown)))
        drawn.append(mean)
    last = evaluation.steps
    x = {"title": "inner step", "range": [-0.02 * last, 1.02 * last], "zeroline": False}
    y = {"title": "loss / first loss", **plain_log_axis(np.concatenate(drawn), CEILING)}
    return figure(theme, f"curves/{evaluation.task}", x, y, traces)


def _mean(steps: np.ndarray, mean: np.ndarray, name: str, shown: Sequence[str]) -> go.Scatter:
    text = f"{TITLES[name]}: %{{y:.3g}} at step %{{x}}<extra></extra>"
    width, dash = (2.6, "solid") if name == "learned" else (1.6, OPTIMIZER_DASHES[name])
    settings = {"width": width, "dash": dash, "hovertemplate": text}
    return line(steps, mean, OPTIMIZER_COLORS[name], TITLES[name], **settings, **belonging(name, shown))


def _band(steps: np.ndarray, mean: np.ndarray, sem: np.ndarray, name: str, shown: Sequence[str]) -> go.Scatter:
    """One closed outline: up along the upper edge, back along the lower one."""
    kept = np.isfinite(mean)
    spread = np.nan_to_num(sem[kept])
    upper = mean[kept] + spread
    lower = np.maximum(mean[kept] - spread, np.maximum(0.02 * mean[kept], LEAST_LOSS))  # log axes have no 0
    return go.Scatter(
        x=np.concatenate([steps[kept], steps[kept][::-1]]),
        y=np.concatenate([upper, lower[::-1]]),
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=translucent(OPTIMIZER_COLORS[name], 0.22),
        hoverinfo="skip",
        name=f"{TITLES[name]} ± one standard error",
        **belonging(name, shown),
    )


def picture_figure(theme: Theme, scene: Surface | Data | None, optimizer: str = "learned") -> go.Figure:
    """What a task looks like: contours of its loss with the path of an optimizer, or the data of its classifier."""
    hidden = {"visible": False}
    if scene is None:
        return figure(theme, "picture", hidden, hidden, [])
    x, y, traces = (
        _surface(theme, scene, OPTIMIZER_COLORS[optimizer]) if isinstance(scene, Surface) else _data(theme, scene)
    )
    made = figure(theme, "picture", {**hidden, **x}, {**hidden, **y}, traces)
    made.layout.margin = {"l": 0, "r": 0, "t": 0, "b": 0}
    return made


def _surface(theme: Theme, scene: Surface, color: str) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    heights = np.log10(np.maximum(scene.loss, LEAST_LOSS))
    contours = go.Contour(
        x=scene.x,
        y=scene.y,
        z=np.maximum(heights, np.quantile(heights, 0.01)),  # the minimum's depth would take all levels
        colorscale=[[0, theme.surface], [1, theme.far]],
        ncontours=14,
        line={"width": 0.8, "color": theme.contour},
        showscale=False,
    )
    path = line(scene.path[:, 0], scene.path[:, 1], color, "path", width=2.4)
    edge = {"color": theme.surface, "width": 1.2}
    start = go.Scatter(
        x=scene.path[:1, 0],
        y=scene.path[:1, 1],
        mode="markers",
        marker={"size": 9, "color": color, "line": edge},
    )
    minimum = go.Scatter(
        x=[scene.minimum[0]],
        y=[scene.minimum[1]],
        mode="markers",
        marker={"symbol": "star", "size": 13, "color": theme.text, "line": edge},
    )
    window = [{"range": [float(axis[0]), float(axis[-1])]} for axis in (scene.x, scene.y)]
    return window[0], window[1], [contours, path, start, minimum]


def _data(theme: Theme, scene: Data) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    traces = []
    for label, symbol, color in ((0, "circle", theme.muted), (1, "x-thin", theme.text)):
        points = scene.points[scene.labels == label][::2]
        marker = {"symbol": symbol, "size": 5, "color": color, "opacity": 0.75}
        marker["line"] = {"width": 1.3 if label else 0, "color": color}
        traces.append(go.Scatter(x=points[:, 0], y=points[:, 1], mode="markers", marker=marker))
    return {}, {}, traces
