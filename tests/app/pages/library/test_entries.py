"""What is known of all runs."""

import json
import math
import shutil
import statistics

import pytest

from app.pages.library import entries as module
from app.pages.library.entries import details, downsample, entry, find, heights, list_runs
from core.errors import InputError, UnknownError
from core.evaluation.held_out import Evaluation
from core.files.atomic import read_json
from core.jobs.queue import submit
from core.mechanisms.ablation import ABLATIONS_FILE, TITLES, Ablations
from core.outer.trainer import train
from core.runs import zoo
from core.runs.label import write_label
from core.runs.run import OuterStep, Run
from tests.core.helpers import small_config


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A folder of runs."""
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path))
    return tmp_path


def own():
    return {entry["name"]: entry for entry in list_runs()["entries"] if entry["kind"] == "own"}


def curve(path, losses):
    run = Run(path)
    run.write_outer_losses(OuterStep(i + 1, loss, 1.0, 0.1, 0, 0, 0.1 * i) for i, loss in enumerate(losses))


def test_thinned_is_the_median_of_each_stretch(root):
    train(root / "mine", small_config(outer_steps=1, snapshots=2))
    losses = [math.sin(i) + 2 for i in range(600)]
    losses[5] = losses[7] = math.nan
    losses[20:30] = [math.inf] * 10
    curve(root / "mine", losses)
    medians = downsample(root / "mine" / "outer_loss.csv", 60)
    expected = [[v for v in losses[i : i + 10] if math.isfinite(v)] for i in range(0, 600, 10)]
    assert medians == [pytest.approx(statistics.median(part)) if part else None for part in expected]
    assert medians[2] is None and own()["mine"]["curve"]["heights"][2] is None
    curve(root / "mine", losses[:3])
    assert downsample(root / "mine" / "outer_loss.csv") == losses[:3]
    assert downsample(root / "nothing.csv") == []
    (root / "mine" / "outer_loss.csv").write_text("outer_step,meta_loss\n1\n")
    with pytest.raises(InputError, match="damaged"):
        downsample(root / "mine" / "outer_loss.csv")


def test_heights_are_logarithms():
    assert heights([1.0, 0.1, None, 0.01]) == [100, 50, None, 0]
    assert heights([-1.0, 0.0, 3.0]) == [0, 25, 100]  # not all positive: as they are
    assert heights([2.0, 2.0]) == [50, 50] and heights([None]) == [None] and heights([]) == []


def test_the_shipped_ones(root):
    by_name = {row["name"]: row for row in list_runs()["entries"]}
    assert list(by_name) == [row.name for row in zoo.entries()] and list_runs()["damaged"] == []
    for name, row in by_name.items():
        kept = read_json(zoo.ROOT / name / "evaluation.json", Evaluation)
        best = min((s.meta_loss.mean, n) for n, s in kept.optimizers.items() if n != "learned")
        assert (row["held_out"]["baseline_mean"], row["held_out"]["baseline"]) == best
        assert row["held_out"]["mean"] == kept.optimizers["learned"].meta_loss.mean
        theta = Run(zoo.ROOT / name).optimizer().theta
        assert row["parameters"] == sum(tensor.numel() for tensor in theta.values())
        assert row["looks"] and row["origin"] == "shipped" and row["when"] is None
    stored = read_json(zoo.ROOT / "rosenbrock-gru64" / ABLATIONS_FILE, Ablations)
    shown = by_name["rosenbrock-gru64"]["mechanisms"]
    title = {name: {**stored.of(name).ratio.model_dump(), "title": TITLES[name]} for name in TITLES if stored.of(name)}
    assert shown["clipping"] == title["unsaturated"]  # called what it is called on Mechanisms
    frozen = [title[name] for name in ("frozen_start", "frozen_end")]
    assert shown["schedule"] in frozen and set(shown) == {"momentum", "clipping", "schedule", "adaptation"}


def test_ones_own_in_every_state(root):
    waiting = submit({"task": "rosenbrock", "units": 3})
    train(root / "mine", small_config(outer_steps=2, snapshots=2))
    shutil.copytree(root / "mine", root / "rosenbrock-gru64")  # a name that is taken
    (root / "broken").mkdir()
    (root / "broken" / "config.json").write_text("{}")
    runs = own()
    assert set(runs) == {waiting.name, "mine", "rosenbrock-gru64"}
    assert runs[waiting.name]["state"] == "queued" and not runs[waiting.name]["looks"]
    assert runs[waiting.name]["when"] == waiting.info.submitted
    assert runs["mine"]["looks"] and not runs["rosenbrock-gru64"]["looks"]
    assert runs["mine"]["held_out"] is None and runs["mine"]["mechanisms"] is None
    (message,) = list_runs()["damaged"]
    assert "broken/config.json is damaged" in message
    assert json.dumps(list_runs(), allow_nan=False)


def test_a_run_is_read_once_for_each_change(root, monkeypatch):
    train(root / "mine", small_config(outer_steps=2, snapshots=2))
    monkeypatch.setattr(module, "is_settled", lambda state: True)
    reads = []
    original = module._entry
    monkeypatch.setattr(module, "_entry", lambda path, kind: reads.append(path) or original(path, kind))
    for _ in range(3):
        entry(root / "mine", "own")
    assert len(reads) == 1
    write_label(root / "mine", {"title": "x", "note": "y"})
    assert entry(root / "mine", "own")["title"] == "x" and len(reads) == 2
    curve(root / "mine", [1.0, 0.5, 0.25])
    assert entry(root / "mine", "own")["curve"]["last"] == 0.25 and len(reads) == 3


def test_details(root):
    train(root / "mine", small_config(outer_steps=2, snapshots=2))
    shown = details("own", find("own", "mine"))
    assert shown["config"] == Run(root / "mine").config.model_dump(mode="json") and shown["steps"] == [0, 2]
    assert shown["command"].startswith("loptscope train --task linear_regression") and shown["ablations"] == []
    shipped = details("zoo", find("zoo", "rosenbrock-gru64"))
    assert next(iter(shipped["scores"])) == "learned" and shipped["ablations"][0]["ratio"]["median"] == 1.0


@pytest.mark.parametrize(
    "kind, name", [("own", "../x"), ("own", "nobody"), ("zoo", "tuned"), ("zoo", ".."), ("x", "mine"), ("own", "")]
)
def test_there_is_none_of_that_name(root, kind, name):
    (root.parent / "x").mkdir(exist_ok=True)
    (root.parent / "x" / "config.json").write_text("{}")
    with pytest.raises(UnknownError, match="there is no"):
        find(kind, name)
