"""What is told of many runs: what they differ in, smoothed curves, levels."""

import math
from pathlib import Path

import numpy as np
import pytest

from app.pages.runs.data import curves_of, differences, smoothed, summarize, text_of
from app.pages.runs.figures import colors_of, curves_figure, levels_figure
from app.pages.runs.view import chosen, parse, sweeps, to_query
from app.shared.style import LIGHT
from core.errors import InputError
from core.jobs.queue import take_next
from core.jobs.sweep import sweep
from core.jobs.worker import execute
from core.runs import zoo

SMALL = {"task": "linear_regression", "problems": 4, "unroll": 10, "outer_steps": 12, "snapshots": 3}


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A sweep of four runs, three of them trained."""
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path))
    name, list_jobs = sweep(SMALL, {"units": [4, 3], "seed": [0, 1]})
    assert len(list_jobs) == 4
    for _ in range(3):
        held = take_next("w")
        assert held is not None
        execute(held, "w", threads=1)
    return name


def test_a_sweep_is_told_by_what_it_differs_in(made: str) -> None:
    view, wrong = parse(f"sweep={made}")
    assert wrong == []
    assert parse(to_query(view)) == (view, [])
    runs = chosen(view)
    assert list(sweeps()) == [made]
    summaries = summarize(runs)
    assert [summary.state for summary in summaries] == ["finished"] * 3 + ["queued"]
    assert differences(summaries) == {"units": [3, 4], "seed": [0, 1]}
    for summary, run in zip(summaries[:3], runs, strict=False):
        losses = [step.meta_loss for step in run.outer_losses()]
        assert summary.training == losses[-1]  # a tenth of twelve steps is the last one
        curve = curves_of([run], 17)[run.name]  # 17 % of twelve steps are two, on either side
        assert curve.shape == (2, 12)
        assert curve[1][6] == np.median(losses[4:9])
        np.testing.assert_array_equal(curves_of([run], 0)[run.name][1], losses)
    assert summaries[3].level is None and curves_of([runs[3]], 5)[runs[3].name].shape == (2, 0)


def test_runs_by_name_and_what_is_no_run(made: str) -> None:
    names = [run.name for run in chosen(parse(f"sweep={made}")[0])]
    view, wrong = parse(f"runs={names[1]},linear_regression-gru64")
    assert wrong == []
    assert [run.name for run in chosen(view)] == [names[1], "linear_regression-gru64"]
    for query in ("runs=../etc", "runs=nobody", "runs=", "sweep=sweep-000000", "sweep=../x", "axis=nothing"):
        view, wrong = parse(query)
        assert len(wrong) == 1, query
        assert chosen(view) == []


def test_medians_are_taken_over_what_is_finite() -> None:
    losses = np.arange(1.0, 41.0)
    losses[[3, 20, 21, 22, 23]] = [math.inf, math.nan, math.nan, math.nan, math.nan]
    steps, values = smoothed(losses, 5)
    assert list(steps) == list(range(1, 41))
    assert values[3] == 5  # the window's infinite loss counts as its largest: 2, 3, 5, 6 and ∞
    assert np.isnan(values[21])
    assert np.isfinite(values[:18]).all()
    assert smoothed(np.empty(0), 5).shape == (2, 0)


def test_figures_hold_the_levels(made: str) -> None:
    runs = chosen(parse(f"sweep={made}")[0])
    summaries, medians = summarize(runs), curves_of(runs, 1)
    curves = curves_figure(summaries, medians, "units", [3, 4], LIGHT)
    assert curves.layout.yaxis.type == "log" and curves.layout.hovermode == "x unified"
    assert curves_figure(summaries, medians, "units", [3, 4], LIGHT, "linear").layout.yaxis.type is None
    colors = colors_of([3, 4], LIGHT)
    assert [trace.line.color for trace in curves.data] == [
        colors[str(summary.settings["units"])] for summary in summaries
    ]
    mean, dots = levels_figure(summaries, "units", [3, 4], LIGHT).data
    assert sorted(dots.y) == sorted(summary.level for summary in summaries if summary.level is not None)
    four = [summary.level for summary in summaries if summary.settings["units"] == 4 and summary.level is not None]
    assert mean.y[1] == pytest.approx(np.mean(four))
    assert mean.error_y.array[1] == pytest.approx(np.std(four, ddof=1) / np.sqrt(2))


def test_runs_that_do_not_differ_have_their_names_on_the_axis() -> None:
    (summary,) = summarize(chosen(parse("runs=linear_regression-gru64")[0]))
    made = levels_figure([summary], "", [], LIGHT)
    assert list(made.layout.xaxis.ticktext) == ["Learned GRU-64 (seed 0)"]  # the name that all pages give it
    assert len(made.layout.yaxis.tickvals) >= 3
    assert not summary.queued  # the Train page does not know it
    assert text_of(None) == "none" and text_of(0.5) == "0.5"


def test_too_many(made: str) -> None:
    _, wrong = parse("runs=" + ",".join(f"a{i}" for i in range(300)))
    assert wrong == ["runs takes at most 200 names (got 300)"]
    with pytest.raises(InputError):
        sweep(SMALL, {})


def test_stored_evaluations_are_shown_where_all_runs_have_one(made: str) -> None:
    first, second = chosen(parse(f"sweep={made}")[0])[:2]
    before = summarize([first, second])
    for count, run in enumerate((first, second)):
        found = zoo.evaluate_run(run, problems=3)
        zoo.write_evaluation(run, found)
        summaries = summarize([first, second])
        if count == 0:  # the other one was measured on other problems
            assert [one.held_out for one in summaries] == [one.held_out for one in before]
    score = found.optimizers["learned"].meta_loss
    assert summaries[1].held_out == (score.mean, score.sem) and summaries[1].level == score.mean
