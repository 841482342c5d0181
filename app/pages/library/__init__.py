"""Library: the optimizers that ship and your own."""

from app.pages.library.view import FIELDS, LINKS
from app.shared.pages import Page

PAGE = Page(
    name="library",
    title="Library",
    path="/library",
    description="All trained optimizers, shipped ones and your own",
    links=LINKS,
    kept_by_browser=tuple(FIELDS),
    order=4,
    draws="",
)
