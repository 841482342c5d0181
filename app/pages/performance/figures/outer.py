"""Outer training: meta-loss over outer steps, with links to its snapshots."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from app.pages.performance.data import Curve
from app.pages.performance.figures.curves import belonging
from app.shared.catalog import TITLES, Subject
from app.shared.style import OPTIMIZER_COLORS, OPTIMIZER_DASHES, Theme, figure, finite, line, log_axis
from core.evaluation.held_out import Evaluation

FIRST = 0.5  # the position of outer step 0 on the log axis
CEILING = 10.0  # the axis ends here


def outer_figure(
    theme: Theme,
    subject: Subject,
    curve: Curve,
    snapshots: Mapping[int, str],
    evaluation: Evaluation,
    shown: Sequence[str],
    siblings: Sequence[Curve] = (),
) -> go.Figure:
    """Meta-loss of every outer step, its running median, and the tuned optimizers' meta-losses.

    Args:
        theme: light or dark.
        subject: the learned optimizer, with the held-out scores of its snapshots.
        curve: the outer training curve; entry n is the meta-loss before the n-th update.
        snapshots: outer step -> the link that shows it in Explore.
        evaluation: the held-out comparison, for the tuned optimizers' levels.
        shown: visible optimizers; the traces of the others are hidden.
        siblings: curves of optimizers trained from other seeds, drawn thin.
    """
    color = OPTIMIZER_COLORS["learned"]
    at = np.maximum(curve.outer_step - 1.0, FIRST)  # updates made before
    last = float(max([*snapshots, len(at), 2]))
    ends = np.array([0.8 * FIRST, 1.25 * last])
    own = belonging("learned", shown)
    text = "meta-loss %{y} at outer step %{x:.0f}<extra></extra>"
    raw = line(at, finite(curve.meta_loss), color, "each outer step", width=1, opacity=0.3, hovertemplate=text, **own)
    # where the curve passes through a snapshot, Plotly may send it the snapshot's clicks: it leads to the same link
    steps = (curve.outer_step - 1).tolist()
    raw.customdata = [[snapshots[step], step] if step in snapshots else None for step in steps]
    # the median must ignore the mouse: the snapshots are on it, and Plotly would send it their clicks
    median = line(at, finite(curve.smooth), color, "running median", width=2.4, hoverinfo="skip", **own)
    traces = [
        _level(name, score.meta_loss.mean, ends, shown)
        for name, score in evaluation.optimizers.items()
        if name != "learned"
    ]
    traces += [
        line(
            np.maximum(c.outer_step - 1.0, FIRST),
            finite(c.smooth),
            color,
            "other seeds",
            width=1,
            opacity=0.7,
            hoverinfo="skip",
            **own,
        )
        for c in siblings
    ]
    traces += [raw, median, _snapshots(theme, subject, snapshots, curve.smooth, shown)]
    levels = [score.meta_loss.mean for score in evaluation.optimizers.values() if score.meta_loss.mean is not None]
    ticks = [FIRST, *(10.0**power for power in range(int(np.log10(last)) + 1))]
    x = {"title": "outer step", "type": "log", "range": np.log10(ends).tolist(), "tickvals": ticks}
    x["ticktext"] = ["0", *(f"{tick:,.0f}" for tick in ticks[1:])]
    y = {"title": "meta-loss", **log_axis(np.concatenate([curve.meta_loss, levels]), CEILING)}
    return figure(theme, "outer", x, y, traces)


def _level(name: str, mean: float | None, ends: np.ndarray, shown: Sequence[str]) -> go.Scatter:
    """A tuned optimizer's meta-loss as a line."""
    height = np.full(2, np.nan if mean is None else mean)
    settings = {"width": 1.3, "dash": OPTIMIZER_DASHES[name], "opacity": 0.9}
    text = f"{TITLES[name]}, tuned: %{{y}} on held-out problems<extra></extra>"
    return line(
        ends, height, OPTIMIZER_COLORS[name], TITLES[name], **settings, hovertemplate=text, **belonging(name, shown)
    )


def _snapshots(
    theme: Theme, subject: Subject, snapshots: Mapping[int, str], smooth: np.ndarray, shown: Sequence[str]
) -> go.Scatter:
    """The snapshots at their held-out meta-losses, with standard errors; on the running median where none is known."""
    heights, errors, texts = [], [], []
    for step in snapshots:
        known = subject.held_out.get(step)
        scored = known is not None and known.mean is not None
        heights.append(
            known.mean if known and scored else smooth[min(step, len(smooth) - 1)] if len(smooth) else np.nan
        )
        errors.append((known.sem or 0.0) if known and scored else 0.0)
        texts.append(str(known) if known else "not scored on held-out problems")
    return go.Scatter(
        x=[max(step, FIRST) for step in snapshots],
        y=finite(np.array(heights)),
        customdata=[[link, step] for step, link in snapshots.items()],
        mode="markers",
        marker={"size": 11, "color": OPTIMIZER_COLORS["learned"], "line": {"width": 2, "color": theme.surface}},
        error_y={"array": errors, "color": OPTIMIZER_COLORS["learned"], "thickness": 1.4, "width": 4},
        name="snapshots, held out",
        text=texts,
        hovertemplate="snapshot at outer step %{customdata[1]:,}: %{text}; click to explore it<extra></extra>",
        **belonging("learned", shown),
    )
