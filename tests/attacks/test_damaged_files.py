"""Every kind of damage to every file of a run: one sentence, and everything else goes on."""

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from flask.testing import FlaskClient

from app.shared.catalog import subjects
from core.errors import InputError
from core.evaluation.held_out import compare
from core.files.atomic import write_json
from core.jobs.job import JobInfo
from core.outer.trainer import train
from core.runs import zoo
from core.runs.label import write_label
from core.runs.run import Run
from core.tasks import make_task
from tests.core.helpers import small_config

SECRET = "root:x:0:0:a-secret"  # that a file may turn out to hold
GIB = 2**30


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A finished run with every file that a run can have, beside another one."""
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path / "runs"))
    for name in ("mine", "other"):
        run = train(tmp_path / "runs" / name, small_config(outer_steps=3, snapshots=2))
        write_json(run.path / "job.json", JobInfo(submitted=1.0, order=1.0))
    run = Run(tmp_path / "runs" / "mine")
    write_label(run.path, {"title": "Mine"})
    (run.path / "events.jsonl").write_text('{"kind": "steps", "first": 1, "last": 3, "time": 1.0}\n')
    evaluated = compare(make_task("linear_regression"), {"learned": run.optimizer()}, problems=2, seed=0)
    zoo.write_evaluation(run, evaluated)
    return run


def replaced(path: Path, make: Callable[[Path], None]) -> None:
    path.unlink()
    make(path)


def number(text: str) -> Callable[[Path], None]:
    """The first number of a JSON file is another one."""

    def damage(path: Path) -> None:
        content = json.loads(path.read_text())

        def change(value: object) -> object:
            if isinstance(value, dict):
                for name, item in value.items():
                    if type(item) in (int, float):
                        return {**value, name: "NUMBER"}
                    if (changed := change(item)) != item:
                        return {**value, name: changed}
            return value

        path.write_text(json.dumps(change(content)).replace('"NUMBER"', text))

    return damage


def sparse(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(10 * GIB)


def link(path: Path) -> None:
    secret = path.parent / ".secret"
    secret.write_text(SECRET)
    replaced(path, lambda place: place.symlink_to(secret))


def tensors(change: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        found = change(dict(safetensors.numpy.load(path.read_bytes())))
        path.write_bytes(safetensors.numpy.save(found, {"format": "loptscope-snapshot/1", "outer_step": "3"}))

    return damage


def header(change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        content = path.read_bytes()
        size = struct.unpack("<Q", content[:8])[0]
        made = json.dumps(change(json.loads(content[8 : 8 + size]))).encode()
        path.write_bytes(struct.pack("<Q", len(made)) + made + content[8 + size :])

    return damage


def filled(value: float) -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    return lambda found: {name: np.full_like(array, value) for name, array in found.items()}


ANY: dict[str, Callable[[Path], None]] = {
    "empty": lambda path: path.write_bytes(b"") and None,
    "torn": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]) and None,
    "noise": lambda path: path.write_bytes(os.urandom(4096)) and None,
    "another file": lambda path: path.write_text(SECRET) and None,
    "10 GiB of nothing": sparse,
    "a pipe": lambda path: replaced(path, os.mkfifo),
    "a folder": lambda path: replaced(path, Path.mkdir),
    "a link": link,
}
JSON = ANY | {
    "NaN": number("NaN"),
    "infinite": number("Infinity"),
    "an overflow": number("1e999"),
    "a huge number": number("9" * 5000),
    "a negative number": number("-1e300"),
    "a text": number('"x"'),
    "nested": lambda path: path.write_text("[" * 100_000) and None,
    "null": lambda path: path.write_text("null") and None,
}
TENSORS = ANY | {
    "NaN": tensors(filled(float("nan"))),
    "infinite": tensors(filled(float("inf"))),
    "near overflow": tensors(filled(3e38)),
    "other types": tensors(lambda found: {name: array.astype(np.float16) for name, array in found.items()}),
    "300,000 names": tensors(lambda found: found | {f"t{i}": np.zeros(1, np.float32) for i in range(300_000)}),
    "no metadata": header(lambda found: {**found, "__metadata__": None}),
    "metadata of numbers": header(lambda found: {**found, "__metadata__": {"format": 1}}),
    "a long header": lambda path: path.write_bytes(struct.pack("<Q", 2**62) + path.read_bytes()[8:]) and None,
}
LINES = ANY | {
    "no numbers": lambda path: path.write_text("outer_step\n" + "x\n" * 9) and None,
    "many lines": lambda path: path.write_bytes(b"\n" * 5_000_000) and None,
    "a long line": lambda path: path.write_bytes(b"9" * 10**7 + b"\n") and None,
    "numbers that are none": lambda path: path.write_text(path.read_text().replace("1", "nan")) and None,
}
FILES: dict[str, dict[str, Callable[[Path], None]]] = {
    "config.json": JSON,
    "status.json": JSON,
    "job.json": JSON,
    "label.json": JSON,
    "evaluation.json": JSON,
    "outer_loss.csv": LINES,
    "events.jsonl": LINES,
    "snapshots/000003.safetensors": TENSORS,
}
CASES = [(name, kind) for name, kinds in FILES.items() for kind in kinds]
PATHS = (
    "/api/library",
    "/api/library/own/mine",
    "/api/library/own/mine/weights",
    "/api/jobs",
    "/api/jobs/mine",
    "/api/jobs/mine/events",
    "/api/view.html?task=linear_regression&optimizer=mine",
)


def strict(text: str) -> object:
    """JSON without NaN."""

    def refuse(constant: str) -> object:
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.long
@pytest.mark.parametrize("name, kind", CASES, ids=[f"{name}: {kind}" for name, kind in CASES])
def test_a_damaged_file_is_one_sentence_and_breaks_nothing_else(
    client: FlaskClient, mine: Run, name: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    FILES[name][kind](mine.path / name)
    for path in PATHS:
        answer = client.get(path)
        assert answer.status_code < 500, (path, answer.text[:300])
        if answer.mimetype == "application/json":
            said = strict(answer.text)
            assert isinstance(said, dict)
            if answer.status_code >= 400:
                assert list(said) == ["error"] and "\n" not in said["error"]
        assert b"a-secret" not in answer.data
    listed = client.get("/api/library").json
    names = [entry["name"] for entry in listed["entries"]]
    assert "other" in names and ("mine" in names or any("mine" in sentence for sentence in listed["damaged"]))
    assert "other" in [job["id"] for job in client.get("/api/jobs").json["jobs"]]
    assert "other" in subjects("linear_regression")
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("name", ["status.json", "job.json", "evaluation.json"])
def test_one_bad_number_is_listed_as_damaged(client: FlaskClient, mine: Run, name: str) -> None:
    number("NaN")(mine.path / name)
    listed = strict(client.get("/api/library").text)
    assert isinstance(listed, dict)
    (sentence,) = listed["damaged"]
    assert name in sentence and "not finite" in sentence
    strict(client.get("/api/jobs").text)


def test_a_snapshot_that_goes_is_said_and_comes_back(client: FlaskClient, mine: Run) -> None:
    path = mine.path / "snapshots" / "000003.safetensors"
    query = "/api/view.html?task=linear_regression&optimizer=mine&outer_step=3"
    assert client.get(query).status_code == 200
    kept = path.read_bytes()
    path.unlink()
    gone = client.get(query)
    assert gone.status_code == 400 and "no snapshot at outer step" in gone.json["error"]
    path.write_bytes(kept)
    assert client.get(query).status_code == 200


def test_a_training_state_with_a_number_that_is_not_finite_is_not_resumed(tmp_path: Path) -> None:
    config = small_config(outer_steps=4, snapshots=2)
    run = train(tmp_path / "run", config, on_step=lambda step: step.outer_step < 2)
    path = run.path / "training_state.safetensors"
    metadata = run.training_state()[1]
    found = dict(safetensors.numpy.load(path.read_bytes()))
    found["theta.bias_ih"] = np.full_like(found["theta.bias_ih"], np.nan)
    path.write_bytes(safetensors.numpy.save(found, metadata))
    with pytest.raises(InputError, match=r"theta\.bias_ih contains a number that is not finite"):
        train(run.path, config, resume=True)
