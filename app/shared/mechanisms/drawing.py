"""Shared parts of the mechanisms' figures: the drawing's inputs, axes and marks.

Traces that move are empty at first and are found by name.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.shared.mechanisms.frames import LIT, MOVING
from app.shared.style import Theme, figure, line, symlog_ticks
from core.bundle import Bundle

KEY = {  # a legend inside of a figure
    "x": 0.99,
    "y": 0.98,
    "xanchor": "right",
    "yanchor": "top",
    "bgcolor": "rgba(0,0,0,0)",
    "font": {"size": 10.5},
}


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
    """

    bundle: Bundle
    color: str
    theme: Theme
    key: str
    references: dict[str, tuple[float, float]]
    baselines: dict[str, tuple[Bundle, str]]

    def array(self, name: str) -> np.ndarray:
        """One of the bundle's arrays, float64."""
        return self.bundle.arrays[name].astype(np.float64)


def symlog_axis(p: MechanismDrawing, reach: float, title: str = "gradient (symlog)") -> dict[str, Any]:
    """An axis of asinh(g / scale) with round gradients as labels."""
    scale = p.bundle.about["scale"]
    reach = max(reach, scale)
    positions, labels = symlog_ticks(scale, reach)
    end = float(np.arcsinh(reach / scale))
    return {"title": title, "tickvals": positions, "ticktext": labels, "tickangle": 0, "range": [-end, end]}


def spread(p: MechanismDrawing, gradients: np.ndarray) -> np.ndarray:
    """Positions of gradients on a `symlog_axis`."""
    return np.arcsinh(gradients / p.bundle.about["scale"])


def empty(p: MechanismDrawing, why: str) -> go.Figure:
    """A figure that says why there is nothing to draw."""
    made = figure(p.theme, p.key, {"visible": False}, {"visible": False}, [])
    made.add_annotation(
        text=why, showarrow=False, font={"size": 13, "color": p.theme.muted}, x=0.5, y=0.5, xref="paper", yref="paper"
    )
    return made


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
    marker = {"size": 13, "symbol": symbol, "color": p.theme.text, "line": {"width": 1.5, "color": p.theme.surface}}
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
