"""The pages' figures from Python: the same arrays, at the view's step, under the names that the pages use."""

import json
import re

import numpy as np
import plotly.graph_objects as go
import pytest
from plotly.io import to_json

import loptscope as ls
from app.shared.mechanisms import MECHANISMS
from app.shared.style import DARK, LIGHT


def drawn(page, name):
    """A figure that a notebook can show: JSON has no NaN."""
    made = page.figure(name)
    assert isinstance(made, go.Figure)
    json.loads(to_json(made), parse_constant=pytest.fail)
    return made


def named(made, name):
    return [trace for trace in made.data if trace.name == name]


@pytest.fixture(scope="module")
def explored():
    return ls.explore("task=linear_regression&optimizer=linear_regression-vanilla2&seed=0&step=40&baselines=adam")


def test_explore_has_the_six_panels_at_the_step(explored):
    assert explored.names == ("loss", "landscape", "state", "update", "gradient", "rate")
    loss = drawn(explored, "loss")
    *curves, adam, ours = loss.data
    assert [trace.name for trace in curves] == ["Learned RNN-2", "Adam"]
    for dot, curve in zip((ours, adam), curves, strict=True):
        assert (dot.x[0], dot.y[0]) == (40, pytest.approx(curve.y[40]))
    assert loss.layout.shapes[0].x0 == 40 and loss.layout.showlegend
    assert loss.layout.title.text == "Linear regression, Learned RNN-2, outer step 3,000, problem seed 0"
    path, walked = named(drawn(explored, "landscape"), "Learned RNN-2")
    assert len(walked.x) == 41 and walked.x.tolist() == path.x[:41].tolist() and not path.showlegend
    assert [len(trace.x) for trace in named(drawn(explored, "state"), "x1")] == [201, 41]


def test_explore_draws_what_the_optimizer_does_at_that_step(explored):
    task, optimizer = ls.make_task("linear_regression"), ls.load("linear_regression-vanilla2")
    problem = task.sample(1, ls.generator(ls.Purpose.VIEW, 0))
    trajectory = ls.unroll(optimizer, problem, 41)
    made = drawn(explored, "update")
    line, dots = named(made, "x2")[0], named(made, "now")
    assert [dot.y[0] for dot in dots] == pytest.approx(trajectory.updates[40, 0].tolist(), rel=1e-4)
    assert dots[1].y[0] == pytest.approx(np.interp(dots[1].x[0], line.x, line.y), rel=0.05)
    gradients = drawn(explored, "gradient")
    assert named(gradients, "x2")[0].x[0] == pytest.approx(dots[1].x[0])
    assert named(gradients, "so far")[0].y.sum() < named(gradients, "whole run")[0].y.sum()


def test_explore_draws_decisions_of_a_classifier():
    page = ls.explore("task=two_moons&optimizer=adam&step=60&theme=dark&baselines=momentum")
    made = drawn(page, "landscape")
    assert [trace.type for trace in made.data] == ["scatter", "scatter", "heatmap", "contour", "contour"]
    assert (made.data[2].z > 0).any() and (made.data[2].z < 0).any()
    assert made.layout.paper_bgcolor == DARK.surface


@pytest.mark.parametrize("view", [view for view, row in MECHANISMS.items() if row.handle])
def test_mechanisms_have_what_moves_at_its_place(view):
    asked = f"task=linear_regression&optimizer=linear_regression-vanilla2&view={view}&versus=momentum"
    first, last = ls.mechanisms(f"{asked}&position=0"), ls.mechanisms(f"{asked}&position=1000")
    moved = 0
    for name in first.names:
        for trace, other in zip(drawn(first, name).data, drawn(last, name).data, strict=True):
            if trace.name in ("moving", "lit"):
                moved += (np.array(trace.x).tolist(), np.array(trace.y).tolist()) != (
                    np.array(other.x).tolist(),
                    np.array(other.y).tolist(),
                )
                assert not trace.showlegend
    assert moved
    for name in first.names:
        assert first.figure(name, side=1) != first.figure(name)


def test_the_mode_is_lit():
    asked = "task=linear_regression&optimizer=linear_regression-vanilla2&versus=none&mode=2"
    made = drawn(ls.mechanisms(asked), "eigenvalues")
    values, lit = named(made, "eigenvalues")[0], named(made, "lit")[0]
    assert (lit.x[0], lit.y[0]) == pytest.approx((values.x[1], values.y[1]), rel=1e-3)
    fan = [
        trace
        for trace in drawn(ls.mechanisms(asked), "update").data
        if trace.name.startswith("shifted") or trace.name == "at h*"
    ]
    assert len(fan) == 5 and all(np.isfinite(np.array(trace.y, dtype=float)).all() for trace in fan)


def test_performance_has_its_figures():
    page = ls.performance("task=rosenbrock&baseline=adam")
    assert {"curves-rosenbrock", "picture-two_moons", "outer", "shift", "tuning"} <= set(page.names)
    for name in page.names:
        made = drawn(page, name)
        assert made.layout.paper_bgcolor == LIGHT.surface
    assert named(drawn(page, "curves-rosenbrock"), "Learned GRU-64 (seed 0)")


def test_an_imported_optimizer_has_every_page(tmp_path, monkeypatch):
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path))
    shipped = ls.find_run("linear_regression-vanilla2")
    run = ls.import_weights(ls.export_weights(shipped), name="friend", task="linear_regression")
    (run.path / "evaluation.json").write_bytes((shipped.path / "evaluation.json").read_bytes())  # but no outer curve
    for page in (ls.explore, ls.mechanisms, ls.performance):
        view = page("task=linear_regression&optimizer=friend")
        for name in view.names:
            drawn(view, name)


@pytest.mark.parametrize("page", [ls.explore, ls.mechanisms, ls.performance])
def test_what_is_wrong_is_an_error_of_one_sentence(page):
    with pytest.raises(ls.InputError, match="unknown task 'chess'"):
        page("task=chess")
    with pytest.raises(ls.InputError, match="'colour' is not part of a view"):
        page("colour=red")


def test_an_unknown_figure_lists_those_there_are(explored):
    with pytest.raises(ls.InputError, match="unknown figure 'map': choose one of loss, landscape, state"):
        explored.figure("map")


def test_columns_and_sides_are_as_many_as_the_view_has(explored):
    page = ls.explore("task=linear_regression&compare=adam&step=7")
    ours, theirs = page.figure("update"), page.figure("update", column=1)
    assert [len(named(made, "x1")[0].x) for made in (ours, theirs)] == [65, 65]
    assert named(ours, "x1")[0].y.tolist() != named(theirs, "x1")[0].y.tolist()
    for asked, message in (
        (lambda: page.figure("loss", column=2), "column must be a whole number from 0 to 1 for this view (got 2)"),
        (lambda: explored.figure("loss", column=1), "column must be a whole number from 0 to 0 for this view"),
        (lambda: page.figure("loss", side=1), "side must be a whole number from 0 to 0 for this view"),
        (lambda: page.figure("loss", column=-1), "column must be a whole number from 0 to 1"),
    ):
        with pytest.raises(ls.InputError, match=re.escape(message)):
            asked()


def test_figures_are_ones_own(explored):
    explored.figure("loss").update_layout(title="changed")
    assert explored.figure("loss").layout.title.text.startswith("Linear regression, Learned RNN-2")


def test_runs_have_their_figures() -> None:
    page = ls.runs("runs=linear_regression-gru64,linear_regression-gru64-seed1")
    assert page.names == ("curves", "levels")
    assert len(page.figure("curves").data) == 2
    assert list(page.figure("levels").layout.xaxis.ticktext) == ["0", "1"]
    for query in ("", "runs=nobody"):
        with pytest.raises(ls.InputError):
            ls.runs(query)
