"""The README's numbers are the zoo's."""

from core.runs import zoo
from tools import readme


def test_the_table_is_that_of_the_shipped_evaluations():
    text = readme.README.read_text(encoding="utf-8")
    assert readme.updated(text) == text, "run `.venv/bin/python -m tools.readme`"
    assert all(f"`{entry.name}`" in text for entry in zoo.entries())
