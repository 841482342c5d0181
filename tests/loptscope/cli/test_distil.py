"""`distil` on the command line and in Python."""

import json
from pathlib import Path

import pytest

import loptscope as ls
from core.optimizers.formula import MECHANISMS
from loptscope.cli.commands import main

NAME = "rosenbrock-gru64"


def test_the_stored_result_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["distil", "--run", NAME, "--json"]) == 0
    out = capsys.readouterr().out.splitlines()
    result = json.loads(out[-1])
    assert (
        result["learned"]["name"] == NAME
        and result["learned"]["meta_loss"]["mean"] < result["best_tuned"]["meta_loss"]["mean"]
    )
    for rung in result["ladder"]:
        assert set(rung["mechanisms"]) <= set(MECHANISMS)
        assert {"mean", "sem"} <= set(rung["meta_loss"]) and {"mean", "low", "high"} <= set(rung["share"])
    assert set(result["contributions"]) == {"momentum", "clipping", "schedule", "adaptation"}
    assert result["formula"]["latex"].startswith(r"\begin{aligned}") and "value" in next(
        iter(result["formula"]["parameters"].values())
    )
    assert any(line.startswith("+ clipping") for line in out)
    assert "  Clipping            1.000 (1.000 to 1.000)" in out


def test_the_formula_is_written_out(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "distilled.py"
    assert main(["distil", "--run", NAME, "--latex", "--python", "--torch", str(file)]) == 0
    out = capsys.readouterr().out
    assert r"\begin{aligned}" in out and "def step(g, k" in out
    space: dict[str, object] = {}
    exec(compile(file.read_text(), str(file), "exec"), space)
    assert "DistilledOptimizer" in space


def test_in_python() -> None:
    result = ls.distil(NAME)
    assert (
        result.run == NAME and ls.distil(NAME, budget=result.budget, seed=result.held_out_seed).ladder == result.ladder
    )
    assert isinstance(result.formula.formula(), ls.Formula)
    figures = ls.formulas("task=rosenbrock")
    assert {"ladder", "curves", "kernel", "disagreement_step"} <= set(figures.names)


@pytest.mark.parametrize(
    "words, message",
    [
        (["--run", "nobody"], "neither a run nor a run's folder"),
        (["--run", NAME, "--budget", "0"], "--budget must be between 1 and 100000 outer steps (got 0)"),
        (["--run", NAME, "--seed", "-1"], "--seed must be 0 or more (got -1)"),
    ],
)
def test_bad_input_gets_one_sentence(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert main(["distil", *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("path", [".", "nowhere/distilled.py"])
def test_where_the_file_cannot_be_written_nothing_is_computed(
    path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["distil", "--run", NAME, "--torch", str(tmp_path / path)]) == 2
    error = capsys.readouterr()
    assert "--torch must be a file in a folder that exists" in error.err and "keeps" not in error.out
    assert list(tmp_path.iterdir()) == []
