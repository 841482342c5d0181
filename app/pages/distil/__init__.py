"""Distil: a learned optimizer as a formula of known mechanisms, and how much of its advantage that keeps."""

from collections.abc import Sequence

from app.pages.distil.view import LINKS, View
from app.shared.pages import Figures, Page
from app.shared.style import Theme


def _figures(view: View, theme: Theme) -> Sequence[Figures]:
    from app.pages.distil.static_figures import static_figures

    return static_figures(view, theme)


PAGE = Page(
    name="distil",
    title="Distil",
    path="/distil",
    description="A learned optimizer as a formula of known mechanisms, and how much of its advantage that keeps",
    links=LINKS,
    figures=_figures,
    order=2,
    takes="learned",
)
