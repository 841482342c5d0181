"""The panels of a view of Explore at its inner step, for other pages, exports and notebooks."""

import functools
from collections.abc import Sequence

from app.pages.explore.draw import Column, draw
from app.pages.explore.panels import PANELS
from app.pages.explore.recorded.draw import RECORDED_PANELS, draw_recording
from app.pages.explore.recorded.view import RecordedView
from app.pages.explore.view import View
from app.shared.pages import Figures, PageFigure
from app.shared.style import Theme


def static_figures(view: View | RecordedView, theme: Theme) -> Sequence[Figures]:
    """The panels of each optimizer, the chosen one first; a recording has one."""
    if isinstance(view, RecordedView):
        drawing = draw_recording(view, theme.name).drawing
        return [
            {
                name: PageFigure(panel.title, functools.partial(panel.at_step, drawing, view.step))
                for name, panel in RECORDED_PANELS.items()
            }
        ]

    def panels(column: Column) -> Figures:
        return {
            name: PageFigure(panel.title, functools.partial(panel.at_step, column.drawing, view.step))
            for name, panel in PANELS.items()
        }

    return [panels(column) for column in draw(view, theme.name).columns]
