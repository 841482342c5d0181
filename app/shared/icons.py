"""Inline SVG icons (drawn for this project, 24 × 24, stroked in the text's colour)."""

from urllib.parse import quote

from dash import html

_PATHS = {
    "play": "M7 4.5v15l12-7.5z",
    "pause": "M8 5v14M16 5v14",
    "back": "M19 5v14L9 12zM6 5v14",
    "forward": "M5 5v14l10-7zM18 5v14",
    "theme": "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
    "link": "M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 6 6l1-1",
}


def icon_style(name: str) -> str:
    """The CSS value of an icon's mask."""
    shape = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='black' stroke-width='2' "
        f"stroke-linecap='round' stroke-linejoin='round'><path d='{_PATHS[name]}'/></svg>"
    )
    return f'url("data:image/svg+xml,{quote(shape)}")'


def icon(name: str) -> html.Span:
    """One icon, hidden from screen readers (the control around it carries the label)."""
    return html.Span(className="glyph", style={"--icon": icon_style(name)}, **{"aria-hidden": "true"})
