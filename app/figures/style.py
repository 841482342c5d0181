"""Colours, fonts and the common frame of all figures.

One colour means one optimizer on every panel (Okabe & Ito's colour-blind safe palette); inner parameters have a
sequential scale of their own (viridis), so the two are not confused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType
from plotly.colors import sample_colorscale

OPTIMIZER_COLORS = {
    "learned": "#D55E00",
    "momentum": "#0072B2",
    "rmsprop": "#009E73",
    "adam": "#CC79A7",
    "nesterov": "#56B4E9",
    "sgd": "#6e6e6e",
}
FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


@dataclass(frozen=True)
class Theme:
    """What changes between light and dark."""

    name: str
    text: str
    muted: str
    grid: str
    line: str
    surface: str
    fill: str
    viridis: tuple[float, float]
    far: str
    contour: str


LIGHT = Theme(
    "light",
    "#1f2328",
    "#656d76",
    "#e6e8eb",
    "#c9ced4",
    "#ffffff",
    "rgba(90,100,115,0.22)",
    (0.0, 0.86),
    "#d9dde3",
    "#a9b1bb",
)
DARK = Theme(
    "dark",
    "#e6e6e6",
    "#9aa2ab",
    "#31363c",
    "#4a5058",
    "#1b1e22",
    "rgba(170,180,195,0.25)",
    (0.28, 1.0),
    "#343a42",
    "#59626d",
)
THEMES = {"light": LIGHT, "dark": DARK}


def component_colors(count: int, theme: Theme) -> list[str]:
    """One colour for each of ``count`` components, evenly spaced in viridis."""
    low, high = theme.viridis
    places = [low + (high - low) * (i / max(1, count - 1)) for i in range(count)]
    return [_hex(color) for color in sample_colorscale("Viridis", places)]


def _hex(rgb: str) -> str:
    red, green, blue = (round(float(part)) for part in rgb[4:-1].split(","))
    return f"#{red:02x}{green:02x}{blue:02x}"


def figure(theme: Theme, key: str, x: dict[str, Any], y: dict[str, Any], traces: Sequence[BaseTraceType]) -> go.Figure:
    """A figure with our axes, made at once (Plotly's updates of a figure take ten times as long).

    Args:
        theme: light or dark.
        key: of the bundle drawn, so that the browser knows which view a finished drawing belongs to.
        x: settings of the x axis.
        y: settings of the y axis.
        traces: what to draw.
    """
    axis = {
        "gridcolor": theme.grid,
        "linecolor": theme.line,
        "zerolinecolor": theme.line,
        "showline": True,
        "ticks": "outside",
        "ticklen": 3,
        "tickcolor": theme.line,
        "tickfont": {"size": 10.5},
        "automargin": True,
        "exponentformat": "power",
    }
    layout = go.Layout(
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 12, "color": theme.text},
        margin={"l": 48, "r": 12, "t": 8, "b": 40},
        showlegend=False,
        hovermode="closest",
        hoverlabel={"font": {"family": FONT, "size": 12}},
        dragmode="zoom",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": theme.muted, "activecolor": theme.text},
        meta={"key": key, "theme": theme.name},
        uirevision=key,
        xaxis={**axis, **_titled(x)},
        yaxis={**axis, **_titled(y)},
    )
    return go.Figure(data=list(traces), layout=layout)


def _titled(axis: dict[str, Any]) -> dict[str, Any]:
    title = axis.get("title")
    return {**axis, "title": {"text": title, "font": {"size": 11.5}, "standoff": 6}} if title else axis


def line(x: np.ndarray, y: np.ndarray, color: str, name: str, **more: Any) -> go.Scatter:
    """A thin line with our hover text."""
    width = more.pop("width", 1.6)
    dash = more.pop("dash", "solid")
    return go.Scatter(x=x, y=y, mode="lines", name=name, line={"color": color, "width": width, "dash": dash}, **more)


def finite(values: np.ndarray) -> np.ndarray:
    """A copy with every non-finite entry as NaN, which Plotly leaves out."""
    return np.where(np.isfinite(values), values, np.nan)


def symlog_ticks(scale: float, largest: float) -> tuple[list[float], list[str]]:
    """Tick positions (asinh(g / scale)) and labels at round powers of ten of g, zero included."""
    end = float(np.arcsinh(largest / scale))
    chosen: list[int] = []
    for power in range(int(np.floor(np.log10(largest))), int(np.floor(np.log10(scale))) - 1, -1):
        place = np.arcsinh(10.0**power / scale) / end
        above = np.arcsinh(10.0 ** chosen[-1] / scale) / end if chosen else 2.0
        if place > 0.3 and above - place > 0.3:  # labels need a third of a half-axis each
            chosen.append(power)
    values = sorted({sign * 10.0**power for power in chosen for sign in (1, -1)} | {0.0})
    labels = ["0" if value == 0 else f"{'−' if value < 0 else ''}{_power(abs(value))}" for value in values]
    return [float(np.arcsinh(value / scale)) for value in values], labels


def _power(value: float) -> str:
    exponent = round(np.log10(value))
    return f"{value:g}" if -2 <= exponent <= 2 else f"10<sup>{exponent}</sup>".replace("-", "−")
