"""Views of the Guide and their links."""

import pytest

from app.pages.guide.view import View, parse, to_query
from core.tasks import TASKS


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("theme", ["auto", "dark"])
def test_a_link_reads_back_to_the_same_view(task: str, theme: str) -> None:
    assert parse(to_query(View(task, theme))) == (View(task, theme), [])


def test_what_is_wrong_is_said() -> None:
    assert to_query(parse("")[0]) == ""
    view, wrong = parse("task=nonsense&step=3")
    assert view == parse("")[0] and len(wrong) == 2
