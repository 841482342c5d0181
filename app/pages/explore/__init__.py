"""Explore: one optimizer on one problem, step by step."""

from collections.abc import Sequence

from app.pages.explore.recorded.view import RECORDED_LINKS, RecordedView
from app.pages.explore.view import FIELDS, KEPT_BY_BROWSER, View
from app.shared.links import Links
from app.shared.pages import Figures, Page
from app.shared.style import Theme


def _figures(view: View | RecordedView, theme: Theme) -> Sequence[Figures]:
    from app.pages.explore.static_figures import static_figures

    return static_figures(view, theme)


PAGE = Page(
    name="explore",
    title="Explore",
    path="/",
    description="A learned optimizer, step by step",
    links=Links(View, FIELDS, instead={"recording": RECORDED_LINKS}),
    figures=_figures,
    kept_by_browser=KEPT_BY_BROWSER,
    order=0,
    column="column",
    takes="any",
)
