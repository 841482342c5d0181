"""Views of the Mechanisms page and their links."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pages.mechanisms.view import MODES, View, parse, to_query
from app.shared.catalog import subjects
from app.shared.mechanisms import MECHANISMS
from app.shared.mechanisms.frames import LAST
from core.tasks import TASKS


@st.composite
def views(draw: st.DrawFn) -> View:
    """Any view there can be."""
    task = draw(st.sampled_from(list(TASKS)))
    known = subjects(task)
    name = draw(st.sampled_from(list(known)))
    snapshots = known[name].snapshots
    return View(
        task=task,
        optimizer=name,
        outer_step=draw(st.sampled_from(snapshots)) if snapshots else None,
        versus=draw(st.sampled_from(["none", *known])),
        view=draw(st.sampled_from(list(MECHANISMS))),
        mode=draw(st.integers(1, MODES)),
        moment=draw(st.integers(1, 99)),
        position=draw(st.integers(0, LAST)),
        theme=draw(st.sampled_from(["auto", "light", "dark"])),
    )


@settings(deadline=None, derandomize=True, database=None, max_examples=80)
@given(views())
def test_a_link_reads_back_to_the_same_view(view: View) -> None:
    assert parse(to_query(view)) == (view, [])


def test_the_empty_link_is_the_default_view() -> None:
    view, wrong = parse("")
    assert wrong == [] and to_query(view) == ""
    assert (view.task, view.versus, view.view, view.mode, view.position) == (
        "linear_regression",
        "adam",
        "momentum",
        1,
        500,
    )
    assert parse("optimizer=adam")[0].versus == "momentum"


@pytest.mark.parametrize(
    "query, words",
    [
        ("view=magic", "unknown view 'magic': choose one of momentum, clipping"),
        ("position=1001", "position must be a whole number from 0 to 1000"),
        ("moment=100", "moment must be a whole number from 1 to 99"),
        ("mode=0", "mode must be a whole number from 1 to 64"),
        ("versus=lion", "unknown optimizer beside it for linear_regression 'lion'"),
        ("optimizer=adam&outer_step=3", "a hand-designed optimizer has none"),
        ("outer_step=1234567", "no snapshot at outer step '1234567': choose one of 0, "),
        ("step=3", "'step' is not part of a view"),
    ],
)
def test_what_is_wrong_in_a_link_is_said_and_left_out(query: str, words: str) -> None:
    view, wrong = parse(query)
    assert len(wrong) == 1 and words in wrong[0]
    assert view == parse(query.partition("&")[0] if "adam" in query else "")[0]
