"""What links to the Library page hold."""

import pytest

from app.pages.library.view import CHOICES, SORTABLE, parse


def test_a_link_is_read() -> None:
    view, wrong = parse(
        "?text=gru&task=rosenbrock&cell=gru&origin=shipped&state=finished&sort=-held_out&open=zoo/rosenbrock-gru64"
    )
    assert wrong == []
    assert (view.text, view.task, view.cell, view.origin, view.state) == (
        "gru",
        "rosenbrock",
        "gru",
        "shipped",
        "finished",
    )
    assert (view.sort, view.open, view.theme) == ("-held_out", "zoo/rosenbrock-gru64", "auto")


@pytest.mark.parametrize(
    "query",
    [
        "text=" + "x" * 201,
        "task=chess",
        "cell=x",
        "origin=x",
        "state=x",
        "sort=x",
        "open=x",
        "open=zoo/nobody",
        "open=own/../x",
        "x=1",
    ],
)
def test_what_is_wrong_is_said_and_left_out(query: str) -> None:
    view, wrong = parse(query)
    assert len(wrong) == 1 and view == parse("")[0]


def test_every_column_can_be_sorted_both_ways() -> None:
    assert all(parse(f"sort={sign}{name}")[1] == [] for name in SORTABLE for sign in ("", "-"))
    assert {"gru", "lstm", "vanilla"} <= set(CHOICES["cell"])
