"""Small parts of pages: the swatch of an optimizer, and sentences."""

import functools
from collections.abc import Sequence

from dash import html

from app.shared.style import OPTIMIZER_COLORS, OPTIMIZER_DASHES

BORDERS = {"dash": "dashed", "dashdot": "dashed", "dot": "dotted"}


def swatch(name: str) -> html.Span:
    """A short stroke in an optimizer's colour and dash."""
    style = {"--mark": OPTIMIZER_COLORS[name], "--dash": BORDERS.get(OPTIMIZER_DASHES[name], "solid")}
    return html.Span(className="swatch", style=style, **{"aria-hidden": "true"})


def sentences(texts: Sequence[str]) -> list[html.P]:
    """Paragraphs of a caption or a notice; a number stays on one line with its error and its unit."""
    together = {" ± ": "\u00a0±\u00a0", " %": "\u00a0%", " × 10": "\u00a0×\u00a010"}
    return [html.P(functools.reduce(lambda text, pair: text.replace(*pair), together.items(), text)) for text in texts]
