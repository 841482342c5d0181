"""Explore: one optimizer on one problem, step by step."""

from collections.abc import Sequence

from app.pages.explore.view import KEPT_BY_BROWSER, LINKS, View
from app.shared.pages import Figures, Page
from app.shared.style import Theme


def _figures(view: View, theme: Theme) -> Sequence[Figures]:
    from app.pages.explore.static_figures import static_figures

    return static_figures(view, theme)


PAGE = Page(
    name="explore",
    title="Explore",
    path="/",
    description="A learned optimizer, step by step",
    links=LINKS,
    figures=_figures,
    kept_by_browser=KEPT_BY_BROWSER,
    order=0,
    column="column",
    takes="any",
)
