"""Train: outer training, started and watched from the page."""

from collections.abc import Sequence

from app.pages.train.view import FIELDS, LINKS, View
from app.shared.pages import Figures, Page
from app.shared.style import Theme


def _figures(view: View, theme: Theme) -> Sequence[Figures]:
    from app.pages.train.static_figures import static_figures

    return static_figures(view, theme)


PAGE = Page(
    name="train",
    title="Train",
    path="/train",
    description="Train an optimizer and watch its mechanisms appear",
    links=LINKS,
    kept_by_browser=tuple(FIELDS),
    figures=_figures,
    order=3,
)
