"""The worked examples of docs/examples, from the shell and on the dashboard."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.training_loop.recording import open_recording
from loptscope.cli.commands import main

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ["quadratic", "digits", "my_optimizer", "torch_optimizers"]
PLUGINS = [part for name in EXAMPLES for part in ("--plugin", f"docs/examples/{name}.py")]
PAGES = """
import json
from app.server import create_app
app = create_app()
client = app.server.test_client()
from app.shared.catalog import subjects, task_options
from app.pages.explore.view import parse
from app.pages.explore.bundles import source_of
found = {}
for query in ("task=quadratic&optimizer=lion&compare=my_optimizer", "task=digits&optimizer=my_optimizer&step=20"):
    view, wrong = parse(query)
    source = source_of(view)
    answer = client.get(f"/api/bundles/{source.key}.safetensors?{source.query}")
    found[query] = [wrong, answer.status_code, len(answer.data) > 10000]
found["tasks"] = [entry["value"] for entry in task_options()]
found["titles"] = {name: one.title for name, one in subjects("quadratic").items()}
for page in ("", "mechanisms?task=quadratic&optimizer=lion", "performance", "train", "library"):
    found[page] = client.get("/" + page).status_code
print(json.dumps(found))
"""


def run(*arguments: str, folder: Path, code: str | None = None) -> subprocess.CompletedProcess[str]:
    words = ["-c", code, *arguments] if code else ["-m", "core", *arguments]
    environment = {
        **os.environ,
        "LOPTSCOPE_RUNS": str(folder),
        "LOPTSCOPE_CACHE": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    if code is PAGES:
        environment["LOPTSCOPE_PLUGINS"] = os.pathsep.join(str(ROOT / path) for path in PLUGINS[1::2])
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)


COMMANDS = """
import json, sys
from loptscope.cli.commands import main
for words in json.loads(sys.argv[1]):
    print(json.dumps(["status", main(words)]), flush=True)
"""


@pytest.mark.long
def test_from_training_to_evaluation(tmp_path: Path) -> None:
    settings = ["--task", "quadratic", "--units", "4", "--outer-steps", "3", "--problems", "4", "--unroll", "20"]
    asked = ["--optimizer", "my_optimizer", "--task", "linear_regression"]
    commands = [
        ["train", *PLUGINS[:2], *settings, "--run", str(tmp_path / "mine")],
        ["evaluate", "--run", "mine", "--problems", "4", "--json"],
        ["tune", "--task", "quadratic", "--optimizer", "all", "--draws", "4"],
        ["evaluate", "--run", "mine", "--problems", "4", "--json"],
        ["analyze", *PLUGINS, *asked, "--json"],
        ["evaluate", *asked, "--problems", "4", "--json"],
        ["evaluate", "--optimizer", "adam", "--task", "quadratic"],
        ["evaluate", "--optimizer", "lion", "--task", "quadratic", "--problems", "2"],
    ]
    done = run(json.dumps(commands), folder=tmp_path, code=COMMANDS)
    assert done.returncode == 0, done.stderr
    statuses = [json.loads(line)[1] for line in done.stdout.splitlines() if line.startswith('["status"')]
    assert statuses == [0, 0, 0, 0, 0, 0, 2, 0], done.stderr
    assert "no plugin has registered an optimizer 'adam' (registered: my_optimizer, adamw" in done.stderr
    assert done.stderr.count("not tuned for quadratic yet, so left out: sgd") == 1
    alone, own, report, comparison = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    assert list(alone["optimizers"]) == ["learned"] and {"learned", "adam", "momentum"} <= set(own["optimizers"])
    assert report["momentum"]["eigenvalues"] == pytest.approx([0.9, 0.5])
    scores = comparison["optimizers"]
    assert scores["learned"]["meta_loss"]["mean"] > scores["momentum"]["meta_loss"]["mean"]


def test_a_bad_file_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "--plugin", "docs/nothing.py"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "cannot be read" in error


@pytest.mark.long
def test_they_are_on_every_page(tmp_path: Path) -> None:
    done = run(folder=tmp_path, code=PAGES)
    assert done.returncode == 0, done.stderr
    output = json.loads(done.stdout.splitlines()[-1])
    assert output.pop("tasks")[-2:] == ["quadratic", "digits"]
    titles = output.pop("titles")
    assert (titles["lion"], titles["my_optimizer"], titles["adam"]) == (
        "Lion (not tuned)",
        "My optimizer",
        "Adam (not tuned)",
    )
    assert all(answer in (200, [[], 200, True]) for answer in output.values()), output


def test_a_training_loop_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path))
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "examples"))
    example = importlib.import_module("train_digits")
    example.RATES = (1e-3,)
    found = example.compare(60, 1, "own")
    (learned, last, accuracy), (adam, _, _) = found["two_moons-gru24"], found["adam 0.001"]
    assert learned < 0.5 * adam and last < learned and accuracy > 0.85
    assert {path.name for path in tmp_path.iterdir()} == {"own-two_moons-gru24", "own-adam-0.001"}
    assert len(open_recording("own-adam-0.001")) == 60
