"""Runs: several outer trainings, compared."""

from collections.abc import Sequence

from app.pages.runs.view import LINKS, View
from app.shared.pages import Figures, Page
from app.shared.style import Theme


def _figures(view: View, theme: Theme) -> Sequence[Figures]:
    from app.pages.runs.static_figures import static_figures

    return static_figures(view, theme)


PAGE = Page(
    name="runs",
    title="Runs",
    path="/runs",
    description="Outer trainings compared by what they differ in",
    links=LINKS,
    figures=_figures,
)
