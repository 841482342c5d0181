"""The commands ``import`` and ``export``."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from core.optimizers import Architecture
from core.runs import zoo
from loptscope.cli.commands import main
from tests.core.training_loop.loops import recorded

RENN = Path(__file__).parents[2] / "data" / "renn" / "vanilla"


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def call(*arguments):
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stopped:
        return stopped.code


@pytest.fixture
def bare(tmp_path):
    """Weights that say nothing of themselves."""
    theta = Architecture(cell="lstm", units=3).initial_theta(torch.Generator().manual_seed(0))
    (tmp_path / "bare.safetensors").write_bytes(safetensors.torch.save(theta))
    return tmp_path / "bare.safetensors"


def test_export_then_import(tmp_path, capsys):
    file = tmp_path / "out" / "one.safetensors"
    assert call("export", "--run", "rosenbrock-gru64", "--outer-step", 0, "--out", file, "--json") == 0
    output = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert output == {"out": str(file), "name": "rosenbrock-gru64", "outer_step": 0, "bytes": file.stat().st_size}
    assert call("import", file, "--task", "rosenbrock", "--name", "mine", "--json") == 0
    output = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (output["name"], output["task"], output["cell"], output["units"]) == ("mine", "rosenbrock", "gru", 64)
    again = tmp_path / "again.safetensors"
    assert call("export", "--run", "mine", "--out", again) == 0
    ours, theirs = (safetensors.torch.load_file(path) for path in (again, file))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_import_of_weights_whose_architecture_is_named(bare):
    options = ["--cell", "lstm", "--units", 3, "--features", "symlog", "--feature-scale", 2, "--output-scale", 0.1]
    assert call("import", bare, "--task", "two_moons", "--name", "mine", *options) == 0
    architecture = zoo.find_run("mine").config.architecture
    assert architecture == Architecture(cell="lstm", units=3, features="symlog", feature_scale=2, output_scale=0.1)


def test_import_of_renn_files():
    files = [RENN / "theta.bin", "--config", RENN / "config.yml"]
    assert call("import", *files, "--task", "linear_regression", "--name", "published") == 0
    assert zoo.find_run("published").config.architecture == Architecture(cell="vanilla", units=12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "does not contain its architecture: give at least its cell and its units"),
        (["--units", 3], "an architecture needs its --cell as well"),
        (["--cell", "lstm", "--units", 0], "units should be greater than or equal to 1"),
        (["--cell", "lstm", "--units", 4], "weight_ih of a LSTM-4 has shape [16, 1], not [12, 1]"),
        (["--config", RENN / "theta.bin"], "config.yml is not plain YAML"),
        (["--config", "/nowhere"], "/nowhere cannot be read: it does not exist"),
        (["--config", RENN / "config.yml", "--cell", "gru", "--units", 3], "--config contains the architecture"),
    ],
)
def test_bad_input_is_one_line_and_status_2(bare, capsys, options, message):
    assert call("import", bare, "--task", "rosenbrock", "--name", "mine", *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_missing_file_and_a_missing_snapshot_are_bad_input(tmp_path, capsys):
    assert call("import", tmp_path / "no", "--task", "rosenbrock", "--name", "mine") == 2
    assert call("export", "--run", "rosenbrock-gru64", "--outer-step", 7, "--out", tmp_path / "x") == 2
    assert "has no snapshot at outer step 7" in capsys.readouterr().err


def test_a_recording_is_exported_as_a_table_or_as_arrays(tmp_path, runs, capsys):
    recorded("mine", lambda model: torch.optim.SGD(model.parameters(), lr=0.1), 5, components=3)
    for run, file in (("mine", "one.csv"), (runs / "mine", "one.npz")):
        assert call("export", "--run", run, "--out", tmp_path / file, "--json") == 0
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert (told["name"], told["steps"], told["bytes"]) == ("mine", 5, (tmp_path / file).stat().st_size)
    assert len((tmp_path / "one.csv").read_text().splitlines()) == 16
    assert np.load(tmp_path / "one.npz")["updates"].shape == (5, 3)
    assert call("export", "--run", "mine", "--out", tmp_path / "one.txt") == 2
    assert "a recording is exported as .csv or .npz (got 'one.txt')" in capsys.readouterr().err
    assert call("export", "--run", "mine", "--out", tmp_path / "one.csv", "--outer-step", 3) == 2
    assert "mine is a recording" in capsys.readouterr().err
