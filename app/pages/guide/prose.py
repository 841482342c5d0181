"""Prose with formulas, emphasis and links, as Dash components."""

import re
from typing import Any

from dash import dcc, html

from app.shared.formulas import mathml

MARKED = re.compile(r"(\$[^$]+\$|\*[^*]+\*|\[[^\]]+\]\([^)]+\))")


def formula(text: str, block: bool = False) -> Any:
    """A formula; the browser inserts the MathML, since Dash has no component for it."""
    if block:
        return html.Div(className="formula", **{"data-math": mathml(text, block=True)})
    return html.Span(className="formula", **{"data-math": mathml(text)})


def _part(text: str) -> Any:
    if text.startswith("$"):
        return formula(text[1:-1])
    if text.startswith("*"):
        return html.Em(text[1:-1])
    label, _, href = text[1:-1].partition("](")
    return dcc.Link(label, href=href)


def inline(text: str) -> list[Any]:
    """A sentence: ``$…$`` are formulas, ``*…*`` is emphasis, ``[…](…)`` is a link within the dashboard."""
    return [_part(part) if MARKED.fullmatch(part) else part for part in MARKED.split(text) if part]


def paragraph(text: str) -> Any:
    """A paragraph, or a formula on its own line if the text begins with ``=``."""
    return formula(text[1:], block=True) if text.startswith("=") else html.P(inline(text))
