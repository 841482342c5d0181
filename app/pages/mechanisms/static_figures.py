"""The figures of a view of Mechanisms, with the mode and the position of its slider: for other pages, exports and notebooks."""

import functools
from collections.abc import Sequence

import plotly.graph_objects as go

from app.pages.mechanisms.data import mechanism_for
from app.pages.mechanisms.draw import Side, draw
from app.pages.mechanisms.view import View
from app.shared.mechanisms import MechanismFigure
from app.shared.mechanisms.frames import static_figure
from app.shared.pages import Figures, PageFigure
from app.shared.style import Theme


def static_figures(view: View, theme: Theme) -> Sequence[Figures]:
    """The figures of one optimizer, or of two."""

    @functools.cache
    def sides() -> list[Side]:
        return draw(view, theme)

    def figure(side: int, row: MechanismFigure) -> PageFigure:
        def drawn() -> go.Figure:
            found = sides()[side]
            return static_figure(row.name, found.figures[row.name], found.frames, view.mode, view.position)

        return PageFigure(
            title=row.title,
            draw=drawn,
            caption=lambda: sides()[side].captions[row.name],
            reading=lambda: sides()[side].frames.text(view.mode, view.position),
            legend=True,
        )

    shown = [(view.optimizer, view.outer_step), *([] if view.versus == "none" else [(view.versus, None)])]
    mechanisms = [mechanism_for(view.task, name, outer_step, view.view) for name, outer_step in shown]
    return [{row.name: figure(side, row) for row in one.figures} for side, one in enumerate(mechanisms)]
