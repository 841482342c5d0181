"""Performance: learned optimizers compared with tuned hand-designed ones."""

from collections.abc import Sequence

from app.pages.performance.view import KEPT_BY_BROWSER, LINKS, View
from app.shared.pages import Figures, Page
from app.shared.style import Theme


def _figures(view: View, theme: Theme) -> Sequence[Figures]:
    from app.pages.performance.static_figures import static_figures

    return static_figures(view, theme)


PAGE = Page(
    name="performance",
    title="Performance",
    path="/performance",
    description="Learned optimizers compared with tuned hand-designed ones",
    links=LINKS,
    figures=_figures,
    kept_by_browser=KEPT_BY_BROWSER,
    order=2,
    takes="learned",
)
