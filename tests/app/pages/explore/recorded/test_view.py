"""Links to recordings."""

import pytest

from app.pages.explore import PAGE
from app.pages.explore.recorded.view import RecordedView, labels, parse, to_query


@pytest.mark.parametrize(
    "query",
    [
        "recording=adam",
        "recording=learned&window=first&components=1,3&axis=linear&panels=loss,rate&step=7&speed=60&theme=dark",
    ],
)
def test_a_link_is_read_and_written_back(query: str) -> None:
    view, wrong = parse(query)
    assert wrong == [] and to_query(view) == query and PAGE.links.to_query(PAGE.links.parse(query)[0]) == query


def test_the_explore_page_has_links_of_both_kinds() -> None:
    assert isinstance(PAGE.links.parse("recording=adam")[0], RecordedView)
    assert PAGE.links.to_query(PAGE.links.parse("task=rosenbrock")[0]) == "task=rosenbrock"


def test_components_of_several_tensors_are_shown_at_first() -> None:
    view, _ = parse("recording=learned")
    names = [labels("learned")[i].partition("[")[0] for i in view.components]
    assert len(names) == 5 and set(names) == {"0.weight", "0.bias", "2.weight", "2.bias"}


@pytest.mark.parametrize(
    "query, sentence",
    [
        ("recording=nothing", "there is no recording 'nothing' (recorded: adam, learned, other)"),
        ("recording=../adam", "there is no recording '../adam'"),
        ("recording=adam&components=0", "components must be numbers from 1 to 7"),
        ("recording=adam&components=8", "components must be numbers from 1 to 7"),
        ("recording=adam&window=last", "unknown window 'last'"),
        ("recording=adam&step=201", "step must be a whole number from 0 to 200"),
        ("recording=adam&task=rosenbrock", "'task' is not part of a view"),
    ],
)
def test_what_is_wrong_is_one_sentence(query: str, sentence: str) -> None:
    view, wrong = parse(query)
    assert len(wrong) == 1 and wrong[0].startswith(sentence) and view.recording == "adam"
