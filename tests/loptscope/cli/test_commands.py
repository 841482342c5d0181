import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import core
from core.evaluation import out_of_distribution as generalization
from core.optimizers.hand_designed import BASELINES
from core.outer.trainer import train
from core.runs import zoo
from core.runs.config import make_config
from core.runs.lock import acquire
from core.runs.run import Run
from core.runs.zoo import recipes
from loptscope.cli.commands import main
from tests.core.helpers import small_config, write_rivals
from tests.core.jobs.helpers import wait_for

REPOSITORY = Path(core.__file__).parent.parent
SMALL = ["--units", "4", "--problems", "3", "--unroll", "6"]


def call(*arguments):
    """Exit status of a command."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stopped:
        return stopped.code


def last_json(capsys):
    """The last line of stdout, strictly parsed."""

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(capsys.readouterr().out.splitlines()[-1], parse_constant=refuse)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run of each kind that the tests read and never change."""
    config = small_config(outer_steps=3, snapshots=3)
    return train(tmp_path_factory.mktemp("cli") / "run", config)


@pytest.fixture
def baselines(tmp_path_factory, monkeypatch):
    """Hand-designed optimizers with made-up hyperparameters instead of the tuned ones."""
    root = tmp_path_factory.mktemp("tuned")
    write_rivals(root, "linear_regression")
    made = zoo.baselines("linear_regression", root)
    monkeypatch.setattr(zoo, "baselines", lambda task, root: made)


def test_train(tmp_path, capsys):
    options = ["--task", "rosenbrock", "--cell", "lstm", "--outer-steps", 4, "--seed", 7, *SMALL]
    assert call("train", *options, "--run", tmp_path / "run", "--json") == 0
    output = last_json(capsys)
    assert output["run"] == str(tmp_path / "run")
    assert (output["state"], output["outer_step"], output["outer_steps"], output["skipped_steps"]) == (
        "finished",
        4,
        4,
        0,
    )
    run = Run(tmp_path / "run")
    shape = {"cell": "lstm", "units": 4}
    expected = {"task": "rosenbrock", "outer_steps": 4, "problems": 3, "unroll": 6, "seed": 7, "architecture": shape}
    assert run.config == make_config(expected)
    assert len(run.outer_losses()) == 4 and run.snapshots()[-1] == 4


def test_all_other_options_of_train_reach_the_config(tmp_path):
    options = {
        "--units": "2",
        "--reset": "before",
        "--features": "symlog",
        "--feature-scale": "3",
        "--output-scale": "0.5",
        "--learning-rate": "0.01",
        "--learning-rate-halving": "20",
        "--gradient-clip": "none",
        "--adjoint-clip": "0.5",
        "--snapshots": "2",
        "--outer-steps": "1",
        "--problems": "2",
        "--unroll": "2",
    }
    flat = [word for pair in options.items() for word in pair]
    moons = ["--task", "two_moons", "--task-parameter", "hidden=[3,2]", "--task-parameter", "points=10"]
    assert call("train", *moons, *flat, "--run", tmp_path) == 0
    config = Run(tmp_path).config
    assert config.task_parameters == {"hidden": [3, 2], "points": 10}
    shape = config.architecture
    assert (shape.reset, shape.features, shape.feature_scale, shape.output_scale) == ("before", "symlog", 3.0, 0.5)
    assert (config.learning_rate, config.learning_rate_halving, config.snapshots) == (0.01, 20, 2)
    assert (config.gradient_clip, config.adjoint_clip) == (None, 0.5)


def test_resume_needs_no_other_option(tmp_path, capsys):
    config = small_config()
    train(tmp_path, config, on_step=lambda step: step.outer_step < 3)
    assert call("train", "--run", tmp_path, "--resume", "--json") == 0
    assert last_json(capsys)["outer_step"] == 8
    assert Run(tmp_path).config == config and Run(tmp_path).status().state == "finished"


def test_resume_with_another_setting_is_refused(trained, capsys):
    assert call("train", "--run", trained.path, "--resume", "--seed", 5) == 2
    assert "was trained with a different seed" in capsys.readouterr().err.splitlines()[-1]
    assert call("train", "--run", trained.path, "--task", "rosenbrock") == 2
    assert "is not empty" in capsys.readouterr().err.splitlines()[-1]


def test_evaluate(trained, baselines, capsys):
    assert call("evaluate", "--run", trained.path, "--problems", 4, "--seed", 3, "--json") == 0
    output = last_json(capsys)
    assert (output["task"], output["problems"], output["seed"]) == ("linear_regression", 4, 3)
    assert list(output["optimizers"]) == ["learned", *BASELINES]
    assert "out_of_distribution" not in output
    for item in output["optimizers"].values():
        assert set(item["meta_loss"]) == {"mean", "sem"} and set(item["final_loss"]) == {"mean", "median"}
        assert isinstance(item["diverged"], int) and set(item["steps_to_target"]) == {"median", "reached"}
    momentum = output["optimizers"]["momentum"]["meta_loss"]
    assert 0 < momentum["mean"] < 1 and momentum["sem"] > 0
    assert not (trained.path / "evaluation.json").exists()


def test_evaluate_prints_a_table_and_keeps_it_when_asked(tmp_path, baselines, capsys):
    run = train(tmp_path / "run", small_config(outer_steps=1))
    assert call("evaluate", "--run", run.path, "--problems", 2, "--target", 0.25, "--save") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[-8:]] == ["learned", *BASELINES]
    assert "2 held-out problems" in lines[0] and "0.25 of the first loss" in lines[0]
    kept = json.loads((run.path / "evaluation.json").read_text())
    assert (kept["problems"], kept["target"]) == (2, 0.25)
    assert not (run.path / "out_of_distribution.json").exists()


def test_evaluate_out_of_distribution(tmp_path, baselines, capsys, monkeypatch):
    planned = generalization.plans("linear_regression")
    monkeypatch.setattr(generalization, "plans", lambda task: [planned[0], planned[2]])
    run = train(tmp_path / "run", small_config(outer_steps=1))
    assert call("evaluate", "--run", run.path, "--problems", 2, "--out-of-distribution", "--save", "--json") == 0
    out = capsys.readouterr().out.splitlines()
    output = json.loads(out[-1])
    kept = json.loads((run.path / "out_of_distribution.json").read_text())
    assert output.pop("out_of_distribution") == kept
    assert json.loads((run.path / "evaluation.json").read_text()) == output
    assert [condition["name"] for condition in kept["conditions"]] == [planned[0].name, planned[2].name]
    rows = out[-4:-2]
    for row, plan in zip(rows, (planned[0], planned[2]), strict=True):
        assert row.startswith(plan.name) and any(name in row for name in BASELINES)


def test_evaluate_reports_divergence_as_null(tmp_path, baselines, capsys):
    shape = {"units": 2, "output_scale": 1e30}
    run = train(tmp_path / "run", small_config(outer_steps=1, architecture=shape))
    assert call("evaluate", "--run", run.path, "--problems", 3, "--json") == 0
    learned = last_json(capsys)["optimizers"]["learned"]
    assert learned["diverged"] == 3 and learned["meta_loss"] == {"mean": None, "sem": None}


def test_tune(tmp_path, capsys):
    options = ["--task", "linear_regression", "--optimizer", "momentum", "--draws", 6, "--seed", 1, "--threads", 1]
    assert call("tune", *options, "--out", tmp_path, "--json") == 0
    output = last_json(capsys)
    assert (output["task"], output["optimizer"], output["draws"], output["seed"]) == (
        "linear_regression",
        "momentum",
        6,
        1,
    )
    assert set(output["hyperparameters"]) == {"learning_rate", "momentum", "learning_rate_decay"}
    assert json.loads((tmp_path / "linear_regression" / "momentum.json").read_text()) == output
    assert (tmp_path / "linear_regression" / "momentum.csv").exists()


def test_tune_all_leaves_out_what_is_there(tmp_path, capsys):
    options = ["--task", "rosenbrock", "--optimizer", "all", "--draws", 40, "--out", tmp_path, "--threads", 1, "--json"]
    assert call("tune", *options) == 0
    output = last_json(capsys)["optimizers"]
    assert list(output) == list(BASELINES)
    for name in BASELINES:
        assert json.loads((tmp_path / "rosenbrock" / f"{name}.json").read_text()) == output[name]
    (tmp_path / "rosenbrock" / "adam.csv").unlink()
    assert call("tune", *options, "--skip-existing") == 0
    assert last_json(capsys)["optimizers"] == output
    assert not (tmp_path / "rosenbrock" / "adam.csv").exists()


def test_zoo(capsys):
    assert call("zoo", "--json") == 0
    output = last_json(capsys)
    assert isinstance(output, list)
    order = [recipe.name for recipe in recipes()]
    names = [entry["name"] for entry in output]
    assert names == [name for name in order if name in names]
    for entry in output:
        assert list(entry) == ["name", "task", "cell", "units", "outer_steps", "snapshots"]
        config = Run(REPOSITORY / "zoo" / entry["name"]).config
        assert (entry["task"], entry["outer_steps"]) == (config.task, config.outer_steps)


def test_without_json_the_output_is_for_people(trained, capsys):
    assert call("train", "--run", trained.path, "--resume") == 0
    out = capsys.readouterr().out
    assert "finished at outer step 3 of 3, 0 diverged problems, 0 skipped steps" in out and "{" not in out


@pytest.mark.parametrize(
    "words, message",
    [
        ("", "COMMAND"),
        ("fly", "invalid choice: 'fly'"),
        ("train --task rosenbrock", "--run"),
        ("train --run NEW", "task is missing: choose one of linear_regression, rosenbrock, two_moons"),
        ("train --run NEW --task quadratic", "invalid choice: 'quadratic'"),
        ("train --run NEW --task rosenbrock --cell rnn", "invalid choice: 'rnn'"),
        ("train --run NEW --task rosenbrock --units -3", "units should be greater than or equal to 1 (got -3)"),
        ("train --run NEW --task rosenbrock --units many", "invalid int value: 'many'"),
        ("train --run NEW --task rosenbrock --outer-steps -1", "outer_steps should be greater than or equal to 1"),
        ("train --run NEW --task rosenbrock --problems 0", "problems should be greater than or equal to 1"),
        ("train --run NEW --task rosenbrock --unroll -200", "unroll should be greater than or equal to 1"),
        ("train --run NEW --task rosenbrock --seed -1", "seed should be greater than or equal to 0"),
        ("train --run NEW --task rosenbrock --learning-rate nan", "learning_rate"),
        ("train --run NEW --task rosenbrock --adjoint-clip -1", "adjoint_clip should be greater than 0"),
        ("train --run NEW --task rosenbrock --adjoint-clip some", "invalid number (or 'none') value: 'some'"),
        ("train --run NEW --task rosenbrock --threads 0", "--threads must be at least 1 (got 0)"),
        ("train --run NEW --task two_moons --task-parameter hidden=[", "the value of hidden must be JSON"),
        ("train --run NEW --task two_moons --task-parameter hidden", "write it as NAME=VALUE (got 'hidden')"),
        ("train --run NEW --task two_moons --task-parameter points=1", "points should be greater than or equal to 2"),
        ("train --run NEW --resume", "is not a run: it has no config.json"),
        ("train --run DAMAGED --resume", "config.json is damaged or not a RunConfig file"),
        ("evaluate", "--run"),
        ("evaluate --run NEW", "is neither a run nor a run's folder"),
        ("evaluate --run DAMAGED", "config.json is damaged or not a RunConfig file"),
        ("evaluate --run BROKEN", "000003.safetensors is damaged or not a safetensors file"),
        ("evaluate --run RUN --problems 1", "problems must be at least 2, for a standard error (got 1)"),
        ("evaluate --run RUN --problems -4", "problems must be at least 2"),
        ("evaluate --run RUN --target 0", "target must be above 0 and below 1, relative to the first loss (got 0.0)"),
        ("evaluate --run RUN --target nan", "target must be above 0 and below 1"),
        ("evaluate --run RUN --target low", "invalid float value: 'low'"),
        ("tune --task rosenbrock", "--optimizer"),
        ("tune --task rosenbrock --optimizer lion", "invalid choice: 'lion'"),
        ("tune --task moons --optimizer adam", "invalid choice: 'moons'"),
        ("tune --task rosenbrock --optimizer adam --draws 0", "draws must be at least 1 (got 0)"),
        ("reproduce nothing", "no recipe 'nothing' in zoo/recipes.json"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_status_2(words, message, trained, baselines, tmp_path, capsys):
    damaged, broken = tmp_path / "damaged", tmp_path / "broken"
    damaged.mkdir()
    (damaged / "config.json").write_text('{"task": "rosen')
    if "BROKEN" in words:
        Run.create(broken, trained.config)
        (broken / "snapshots").mkdir()
        content = trained.snapshot_path(3).read_bytes()
        (broken / "snapshots" / "000003.safetensors").write_bytes(content[:-20])
    folders = {"NEW": tmp_path / "new", "DAMAGED": damaged, "BROKEN": broken, "RUN": trained.path}
    assert call(*(folders.get(word, word) for word in words.split())) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("loptscope") and captured.err.count("\n") == 1 and captured.out == ""
    assert message in captured.err
    assert not (tmp_path / "new").exists()


def test_a_failure_of_the_disk_is_status_1(trained, baselines, capsys, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert call("evaluate", "--run", trained.path, "--problems", 2, "--save") == 1
    assert capsys.readouterr().err.strip().endswith("No space left on device")


def test_version(capsys):
    assert call("--version") == 0
    assert capsys.readouterr().out.strip() == core.__version__


def interrupted(path, capsys, *arguments):
    """The last line of a command that is interrupted by Ctrl-C as soon as its run's curve has grown."""

    def steps():
        return len(Run(path).outer_losses()) if (path / "outer_loss.csv").exists() else 0

    def press():
        wait_for(lambda: steps() > before)
        os.kill(os.getpid(), signal.SIGINT)

    before = steps()
    pressing = threading.Thread(target=press)
    pressing.start()
    assert call(*arguments) == 0
    pressing.join()
    return last_json(capsys)


def test_interrupting_stops_cleanly_and_resuming_goes_on_exactly(tmp_path, capsys):
    path = tmp_path / "run"
    options = ["--task", "linear_regression", "--outer-steps", 1_000_000, "--seed", 2, *SMALL]
    first = interrupted(path, capsys, "train", *options, "--run", path, "--json")
    assert first["state"] == "stopped" and first["outer_step"] >= 1
    early = Run(path).outer_losses()
    second = interrupted(path, capsys, "train", "--run", path, "--resume", "--json")
    assert second["state"] == "stopped" and second["outer_step"] > first["outer_step"] == len(early)
    run = Run(path)
    whole = train(tmp_path / "whole", run.config, on_step=lambda step: step.outer_step < second["outer_step"])
    curves = [[replace(step, seconds=0.0) for step in each.outer_losses()] for each in (run, whole)]
    assert curves[0] == curves[1] and run.outer_losses()[: len(early)] == early
    theta, expected = run.training_state()[0], whole.training_state()[0]
    assert theta.keys() == expected.keys() and all(torch.equal(theta[name], expected[name]) for name in theta)


def test_the_command_as_a_process():
    done = subprocess.run(
        [sys.executable, "-m", "core", "evaluate", "--run", "no-such-run"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "no-such-run" in done.stderr


def test_a_sweep_is_queued(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path))
    shared = ["--task", "rosenbrock", "--problems", 3, "--unroll", 6, "--outer-steps", 4]
    axes = ["--seeds", "0,1", "--units", "2,3", "--learning-rates", "0.1"]
    assert call("sweep", *shared, *axes, "--json") == 0
    output = last_json(capsys)
    runs = [Run(tmp_path / name) for name in output["runs"]]
    assert [(run.config.seed, run.config.architecture.units) for run in runs] == [(0, 2), (0, 3), (1, 2), (1, 3)]
    assert {(run.config.learning_rate, run.config.unroll, run.status().state) for run in runs} == {(0.1, 6, "queued")}
    assert {json.loads((run.path / "job.json").read_text())["sweep"] for run in runs} == {output["sweep"]}
    assert call("sweep", *shared, "--seeds", "0,x") == 2
    assert call("sweep", *shared, "--units", "0") == 2
    assert call("sweep", *shared) == 2
    assert len(list(tmp_path.glob("rosenbrock-*"))) == 4


def test_train_from_a_snapshot(trained, tmp_path, monkeypatch, capsys):
    start = f"{trained.path}@1"
    options = ["--task", "linear_regression", "--outer-steps", 2, "--seed", 5, *SMALL]
    assert call("train", *options, "--start", start, "--run", tmp_path / "run") == 0
    run = Run(tmp_path / "run")
    assert run.config.start.model_dump() == {"run": trained.name, "outer_step": 1}
    theta, expected = run.optimizer(0).theta, trained.optimizer(1).theta
    assert all(torch.equal(theta[name], tensor) for name, tensor in expected.items())
    assert call("train", *options, "--start", f"{trained.path}@2", "--run", tmp_path / "b") == 2
    assert "no snapshot at outer step 2" in capsys.readouterr().err
    assert call("train", *options, "--start", f"{trained.path}@x", "--run", tmp_path / "b") == 2
    assert call("train", *options, "--start", f"{trained.path}", "--units", 7, "--run", tmp_path / "b") == 2
    assert not (tmp_path / "b" / "config.json").exists()


def test_a_run_that_somebody_else_trains_is_left_alone(trained, capsys):
    claim = acquire(trained.path)
    assert call("train", "--run", trained.path, "--resume") == 2
    assert "is being trained by another process" in capsys.readouterr().err
    claim.release()


def test_training_that_comes_to_no_good_end_is_a_failure(tmp_path, capsys):
    spoiled = ["--task", "rosenbrock", "--output-scale", "1e20", "--adjoint-clip", "none", "--outer-steps", 70]
    assert call("train", *spoiled, *SMALL, "--run", tmp_path / "run") == 1
    assert "not finite in 50 outer steps in a row" in capsys.readouterr().err.splitlines()[-1]
    assert Run(tmp_path / "run").status().state == "failed"
