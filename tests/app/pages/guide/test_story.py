"""The story: prose without numbers, formulas that can be read."""

import re

import pytest

from app.pages.guide.draw import DRAW
from app.pages.guide.prose import MARKED, inline, paragraph
from app.pages.guide.story import CHAPTERS, LAST, Chapter


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_numbers_are_computed_and_never_written_down(chapter: Chapter) -> None:
    for text in (chapter.title, *chapter.text, *chapter.after):
        if not text.startswith("="):
            assert not re.search(r"\d", MARKED.sub("", text).replace("arXiv 2011.02159", "")), text


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_every_paragraph_can_be_drawn(chapter: Chapter) -> None:
    assert all(paragraph(text) is not None for text in (*chapter.text, *chapter.after))
    assert all(0 <= slider.start <= LAST for slider in chapter.sliders)


def test_chapters_have_figures_that_are_known() -> None:
    assert [chapter.name for chapter in CHAPTERS if chapter.drawn] == list(DRAW)


def test_prose_has_formulas_stress_and_links() -> None:
    first, formula, second, stress, third, link, last = inline("a $x_k$ b *c* d [e](/train) f")
    assert (first, second, third, last) == ("a ", " b ", " d ", " f")
    assert "<msub>" in formula.to_plotly_json()["props"]["data-math"]
    assert (stress.children, link.children, link.href) == ("c", "e", "/train")
