"""The tuning landscape: every draw of a random search, learning rate against meta-loss."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from app.shared.catalog import TITLES
from app.shared.numbers import number
from app.shared.style import OPTIMIZER_COLORS, Theme, figure, line, viridis
from core.baselines.search import SearchResult

CEILING = 2.0  # larger meta-losses are drawn in the first strip; 1 means no progress
ABOVE, DIVERGED, TOP = 2.6, 3.9, 5.0  # positions of the two strips' points, and of the axis's end
MEMORIES = {"momentum": "β", "decay": "γ", "beta1": "β₁"}  # the constant that colours a search's draws


@dataclass(frozen=True)
class Sorted:
    """The draws of a search by their outcome: bool [draws] each.

    Attributes:
        inside: meta-loss within the axis.
        above: finite, beyond the axis.
        diverged: not finite.
        fewer: finite, but evaluated on fewer problems than the winner.
        bound: finite, but given up early: the meta-loss is a lower bound.
    """

    inside: np.ndarray
    above: np.ndarray
    diverged: np.ndarray
    fewer: np.ndarray
    bound: np.ndarray

    @property
    def whole(self) -> np.ndarray:
        """Draws within the axis that were evaluated like the winner."""
        return self.inside & ~self.fewer & ~self.bound


def sort_draws(draws: Mapping[str, np.ndarray]) -> Sorted:
    """Sort the draws by their outcome."""
    loss = draws["meta_loss"]
    known = np.isfinite(loss)
    bound = known & (draws["steps"] < draws["steps"].max()) if "steps" in draws else np.zeros_like(known)
    fewer = known & ~bound & (draws["problems"] < draws["problems"].max())
    return Sorted(known & (loss <= CEILING), known & (loss > CEILING), ~known, fewer, bound)


def memory_of(draws: Mapping[str, np.ndarray]) -> str | None:
    """The column that colours the draws: the constant that sets the optimizer's memory."""
    return next((name for name in MEMORIES if name in draws), None)


def tuning_figure(
    theme: Theme, tuned: SearchResult, draws: Mapping[str, np.ndarray], learned: float | None, learned_title: str
) -> go.Figure:
    """Every draw as a point.

    Args:
        theme: light or dark.
        tuned: the search's result.
        draws: its columns by name, each [draws].
        learned: held-out meta-loss of the learned optimizer, drawn as a line.
        learned_title: its title.
    """
    kinds = sort_draws(draws)
    rate, loss = draws["learning_rate"], draws["meta_loss"]
    strips = [
        (kinds.above, ABOVE, "triangle-up", f"above {CEILING:g}"),
        (kinds.diverged, DIVERGED, "x-thin", "diverged"),
    ]
    low = float(min(np.min(loss[kinds.inside], initial=1.0), learned or 1.0, tuned.meta_loss))
    bottom = np.log10(low) - 0.12
    traces = [
        _points(theme, draws, kinds.inside & kinds.bound, "triangle-up", " at least (given up early)"),
        _points(theme, draws, kinds.inside & kinds.fewer, "circle", " (fewer problems)"),
        _points(theme, draws, kinds.whole, "circle", ""),
    ]
    for mask, height, symbol, text in strips:
        jitter = 10 ** (0.07 * np.sin(37.0 * np.arange(mask.sum())))  # thousands of points on one line would be a bar
        marker = {"symbol": symbol, "size": 4.5, "color": theme.muted, "opacity": 0.5}
        marker["line"] = {"width": 1.1 if symbol == "x-thin" else 0, "color": theme.muted}
        exact = "meta-loss %{customdata:.3g}, " if mask is kinds.above else ""
        traces.append(
            go.Scatter(
                x=rate[mask],
                y=height * jitter,
                customdata=np.where(np.isfinite(loss[mask]), loss[mask], np.nan),
                mode="markers",
                marker=marker,
                name=text,
                hovertemplate=f"{text}: {exact}learning rate %{{x}}<extra></extra>",
            )
        )
    ends = np.array([rate.min() / 1.6, rate.max() * 1.6])
    if learned is not None:
        text = f"{learned_title}: {number(learned)} on held-out problems<extra></extra>"
        color = OPTIMIZER_COLORS["learned"]
        traces.append(line(ends, np.full(2, learned), color, learned_title, width=2, hovertemplate=text))
    traces.append(_winner(theme, tuned))
    x = {"title": "learning rate", "type": "log", "range": np.log10(ends).tolist()}
    ticks = [value for value in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2) if value >= 10**bottom]
    y = {"title": "meta-loss", "type": "log", "range": [float(bottom), float(np.log10(TOP))], "tickvals": ticks}
    made = figure(
        theme, f"tuning/{tuned.task}/{tuned.optimizer}", x, {**y, "ticktext": [f"{v:g}" for v in ticks]}, traces
    )
    made.layout.margin.r = 76 if memory_of(draws) else 12
    strip = {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": CEILING, "y1": TOP, "layer": "below"}
    made.layout.shapes = [{**strip, "fillcolor": theme.fill, "opacity": 0.55, "line": {"width": 0}}]
    label = {"xref": "paper", "x": 0.008, "xanchor": "left", "showarrow": False, "bgcolor": theme.surface}
    label |= {"opacity": 0.9, "font": {"size": 10.5, "color": theme.text}, "borderpad": 1}
    made.layout.annotations = [
        {**label, "y": float(np.log10(height)), "text": f"{text}: {int(mask.sum()):,}"}
        for mask, height, _, text in strips
    ]
    if learned is not None:
        place = {"xref": "paper", "x": 0.005, "xanchor": "left", "y": float(np.log10(learned)), "yanchor": "bottom"}
        font = {"size": 11, "color": theme.text}
        made.layout.annotations += ({**place, "text": learned_title, "showarrow": False, "font": font},)
    return made


def _points(theme: Theme, draws: Mapping[str, np.ndarray], mask: np.ndarray, symbol: str, note: str) -> go.Scatter:
    """Some of the draws within the axis. Those with a note were evaluated less than the winner; they are smaller and fainter."""
    name, small = memory_of(draws), bool(note)
    marker: dict[str, object] = {"symbol": symbol, "size": 4 if small else 5, "opacity": 0.5 if small else 0.8}
    marker["line"] = {"width": 0}
    text = f"meta-loss %{{y}}{note}, learning rate %{{x}}"
    more: dict[str, object] = {}
    if name is None:
        marker["color"] = theme.muted
    else:
        span = -np.log10(1 - np.minimum(draws[name], 1 - 1e-9))
        places = [0.0, 1.0, 2.0, 3.0, 4.0]
        kept = [place for place in places if place <= span.max() + 0.05]
        marker |= {"color": span[mask], "cmin": 0.0, "cmax": float(span.max()), "colorscale": viridis(theme)}
        if not small:
            marker["colorbar"] = {
                "title": {"text": MEMORIES[name], "side": "top", "font": {"size": 12}},
                "tickvals": kept,
                "ticktext": [f"{1 - 10**-place:.{int(place)}f}" for place in kept],
                "thickness": 10,
                "len": 0.8,
                "outlinewidth": 0,
                "tickfont": {"size": 10},
                "x": 1.01,
            }
        text += f", {MEMORIES[name]} %{{customdata:.4g}}"
        more = {"customdata": draws[name][mask]}
    return go.Scatter(
        x=draws["learning_rate"][mask],
        y=draws["meta_loss"][mask],
        mode="markers",
        marker=marker,
        name="draws" + note,
        hovertemplate=f"{text}<extra></extra>",
        **more,
    )


def _winner(theme: Theme, tuned: SearchResult) -> go.Scatter:
    edge = {"color": theme.surface, "width": 1.2}
    marker = {"symbol": "star", "size": 15, "color": OPTIMIZER_COLORS[tuned.optimizer], "line": edge}
    text = f"the chosen draw: {TITLES[tuned.optimizer]}, meta-loss {number(tuned.meta_loss)}<extra></extra>"
    x, y = [tuned.hyperparameters["learning_rate"]], [tuned.meta_loss]
    return go.Scatter(x=x, y=y, mode="markers", marker=marker, name="chosen", hovertemplate=text)
