"""`analyze` on the command line."""

import json

import pytest

from loptscope.cli.commands import main


def test_momentum_as_json(capsys):
    values = '{"learning_rate": 0.1, "momentum": 0.9}'
    assert main(["analyze", "--optimizer", "momentum", "--hyperparameters", values, "--json"]) == 0
    output = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert output["momentum"]["eigenvalues"] == pytest.approx([0.9], rel=1e-6)
    assert output["momentum"]["modes"][0]["learning_rate"] == pytest.approx([0.1, 0], rel=1e-6)
    assert {"momentum", "clipping", "schedule", "adaptation"} <= set(output)


def test_a_shipped_one_with_interventions_and_a_page(capsys, tmp_path):
    name, file = "linear_regression-vanilla2", tmp_path / "page.html"
    command = [
        "analyze",
        "--run",
        name,
        "--interventions",
        "--problems",
        "3",
        "--html",
        str(file),
        "--outer-step",
        "3000",
    ]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "linearised at h*" in out and "momentum     Not shown" in out and "closed loop" in out
    assert file.stat().st_size > 1_000_000


@pytest.mark.parametrize(
    "words, message",
    [
        ("--optimizer lion", "invalid choice: 'lion'"),
        ("--optimizer sgd --hyperparameters [1]", "--hyperparameters must be a JSON object (got '[1]')"),
        ("--optimizer sgd --hyperparameters {", "--hyperparameters must be JSON"),
        ("--optimizer sgd --outer-step 3", "--outer-step, --untrained and --save need --run"),
        ("--run nobody", "is neither a run nor a run's folder"),
        ("--run linear_regression-vanilla2 --outer-step 7777", "has no snapshot at outer step 7777"),
        ("--run linear_regression-vanilla2 --hyperparameters {}", "--hyperparameters need --optimizer"),
        ("--optimizer sgd --interventions --problems 1", "problems must be at least 2"),
    ],
)
def test_bad_input_is_one_sentence(words, message, capsys):
    try:
        status = main(["analyze", *words.split()])
    except SystemExit as exit_:
        status = exit_.code
    captured = capsys.readouterr()
    assert status == 2 and captured.err.count("\n") == 1 and message in captured.err
