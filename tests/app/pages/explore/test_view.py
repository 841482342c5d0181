"""Views and their links."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pages.explore.panels import PANELS
from app.pages.explore.view import (
    FIELDS,
    LARGEST_SEED,
    MOST_COMPARED,
    SPEEDS,
    View,
    columns,
    parse,
    to_query,
)
from app.shared.catalog import subjects, usual_baselines
from app.shared.problem import STEPS, kind_of, problem_of, typical_seed
from core.optimizers.hand_designed import BASELINES
from core.tasks import TASKS

coordinates = st.integers(-50_000, 50_000).map(lambda value: value / 1e4)


@st.composite
def views(draw: Any) -> View:
    """Any view there can be."""
    task = draw(st.sampled_from(list(TASKS)))
    known = subjects(task)
    optimizer = draw(st.sampled_from(list(known)))
    snapshots = known[optimizer].snapshots
    watched = len(problem_of(task, 0).watched_components())
    chosen = draw(st.sets(st.integers(0, watched - 1), min_size=1))
    names = draw(st.sets(st.sampled_from(BASELINES)))
    can_start = kind_of(task).startable
    kept = draw(st.sets(st.sampled_from(list(PANELS)), min_size=1))
    every = [(name, step) for name, subject in known.items() for step in (subject.snapshots or (None,))]
    first = (optimizer, draw(st.sampled_from(snapshots)) if snapshots else None)
    others = [choice for choice in every if choice != first]
    return View(
        task=task,
        optimizer=optimizer,
        outer_step=first[1],
        compare=tuple(draw(st.lists(st.sampled_from(others), max_size=MOST_COMPARED, unique=True))),
        seed=draw(st.integers(0, LARGEST_SEED)),
        start=draw(st.none() | st.tuples(coordinates, coordinates)) if can_start else None,
        baselines=tuple(name for name in BASELINES if name in names),
        own=draw(st.sampled_from(["", "adam:learning_rate=0.1;beta1=0.5", "sgd:learning_rate=3e-05"])),
        band=draw(st.sampled_from(["off", "on"])),
        components=tuple(sorted(chosen)),
        axis=draw(st.sampled_from(["linear", "symlog"])),
        panels=tuple(name for name in PANELS if name in kept),
        step=draw(st.integers(0, STEPS)),
        speed=draw(st.sampled_from(SPEEDS)),
        theme=draw(st.sampled_from(["auto", "light", "dark"])),
    )


@settings(deadline=None, derandomize=True, database=None, max_examples=80)
@given(views())
def test_a_link_reads_back_to_the_same_view(view: View) -> None:
    assert parse(to_query(view)) == (view, [])
    assert parse("?" + to_query(view)) == (view, [])


@settings(deadline=None, derandomize=True, database=None, max_examples=40)
@given(views(), st.sets(st.sampled_from(["step", "speed", "theme"])))
def test_what_is_left_out_is_at_its_default(view: View, names: set[str]) -> None:
    read, wrong = parse(to_query(view, leave_out=tuple(names)))
    assert wrong == []
    default = parse("")[0]
    for name in FIELDS:
        assert getattr(read, name) == getattr(default if name in names else view, name)


@pytest.mark.parametrize("task", TASKS)
def test_default_views_have_no_more_than_their_task_in_the_link(task: str) -> None:
    view, wrong = parse({"task": task})
    assert wrong == []
    assert to_query(view) == ("" if task == next(iter(TASKS)) else f"task={task}")


def test_the_empty_link_is_the_default_view() -> None:
    view, wrong = parse("")
    assert wrong == []
    assert to_query(view) == ""
    assert view.optimizer == next(iter(subjects(view.task)))
    assert view.outer_step == max(subjects(view.task)[view.optimizer].snapshots)
    assert (view.seed, view.start, view.baselines, view.step, view.theme) == (
        typical_seed(view.task),
        None,
        usual_baselines(view.task),
        0,
        "auto",
    )


def test_every_optimizer_side_by_side_has_a_view_of_its_own() -> None:
    view = parse("compare=adam,linear_regression-lstm64@0&seed=4&step=7")[0]
    by_column = columns(view)
    lstm = ("linear_regression-lstm64", 0)
    assert [(own.optimizer, own.outer_step) for own in by_column] == [
        (view.optimizer, view.outer_step),
        ("adam", None),
        lstm,
    ]
    assert by_column[0] == view
    assert by_column[1].compare == ((view.optimizer, view.outer_step), lstm)
    assert {(own.seed, own.step) for own in by_column} == {(4, 7)}
    for own in by_column:
        assert parse(to_query(own)) == (own, [])


ROSENBROCK = "task=rosenbrock&"
BAD = [
    ("", "task", "nonsense"),
    ("", "task", ""),
    ("", "task", "Rosenbrock"),
    ("", "task", "<script>alert(1)</script>"),
    ("", "optimizer", "nobody"),
    ("", "optimizer", "rosenbrock-gru64"),
    ("", "optimizer", "../../etc/passwd"),
    ("", "outer_step", "7"),
    ("", "outer_step", "-1"),
    ("", "outer_step", "1e3"),
    ("", "outer_step", "9" * 5000),
    ("optimizer=adam&", "outer_step", "0"),
    ("optimizer=adam&", "compare", "adam"),
    ("", "compare", "momentum,momentum"),
    ("", "compare", "nobody"),
    ("", "compare", "adam@3"),
    ("", "compare", "linear_regression-lstm64@7"),
    ("", "compare", "linear_regression-lstm64@"),
    ("", "compare", "momentum,rmsprop,adam,linear_regression-lstm64"),
    ("", "compare", ",,"),
    ("", "panels", ""),
    ("", "panels", "loss,nothing"),
    ("", "seed", "-1"),
    ("", "seed", ""),
    ("", "seed", "1.5"),
    ("", "seed", "1_000"),
    ("", "seed", " 3"),
    ("", "seed", "+3"),
    ("", "seed", str(LARGEST_SEED + 1)),
    ("", "seed", "9" * 12),
    ("", "seed", "9" * 5000),
    ("", "seed", "٣"),
    ("", "seed", "²"),
    ("", "seed", "<b>3</b>"),
    (ROSENBROCK, "start", "nan,0"),
    (ROSENBROCK, "start", "0,inf"),
    (ROSENBROCK, "start", "1e400,0"),
    (ROSENBROCK, "start", "1"),
    (ROSENBROCK, "start", "1,2,3"),
    (ROSENBROCK, "start", "a,b"),
    (ROSENBROCK, "start", ""),
    (ROSENBROCK, "start", "5.1,0"),
    (ROSENBROCK, "start", "0,-1e9"),
    ("", "start", "0,0"),
    ("task=two_moons&", "start", "0,0"),
    ("", "baselines", "learned"),
    ("", "own", "adam"),
    ("", "own", "adam:beta1=1"),
    ("", "own", "adam:momentum=0.5"),
    ("", "own", "adam:learning_rate=nan"),
    ("", "own", "adam:learning_rate"),
    ("", "own", "nobody:learning_rate=1"),
    ("", "band", "maybe"),
    ("", "optimizer", "adam:beta1=2"),
    ("", "baselines", ""),
    ("", "baselines", "adam,adam2"),
    ("", "baselines", "none,adam"),
    ("", "components", "0"),
    ("", "components", "6"),
    ("", "components", ""),
    ("", "components", "1,,2"),
    ("", "components", "-1"),
    ("", "components", "٣"),
    ("", "components", "9" * 5000),
    (ROSENBROCK, "components", "3"),
    ("", "axis", "log"),
    ("", "step", str(STEPS + 1)),
    ("", "step", "-1"),
    ("", "speed", "0"),
    ("", "speed", "121"),
    ("", "speed", "17"),
    ("", "seed", "000000000000999999999"),
    ("", "seed", "0" * 12 + "9" * 5000),
    ("", "step", "000000000000999"),
    ("", "outer_step", "0000000000005"),
    ("", "components", "0000019"),
    (ROSENBROCK, "start", "٣,1"),
    (ROSENBROCK, "start", "1_0e-1,1"),
    ("", "theme", "blue"),
]


@pytest.mark.parametrize(("before", "name", "text"), BAD, ids=lambda value: value[:24])
def test_each_bad_value_is_one_sentence_and_leaves_the_default(before: str, name: str, text: str) -> None:
    expected = parse(before.removesuffix("&"))[0]
    view, wrong = parse({**dict(part.split("=") for part in before.split("&") if part), name: text})
    assert view == expected
    assert len(wrong) == 1
    assert 10 < len(wrong[0]) < 400
    assert "\n" not in wrong[0]


@pytest.mark.parametrize("name", ["colour", "", "Seed", "<script>", "x" * 10_000])
def test_an_unknown_field_is_one_sentence(name: str) -> None:
    view, wrong = parse({name: "1", "seed": "4"})
    assert view.seed == 4
    assert len(wrong) == 1
    assert "not part of a view" in wrong[0]
    assert len(wrong[0]) < 400


def test_every_wrong_entry_is_named() -> None:
    view, wrong = parse("task=nonsense&seed=-1&axis=linear&speed=x")
    assert [sentence.split()[0] for sentence in wrong] == ["unknown", "seed", "speed"]
    assert (view.axis, view.seed) == ("linear", typical_seed(view.task))


def test_bytes_that_are_no_text_are_refused() -> None:
    view, wrong = parse("seed=%ff%fe&task=rosenbrock")
    assert view.task == "rosenbrock"
    assert len(wrong) == 1


def test_names_come_back_in_the_order_of_the_legend() -> None:
    assert parse("baselines=adam,momentum,adam")[0].baselines == ("momentum", "adam")
    assert parse("baselines=none")[0].baselines == ()
    assert parse("components=3,1,3")[0].components == (0, 2)


@pytest.mark.parametrize("task", TASKS)
def test_problems_depend_on_the_seed_alone(task: str) -> None:
    first, again, other = problem_of(task, 3), problem_of(task, 3), problem_of(task, 4)
    assert first.x0.equal(again.x0)
    assert not first.x0.equal(other.x0)
    assert first.count == 1


def test_minus_zero_is_no_other_start() -> None:
    (view, _), (same, _) = (parse(f"{ROSENBROCK}start={start}") for start in ("-0,-0.00001", "0,0"))
    assert to_query(view) == to_query(same)


def test_a_start_point_is_where_the_problem_starts() -> None:
    assert problem_of("rosenbrock", 3, (-1.25, 0.5)).x0.tolist() == [[-1.25, 0.5]]
    assert [kind_of(task).startable for task in TASKS] == [task == "rosenbrock" for task in TASKS]
