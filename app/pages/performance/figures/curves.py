"""The loss curves at the top of the Performance page: the mean loss of every optimizer on each task."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.pages.performance.table import title_of
from app.shared.catalog import called
from app.shared.style import (
    LEAST_LOSS,
    OPTIMIZER_COLORS,
    OPTIMIZER_DASHES,
    Theme,
    figure,
    line,
    log_axis,
    translucent,
)
from core.evaluation.held_out import Evaluation, Score

CEILING = 10.0  # times the first loss; the axis ends there


def belonging(name: str, shown: Sequence[str]) -> dict[str, Any]:
    """Trace settings that let the shared legend show and hide it with its optimizer."""
    owner = "learned" if name == "repaired" else name
    return {"legendgroup": owner, "visible": owner in shown}


def steps_of(score: Score) -> np.ndarray:
    """Inner steps of a score's curve: all steps, unless it lists them."""
    kept = score.curve_steps
    return np.arange(len(score.curve_mean)) if kept is None else np.asarray(kept)


def positive(values: Sequence[float | None]) -> np.ndarray:
    """A curve for a log axis: NaN for values that are missing or not positive."""
    array = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return np.where(array > 0, array, np.nan)


def curves_figure(
    theme: Theme,
    evaluation: Evaluation,
    shown: Sequence[str],
    title: str,
    siblings: Mapping[str, Evaluation] | None = None,
) -> go.Figure:
    """Mean of f(x_k)/f(x_0) over held-out problems, log scale, with bands of one standard error.

    Args:
        theme: light or dark.
        evaluation: what to draw.
        shown: visible optimizers; the traces of the others are hidden.
        title: of the learned optimizer.
        siblings: learned optimizers trained from other seeds, drawn thin.
    """
    traces: list[go.Scatter] = []
    drawn = []
    for name, score in reversed(evaluation.optimizers.items()):  # the learned one comes last, above the others
        steps, mean = steps_of(score), positive(score.curve_mean)
        if (
            np.isnan(mean).any() and score.curve_median is not None
        ):  # some problem diverged: the mean ends there, the median continues
            median = positive(score.curve_median)
            text = f"{title_of(name, title)}, median: %{{y}}<extra></extra>"
            settings = {"width": 1.2, "dash": "dot", "hovertemplate": text, "opacity": 0.8}
            traces.append(
                line(
                    steps,
                    median,
                    OPTIMIZER_COLORS[name],
                    f"{title_of(name, title)}, median",
                    **settings,
                    **belonging(name, shown),
                )
            )
            drawn.append(median)
        traces.append(_band(steps, mean, positive(score.curve_sem), name, title, shown))
        traces.append(_mean(steps, mean, name, title, shown))
        drawn.append(mean)
    for name, other in (siblings or {}).items():
        score = other.optimizers["learned"]
        title = called(evaluation.task, name)
        text = f"{title}: %{{y}}<extra></extra>"
        settings = {"width": 1, "opacity": 0.75, "hovertemplate": text}
        steps, mean = steps_of(score), positive(score.curve_mean)
        traces.append(line(steps, mean, OPTIMIZER_COLORS["learned"], title, **settings, **belonging("learned", shown)))
        drawn.append(mean)
    last = evaluation.steps
    x = {"title": "inner step", "range": [-0.02 * last, 1.02 * last], "zeroline": False}
    y = {"title": "loss / first loss", **log_axis(np.concatenate(drawn), CEILING)}
    made = figure(theme, f"curves/{evaluation.task}", x, y, traces)
    return made.update_layout(hovermode="x unified")


def _mean(steps: np.ndarray, mean: np.ndarray, name: str, title: str, shown: Sequence[str]) -> go.Scatter:
    text = f"{title_of(name, title)}: %{{y}}<extra></extra>"
    width, dash = 2.6 if name in ("learned", "repaired") else 1.6, OPTIMIZER_DASHES[name]
    settings = {"width": width, "dash": dash, "hovertemplate": text}
    return line(steps, mean, OPTIMIZER_COLORS[name], title_of(name, title), **settings, **belonging(name, shown))


def _band(
    steps: np.ndarray, mean: np.ndarray, sem: np.ndarray, name: str, title: str, shown: Sequence[str]
) -> go.Scatter:
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
        name=f"{title_of(name, title)} ± one standard error",
        showlegend=False,
        **belonging(name, shown),
    )
