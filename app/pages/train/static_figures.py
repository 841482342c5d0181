"""The figures of the Train page for a run's newest snapshot, for exports and notebooks.

The browser fills them from the run's events; the held-out problems are the same here.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.pages.train.draw import INSTRUMENTS, draw
from app.pages.train.figures import FIGURES, HELD_OUT, RAW, SMOOTH
from app.pages.train.view import View
from app.shared.numbers import running_median
from app.shared.pages import Figures, PageFigure
from app.shared.style import Theme, finite, log_axis
from core.errors import InputError
from core.jobs.held_out import HeldOut
from core.jobs.queue import find
from core.runs.run import Run

Points = tuple[Sequence[float] | np.ndarray, Sequence[float | None] | np.ndarray]


def _filled(made: go.Figure, points: dict[str, Points]) -> go.Figure:
    """The figure with the named traces filled; traces without points are removed."""
    made.data = [trace for trace in made.data if trace.meta in points]
    for trace in made.data:
        trace.x, trace.y = points[trace.meta]
    drawn = np.concatenate([np.array(y, dtype=np.float64) for _, y in points.values()])
    made.update_yaxes(**log_axis(drawn))
    return made


@functools.lru_cache(maxsize=8)
def _held_out(run: Run, outer_step: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The newest snapshot and the tuned hand-designed optimizers on the run's held-out problems."""
    trial = HeldOut(run.config)
    return trial.evaluate(run.optimizer(outer_step).theta), trial.baselines()


def _outer(run: Run, outer_step: int, theme: Theme) -> go.Figure:
    losses = np.array([step.meta_loss for step in run.outer_losses()])
    steps = np.arange(1, len(losses) + 1)
    ours, baselines = _held_out(run, outer_step)
    points: dict[str, Points] = {
        name: ([0, max(outer_step, len(losses))], [score["meta_loss"]] * 2) for name, score in baselines.items()
    }
    points |= {RAW: (steps, finite(losses)), SMOOTH: (steps, finite(running_median(losses)))}
    return _filled(FIGURES["outer"](theme), points | {HELD_OUT: ([outer_step], [ours["meta_loss"]])})


def _curve(run: Run, outer_step: int, theme: Theme) -> go.Figure:
    ours, baselines = _held_out(run, outer_step)
    curves = {**{name: score["curve"] for name, score in baselines.items()}, "learned": ours["curve"]}
    points: dict[str, Points] = {name: (curve["inner_step"], curve["relative_loss"]) for name, curve in curves.items()}
    return _filled(FIGURES["curve"](theme), points)


def _instrument(name: str, run: Run, outer_step: int, theme: Theme) -> go.Figure:
    return draw(run, outer_step, theme)[name][0]


_DRAW: dict[str, Callable[[Run, int, Theme], go.Figure]] = {
    "outer": _outer,
    "curve": _curve,
    **{name: functools.partial(_instrument, name) for name in INSTRUMENTS},
}


def newest(run: Run) -> int:
    """The outer step of a run's newest snapshot.

    Raises:
        InputError: it has none yet.
    """
    kept = run.snapshots()
    if not kept:
        raise InputError(f"{run.name} has no snapshot yet")
    return kept[-1]


def static_figures(view: View, theme: Theme) -> Sequence[Figures]:
    """The figures of a run's newest snapshot.

    Raises:
        InputError: no run is named, or it has no snapshot yet.
    """
    if not view.run:
        raise InputError("name a run, as in train('run=mine')")
    run = find(view.run).run
    outer_step = newest(run)

    def figure(name: str) -> PageFigure:
        return PageFigure(name, lambda: go.Figure(_DRAW[name](run, outer_step, theme)), legend=True)

    return [{name: figure(name) for name in _DRAW}]
