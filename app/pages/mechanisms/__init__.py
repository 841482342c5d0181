"""Mechanisms: what makes an optimizer work, one mechanism at a time."""

from collections.abc import Sequence

from app.pages.mechanisms.view import KEPT_BY_BROWSER, LINKS, View
from app.shared.pages import Figures, Page
from app.shared.style import Theme


def _figures(view: View, theme: Theme) -> Sequence[Figures]:
    from app.pages.mechanisms.static_figures import static_figures

    return static_figures(view, theme)


PAGE = Page(
    name="mechanisms",
    title="Mechanisms",
    path="/mechanisms",
    description="Momentum, clipping, schedule and adaptation of an optimizer, measured",
    links=LINKS,
    figures=_figures,
    kept_by_browser=KEPT_BY_BROWSER,
    order=1,
    column="side",
    takes="any",
    draws="space",
)
