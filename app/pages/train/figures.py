"""The empty figures of the Train page: the browser adds points to traces that it finds by their `meta`."""

import numpy as np
import plotly.graph_objects as go

from app.shared.catalog import TITLES
from app.shared.style import OPTIMIZER_COLORS, OPTIMIZER_DASHES, Theme, figure, line
from core.optimizers.hand_designed import BASELINES

NOTHING = np.array([])
RAW, SMOOTH, HELD_OUT = "each outer step", "running median", "held out"


def outer_figure(theme: Theme) -> go.Figure:
    """Meta-loss over outer steps: every step, running median, held-out evaluations, and the tuned optimizers for comparison."""
    color = OPTIMIZER_COLORS["learned"]
    text = "%{y} at outer step %{x:,}<extra></extra>"
    traces = [
        line(
            NOTHING,
            NOTHING,
            OPTIMIZER_COLORS[name],
            TITLES[name],
            meta=name,
            width=1.4,
            dash=OPTIMIZER_DASHES[name],
            hovertemplate=f"{TITLES[name]}, tuned: %{{y}} on the same held-out problems<extra></extra>",
        )
        for name in BASELINES
    ]
    traces += [
        line(NOTHING, NOTHING, color, RAW, meta=RAW, width=1, opacity=0.35, hovertemplate=f"training, {text}"),
        line(NOTHING, NOTHING, color, SMOOTH, meta=SMOOTH, width=1.6, dash="dot", hoverinfo="skip"),
    ]
    held_out = line(NOTHING, NOTHING, color, HELD_OUT, meta=HELD_OUT, width=2.8, hovertemplate=f"held out: {text}")
    held_out.update(mode="lines+markers", marker={"size": 7, "color": color})
    x = {"title": "outer step"}
    made = figure(theme, "outer", x, {"title": "meta-loss", "type": "log"}, [*traces, held_out])
    return made.update_layout(hovermode="x unified")  # one box tells every value at an outer step


def curve_figure(theme: Theme) -> go.Figure:
    """Loss over the inner steps of one held-out problem: the optimizer at its newest snapshot, and the tuned ones."""
    traces = [
        line(
            NOTHING,
            NOTHING,
            OPTIMIZER_COLORS[name],
            TITLES[name],
            meta=name,
            width=3.0 if name == "learned" else 1.4,
            dash=OPTIMIZER_DASHES[name],
            hovertemplate=f"{TITLES[name]}: %{{y}}<extra></extra>",
        )
        for name in (*BASELINES, "learned")
    ]
    y = {"title": "loss / first loss", "type": "log"}
    made = figure(theme, "curve", {"title": "inner step", "zeroline": False}, y, traces)
    return made.update_layout(hovermode="x unified")


FIGURES = {"outer": outer_figure, "curve": curve_figure}
