"""The table of pages: each row has a page's address, its links and the figures of its views.

Every page's folder defines its row. Navigation, links between pages, the Guide and the Python API read this table, so that no page imports
another one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import plotly.graph_objects as go

from app.shared.links import Links
from app.shared.style import Theme
from core.errors import choose


def _no_caption() -> list[str]:
    return []


@dataclass(frozen=True)
class PageFigure:
    """One figure of a view, drawn on request.

    Attributes:
        title: above it.
        draw: makes the figure, with its moving parts where the view has them.
        caption: the sentences under it.
        reading: the text of the slider under it at the view's position; "" without a slider.
        legend: whether it needs a legend when it is shown alone.
    """

    title: str
    draw: Callable[[], go.Figure]
    caption: Callable[[], Sequence[str]] = _no_caption
    reading: Callable[[], str] = str
    legend: bool = False


Figures = Mapping[str, PageFigure]  # by name


@dataclass(frozen=True)
class Page:
    """A page's row.

    Attributes:
        name: name of its folder, and of the Python function that opens its views.
        title: in the navigation.
        path: its address.
        description: one line, for browsers and search.
        links: reads and writes its views in addresses.
        figures: makes the figures of a view, for each optimizer with its own figures; None if the page has no figures for other uses.
        kept_by_browser: fields of its links that only the browser changes and writes into the address; their defaults depend on no other
            field.
        order: in the navigation; None if it is not there.
        column: the keyword that selects an optimizer, as in ``figure(name, side=1)``.
        draws: what its figures are drawn in; a page that draws in a plane loads that part of Plotly only.
        takes: what a visitor who comes from another page takes along into its link: the task; the task and a learned optimizer; or the task,
            any optimizer and its snapshot.
    """

    name: str
    title: str
    path: str
    description: str
    links: Links[Any]
    figures: Callable[[Any, Theme], Sequence[Figures]] | None = None
    kept_by_browser: tuple[str, ...] = ()
    order: int | None = None
    column: str = ""
    draws: Literal["", "plane", "space"] = "plane"
    takes: Literal["", "task", "learned", "any"] = ""

    def address(self, entries: Mapping[str, str] | None = None) -> str:
        """The address of a view, from the entries of its link; missing entries have their defaults."""
        query = self.query(entries or {})
        return self.path + (f"?{query}" if query else "")

    def query(self, entries: Mapping[str, str]) -> str:
        """The part of that address after "?"."""
        return self.links.to_query(self.links.parse(entries)[0])

    def open(self, query: str | Mapping[str, str], theme: Theme) -> Figures:
        """The figures of a view's first optimizer."""
        assert self.figures is not None
        return self.figures(self.links.parse(query)[0], theme)[0]

    def registration(self) -> dict[str, Any]:
        """The arguments for `dash.register_page`."""
        title = f"Loptscope: {self.title.lower()}"
        about = {"path": self.path, "name": self.title, "title": title, "description": self.description}
        return about | ({} if self.order is None else {"order": self.order})


PAGES: dict[str, Page] = {}  # filled by app.pages, which contains every page


def page(name: str) -> Page:
    """The row of a page.

    Raises:
        InputError: there is no such page.
    """
    return choose("page", name, PAGES)
