"""The figures of the Train page for the newest snapshot of a run, from its link."""

import json

import pytest
from plotly.io import to_json

import loptscope as ls
from app.pages.train.figures import HELD_OUT, RAW, SMOOTH
from core.jobs.queue import submit
from core.optimizers.hand_designed import BASELINES
from core.outer.trainer import train

SETTINGS = {"task": "linear_regression", "cell": "vanilla", "units": 3, "outer_steps": 4, "problems": 2, "unroll": 6}


@pytest.fixture
def queued(tmp_path, monkeypatch):
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path))
    return submit({**SETTINGS, "snapshots": 2})


def test_every_figure_is_drawn_from_the_run(queued):
    run = train(queued.path, queued.run.config, resume=True)
    page = ls.train(f"run={queued.name}")
    assert page.names == ("outer", "curve", "update", "eigenvalues", "schedule")
    for name in page.names:
        json.loads(to_json(page.figure(name)), parse_constant=pytest.fail)
    outer = {trace.meta: trace for trace in page.figure("outer").data}
    assert set(outer) == {*BASELINES, RAW, SMOOTH, HELD_OUT}
    assert list(outer[RAW].y) == pytest.approx([step.meta_loss for step in run.outer_losses()])
    assert list(outer[HELD_OUT].x) == [4]
    curve = {trace.meta: trace for trace in page.figure("curve").data}
    assert set(curve) == {*BASELINES, "learned"} and list(curve["learned"].x) == list(range(7))
    assert curve["learned"].y[0] == 1


def test_what_is_wrong_is_one_sentence(queued):
    with pytest.raises(ls.InputError, match="name a run, as in train"):
        ls.train("theme=dark")
    with pytest.raises(ls.InputError, match="there is no run 'nobody'"):
        ls.train("run=nobody")
    with pytest.raises(ls.InputError, match="has no snapshot yet"):
        ls.train(f"run={queued.name}")
