"""The figures of a view of Performance, for other pages, exports and notebooks."""

import functools
from collections.abc import Sequence

import plotly.graph_objects as go

from app.pages.performance.draw import FIGURES, TOGGLED, Drawn, draw, draw_tuning
from app.pages.performance.view import View
from app.shared.pages import Figures, PageFigure
from app.shared.style import Theme

ROOM = 160  # pixels for a legend


def static_figures(view: View, theme: Theme) -> Sequence[Figures]:
    """The figures by name, the tuning landscape last."""

    @functools.cache
    def drawn() -> Drawn:
        return draw(view, theme)

    @functools.cache
    def tuning() -> tuple[go.Figure, list[str]]:
        return draw_tuning(view, theme)

    def figure(name: str) -> PageFigure:
        def make() -> go.Figure:
            made = go.Figure(drawn().figures[name])
            return made.update_layout(height=drawn().shift_height + ROOM) if name == "shift" else made

        return PageFigure(name, make, lambda: drawn().captions.get(name, []), legend=name in TOGGLED)

    landscape = PageFigure("tuning", lambda: tuning()[0], lambda: tuning()[1])
    return [{**{name: figure(name) for name in FIGURES}, "tuning": landscape}]
