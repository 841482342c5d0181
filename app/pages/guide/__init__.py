"""Guide: from momentum to learned optimizers, in nine chapters."""

from app.pages.guide.view import FIELDS, LINKS
from app.shared.pages import Page

PAGE = Page(
    name="guide",
    title="Guide",
    path="/guide",
    description="What makes a learned optimizer work, for readers who know gradient descent with momentum",
    links=LINKS,
    kept_by_browser=tuple(FIELDS),
    order=5,
    takes="task",
)
