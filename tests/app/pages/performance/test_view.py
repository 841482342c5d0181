"""Views of the Performance page and their links."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pages.performance.view import OPTIMIZERS, SORTS, View, parse, to_query
from app.shared.catalog import learned
from core.optimizers.hand_designed import BASELINES
from core.tasks import TASKS


@st.composite
def views(draw: st.DrawFn) -> View:
    """Any view there can be."""
    task = draw(st.sampled_from(list(TASKS)))
    names = draw(st.sets(st.sampled_from(OPTIMIZERS)))
    return View(
        task=task,
        optimizer=draw(st.sampled_from(list(learned(task)))),
        baseline=draw(st.sampled_from(BASELINES)),
        shown=tuple(name for name in OPTIMIZERS if name in names),
        sort=draw(st.sampled_from(SORTS)),
        theme=draw(st.sampled_from(["auto", "light", "dark"])),
    )


@settings(deadline=None, derandomize=True, database=None, max_examples=80)
@given(views())
def test_a_link_reads_back_to_the_same_view(view: View) -> None:
    assert parse(to_query(view)) == (view, [])


def test_the_empty_link_is_the_default_view() -> None:
    view, wrong = parse("")
    assert wrong == []
    assert view == View(
        "linear_regression", next(iter(learned("linear_regression"))), "momentum", OPTIMIZERS, "meta_loss", "auto"
    )
    assert to_query(view) == ""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("task", "nonsense"),
        ("task", "<script>"),
        ("optimizer", "nobody"),
        ("optimizer", "rosenbrock-gru64"),
        ("optimizer", "adam"),
        ("optimizer", "../../etc/passwd"),
        ("baseline", "learned"),
        ("baseline", ""),
        ("shown", "adam,nobody"),
        ("shown", ""),
        ("sort", "hyperparameters"),
        ("sort", "--meta_loss"),
        ("theme", "blue"),
        ("seed", "3"),
    ],
)
def test_each_bad_value_is_one_sentence_and_leaves_the_default(name: str, text: str) -> None:
    view, wrong = parse({name: text})
    assert view == parse("")[0]
    assert len(wrong) == 1
    assert 10 < len(wrong[0]) < 400
