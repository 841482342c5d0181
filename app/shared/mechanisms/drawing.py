"""Shared parts of the mechanisms' figures: the drawing's inputs, axes and marks.

Traces that move are empty at first and are found by name.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.shared.mechanisms.frames import LIT, MOVING
from app.shared.style import Theme, figure, finite, line, symlog_ticks
from core.bundle import Bundle

RATES = ("rates", "in_use", "agreement")  # arrays of learning rates
NARROW = 40  # letters of a line in an empty figure
ROOM = 0.33  # of half an axis: what a label of a symlog axis has to itself, since figures are narrow
WIDE = 50  # a factor between the largest and the smallest rate beyond which an axis is logarithmic

KEY = {  # a legend above a figure, where it covers nothing
    "orientation": "h",
    "x": 0,
    "y": 1.01,
    "xanchor": "left",
    "yanchor": "bottom",
    "bgcolor": "rgba(0,0,0,0)",
    "font": {"size": 10},
    "itemwidth": 30,
    "tracegroupgap": 0,
}


@dataclass(frozen=True)
class Common:
    """What both optimizers of a view share, so that the same place means the same on both sides.

    Attributes:
        scale: the gradient at which symlog axes turn from linear to logarithmic.
        reach: size of the largest gradient on an axis.
        low: size of the smallest gradient on a log axis.
        positive: arrays whose numbers are positive on every side, so that they can have log axes.
        wide: arrays that span more than a factor of 50 on some side.
    """

    scale: float
    reach: float
    low: float
    positive: frozenset[str] = frozenset()
    wide: frozenset[str] = frozenset()


def common_of(bundles: Sequence[Bundle]) -> Common:
    """The common scales of the bundles of a view: those of all of its optimizers."""
    scales = [float(bundle.about["scale"]) for bundle in bundles]
    sizes = [bundle.arrays[name] for bundle in bundles for name in ("g", "gradients") if name in bundle.arrays]
    scale = float(np.exp(np.mean(np.log(scales))))
    reach = max([float(np.abs(values).max()) for values in sizes if len(values)] or [2 * scale])
    low = min([float(bundle.arrays["sizes"][0]) for bundle in bundles if "sizes" in bundle.arrays] or [scale])
    known = {name: [_finite(bundle, name) for bundle in bundles if name in bundle.arrays] for name in RATES}
    positive = frozenset(name for name, sides in known.items() if all((values > 0).all() for values in sides))
    wide = frozenset(name for name, sides in known.items() if any(_spans(values) for values in sides))
    return Common(scale, max(reach, scale), low, positive, wide)


def _finite(bundle: Bundle, name: str) -> np.ndarray:
    """The learning rates of an array that are finite."""
    values = bundle.arrays[name][..., 1] if name == "in_use" else bundle.arrays[name]
    return values[np.isfinite(values)]


def _spans(values: np.ndarray) -> bool:
    kept = values[values > 0]
    return len(kept) > 0 and bool(kept.max() > WIDE * kept.min())


@dataclass(frozen=True)
class MechanismDrawing:
    """The inputs of one optimizer's figures.

    Attributes:
        bundle: its arrays.
        color: the optimizer's.
        theme: light or dark.
        key: changes with the view, so that the browser keeps a zoom only within it.
        references: points (learning rate, momentum) to compare modes with, by name.
        baselines: names and bundles of optimizers drawn thin beside it.
        common: the scales that it shares with the optimizer on the other side.
    """

    bundle: Bundle
    color: str
    theme: Theme
    key: str
    references: dict[str, tuple[float, float]]
    baselines: dict[str, tuple[Bundle, str]]
    common: Common

    def array(self, name: str) -> np.ndarray:
        """One of the bundle's arrays, float64."""
        return self.bundle.arrays[name].astype(np.float64)


def symlog_axis(p: MechanismDrawing, title: str = "gradient (symlog)") -> dict[str, Any]:
    """An axis of asinh(g / scale) with round gradients as labels, the same on both sides."""
    scale, reach = p.common.scale, p.common.reach
    positions, labels = symlog_ticks(scale, reach, ROOM)
    end = float(np.arcsinh(reach / scale))
    return {"title": title, "tickvals": positions, "ticktext": labels, "tickangle": 0, "range": [-end, end]}


def spread(p: MechanismDrawing, gradients: np.ndarray) -> np.ndarray:
    """Positions of gradients on a `symlog_axis`."""
    return np.arcsinh(gradients / p.common.scale)


def empty(p: MechanismDrawing, why: str) -> go.Figure:
    """A figure that says why there is nothing to draw."""
    made = figure(p.theme, p.key, {"visible": False}, {"visible": False}, [])
    made.add_annotation(
        text="<br>".join(textwrap.wrap(why, NARROW)),
        showarrow=False,
        font={"size": 13, "color": p.theme.muted},
        x=0.5,
        y=0.5,
        xref="paper",
        yref="paper",
    )
    return made


def others(p: MechanismDrawing, x: np.ndarray, curves: np.ndarray, name: str, opacity: float) -> list[go.Scatter]:
    """Every sixth of many curves, [curves, points], faint behind the one that is chosen."""
    look: dict[str, Any] = {"width": 0.8, "opacity": opacity, "hoverinfo": "skip"}
    return [
        line(x, finite(curves[i]), p.theme.muted, name, showlegend=i == 0, **look) for i in range(0, len(curves), 6)
    ]


def moving(color: str, **more: Any) -> go.Scatter:
    """A bold line that follows the slider."""
    return line(np.array([]), np.array([]), color, MOVING, width=3, hoverinfo="skip", showlegend=False, **more)


def lit(p: MechanismDrawing, size: int = 17) -> go.Scatter:
    """A ring around the chosen point."""
    marker = {
        "size": size,
        "symbol": "circle-open",
        "color": p.theme.text,
        "line": {"width": 2.5, "color": p.theme.text},
    }
    return go.Scatter(x=[], y=[], mode="markers", marker=marker, name=LIT, hoverinfo="skip", showlegend=False)


def star(p: MechanismDrawing, x: float, y: float, name: str, symbol: str = "star") -> go.Scatter:
    """A labelled mark."""
    edge = p.theme.text if symbol.endswith("-open") else p.theme.surface
    marker = {"size": 13, "symbol": symbol, "color": p.theme.text, "line": {"width": 1.5, "color": edge}}
    return go.Scatter(x=[x], y=[y], mode="markers", marker=marker, name=name, hovertemplate=f"{name}<extra></extra>")


def components(explained: list[float]) -> list[str]:
    """Titles of the axes of principal components, with the share of the variance that each explains."""
    return [f"PC {i + 1} ({100 * share:.1f} %)" for i, share in enumerate(explained)]


def padded(values: np.ndarray) -> list[float]:
    """A range that leaves room at both ends."""
    kept = values[np.isfinite(values)]
    low, high = (float(kept.min()), float(kept.max())) if len(kept) else (-1.0, 1.0)
    margin = 0.06 * (high - low) or 1.0
    return [low - margin, high + margin]


def without_marks(made: go.Figure) -> go.Figure:
    """The figure without its moving marks, for printing."""
    made.data = [trace for trace in made.data if trace.name not in (MOVING, LIT)]
    return made
