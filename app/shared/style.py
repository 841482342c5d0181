"""Colours, fonts and the common frame of all figures.

One colour means one optimizer on every panel (Okabe & Ito's colour-blind safe palette, and two more chosen to differ
from it for all kinds of colour vision). In crowded plots, variants of a method are also dashed. Inner parameters have a
sequential scale of their own that keeps away from every optimizer's colour, for all kinds of colour vision.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType
from plotly.colors import sample_colorscale

from core.optimizers.hand_designed import BASELINES, HAND_DESIGNED

LEARNED = "#D55E00"
OWN = "#cc00b3"  # of a hand-designed optimizer with hyperparameters of the visitor's own
OPTIMIZER_COLORS = {
    "learned": LEARNED,
    "repaired": LEARNED,
    "own": OWN,
    **{name: HAND_DESIGNED[name].color for name in BASELINES},
}
LEARNED_COLORS = (LEARNED, "#5a5aff", "#4dbf60", "#84507f")  # of several side by side, in order
OPTIMIZER_DASHES = {
    "learned": "solid",
    "repaired": "dot",
    "own": "solid",
    **{name: HAND_DESIGNED[name].dash for name in BASELINES},
}
FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

GRAPH_CONFIG = {
    "displaylogo": False,
    "displayModeBar": "hover",
    "modeBarButtons": [
        ["resetScale2d"]
    ],  # no link to Plotly's cloud, and no PNG, since it would lack what the canvases draw
    "showTips": False,
    "responsive": True,
    "doubleClick": "reset",
}

LEAST_LOSS = 1e-12  # smaller losses are rounding errors; log axes end here


@dataclass(frozen=True)
class Theme:
    """The colours of the light or the dark theme."""

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
    components: tuple[str, ...]


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
    ("#07069c", "#403a7f", "#704254", "#8e7855", "#979829"),
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
    ("#a2692f", "#c9c24e", "#a2de95", "#ddf98d", "#f8ffff"),
)
THEMES = {"light": LIGHT, "dark": DARK}


def component_colors(count: int, theme: Theme) -> list[str]:
    """One colour for each of ``count`` components, evenly spaced on the theme's scale."""
    places = [i / max(1, count - 1) for i in range(count)]
    return [_hex(color) for color in sample_colorscale(list(theme.components), places)]


def _hex(rgb: str) -> str:
    red, green, blue = (round(float(part)) for part in rgb[4:-1].split(","))
    return f"#{red:02x}{green:02x}{blue:02x}"


def viridis(theme: Theme) -> list[list[Any]]:
    """Viridis as a colour scale, without the end that is invisible on the theme's surface."""
    low, high = theme.viridis
    places = [i / 8 for i in range(9)]
    colors = sample_colorscale("Viridis", [low + (high - low) * place for place in places])
    return [[place, color] for place, color in zip(places, colors, strict=True)]


def translucent(color: str, share: float) -> str:
    """A hex colour with an opacity."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share:g})"


def figure(theme: Theme, key: str, x: dict[str, Any], y: dict[str, Any], traces: Sequence[BaseTraceType]) -> go.Figure:
    """A figure with our axes, built in one call (updating a Plotly figure takes ten times as long).

    Args:
        theme: light or dark.
        key: of the bundle drawn, so that the browser knows which view a drawing belongs to.
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
        "exponentformat": "power",
        "separatethousands": True,
        "zerolinewidth": 1,
    }
    layout = {  # as a dictionary, Plotly checks it once
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": theme.text},
        "margin": {"l": 48, "r": 12, "t": 8, "b": 40},
        "showlegend": False,
        "hovermode": "closest",
        "hoverlabel": {"font": {"family": FONT, "size": 12}},
        "dragmode": "zoom",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": theme.muted, "activecolor": theme.text},
        "meta": {"key": key, "theme": theme.name},
        # Each axis adds margin in one direction only: margin along the axis would change its labels, and they the margin, endlessly.
        "xaxis": {**axis, "automargin": "height", "uirevision": _revision(key, x), **_titled(_ticked(x))},
        "yaxis": {**axis, "automargin": "width", "uirevision": _revision(key, y), **_titled(_ticked(y))},
    }
    return go.Figure(data=list(traces), layout=layout)


def described(made: go.Figure, about: str) -> go.Figure:
    """The figure, which says what it is of when it is exported: task, optimizer, snapshot, seeds."""
    made.layout.meta = {**(made.layout.meta or {}), "about": about}
    return made


def _revision(key: str, axis: dict[str, Any]) -> str:
    """What a zoom of an axis belongs to: it stays as long as the axis stays the same, and is lost with the view if its range is automatic."""
    fixed = axis.get("range")
    return json.dumps([axis.get("title"), axis.get("type"), [f"{end:.6g}" for end in fixed] if fixed else key])


def _ticked(axis: dict[str, Any]) -> dict[str, Any]:
    """A log axis with labels that can be read alone, unless it has its own."""
    if axis.get("type") != "log" or "range" not in axis or "tickvals" in axis:
        return axis
    return {**axis, **log_ticks(*axis["range"])}


def _titled(axis: dict[str, Any]) -> dict[str, Any]:
    title = axis.get("title")
    return {**axis, "title": {"text": title, "font": {"size": 11.5}, "standoff": 6}} if title else axis


def line(x: np.ndarray, y: np.ndarray, color: str, name: str, **more: Any) -> go.Scatter:
    """A thin line with our hover text."""
    width = more.pop("width", 1.6)
    dash = more.pop("dash", "solid")
    return go.Scatter(x=x, y=y, mode="lines", name=name, line={"color": color, "width": width, "dash": dash}, **more)


def log_axis(values: np.ndarray, ceiling: float = np.inf) -> dict[str, Any]:
    """A log axis for all positive values up to a ceiling, with labels that can be read alone: 0.02, 0.05, 0.1 or powers of ten."""
    kept = values[np.isfinite(values) & (values > 0)]
    low, high = (np.log10(max(kept.min(), LEAST_LOSS)), np.log10(min(kept.max(), ceiling))) if len(kept) else (-1, 1)
    margin = 0.05 * max(high - low, 0.2)
    ends = [float(low - margin), float(high + margin)]
    return {"type": "log", "range": ends, **log_ticks(*ends)}


def log_ticks(low: float, high: float) -> dict[str, Any]:
    """Ticks of a log axis between two powers of ten, each with a label that can be read alone; at least three on any axis."""
    powers = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    every = max(1, round((high - low) / 6))
    span = high - low
    choices: list[tuple[int, ...]] = (
        [tuple(range(1, 10))] if span < 0.6 else [(1, 2, 5)] if span < 2.2 else [(1,), (1, 3)]
    )
    kept: list[float] = []
    for factors in choices:
        ticks = [factor * 10.0**power for power in powers if power % every == 0 for factor in factors]
        kept = [tick for tick in ticks if low <= np.log10(tick) <= high]
        if len(kept) >= 3:
            break
    else:
        kept = _evenly(10.0**low, 10.0**high)
    return {"tickvals": kept, "ticktext": [_plain(tick, 3 if len(factors) > 1 else 1) for tick in kept]}


def _evenly(low: float, high: float) -> list[float]:
    """Round numbers at equal distances: on a short stretch a log axis is nearly linear."""
    rough = (high - low) / 4
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * max(factor for factor in (1, 2, 5) if factor * power <= rough * (1 + 1e-9))
    return [float(f"{step * i:.12g}") for i in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def _plain(value: float, furthest: int) -> str:
    power = int(np.floor(np.log10(value) + 1e-9))
    if abs(power) <= furthest:
        return f"{value:g}"
    factor = f"{value / 10.0**power:.5g}"
    return f"{'' if factor == '1' else f'{factor} × '}10<sup>{power}</sup>".replace("-", "−")


def finite(values: np.ndarray) -> np.ndarray:
    """A copy with every non-finite entry as NaN, which Plotly does not draw."""
    return np.where(np.isfinite(values), values, np.nan)


def symlog_ticks(scale: float, largest: float, room: float = 0.3) -> tuple[list[float], list[str]]:
    """Tick positions (asinh(g / scale)) and labels at round powers of ten of g, zero included.

    Args:
        scale: g at which the axis turns from linear to logarithmic.
        largest: g at its ends.
        room: of half the axis, which a label has to itself.
    """
    largest = max(largest, scale)  # a curve can be the single point at 0
    end = float(np.arcsinh(largest / scale))
    chosen: list[int] = []
    for power in range(int(np.floor(np.log10(largest))), int(np.floor(np.log10(scale))) - 1, -1):
        place = np.arcsinh(10.0**power / scale) / end
        above = np.arcsinh(10.0 ** chosen[-1] / scale) / end if chosen else 2.0
        if place > room and above - place > room:
            chosen.append(power)
    values = sorted({sign * 10.0**power for power in chosen for sign in (1, -1)} | {0.0})
    labels = ["0" if value == 0 else f"{'−' if value < 0 else ''}{_power(abs(value))}" for value in values]
    return [float(np.arcsinh(value / scale)) for value in values], labels


def _power(value: float) -> str:
    exponent = round(np.log10(value))
    return f"{value:g}" if -2 <= exponent <= 2 else f"10<sup>{exponent}</sup>".replace("-", "−")
