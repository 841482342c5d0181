"""The figures of a view of Runs: for exports and notebooks."""

from collections.abc import Sequence

from app.pages.runs.data import compared_by, curves_of, summarize
from app.pages.runs.figures import curves_figure, levels_figure
from app.pages.runs.view import View, chosen
from app.shared.pages import Figures, PageFigure
from app.shared.style import Theme
from core.errors import InputError


def static_figures(view: View, theme: Theme) -> Sequence[Figures]:
    """Outer training curves of several runs, and the performance by each value of a setting.

    Raises:
        InputError: the view names no run.
    """
    runs = chosen(view)
    summaries, curves = summarize(runs), curves_of(runs, view.smooth)
    if not summaries:
        raise InputError("list runs, as in runs('runs=one,another'), or name a sweep")
    axis, values = compared_by(summaries, view.axis)
    return [
        {
            "curves": PageFigure(
                "Outer training", lambda: curves_figure(summaries, curves, axis, values, theme, view.scale), legend=True
            ),
            "levels": PageFigure(
                "Final performance", lambda: levels_figure(summaries, axis, values, theme, view.scale)
            ),
        }
    ]
