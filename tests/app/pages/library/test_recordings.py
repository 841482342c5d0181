"""Recordings in the Library: listed, downloaded, named, deleted and restored."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from flask.testing import FlaskClient

import loptscope as ls
from tests.core.training_loop.loops import recorded


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs with one recording."""
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path))
    recorded("mine", lambda model: torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), 6, components=4)
    return tmp_path


def test_it_is_listed_beside_the_runs(client: FlaskClient, root: Path) -> None:
    found = client.get("/api/recordings").json
    (row,) = found["recordings"]
    assert (row["name"], row["optimizer"], row["model"], row["state"]) == ("mine", "SGD", "Sequential", "finished")
    assert (row["steps"], row["recorded"], row["components"], row["parameters"]) == (6, 6, 4, 53)
    assert found["damaged"] == [] and all(
        entry["name"] != "mine" for entry in client.get("/api/library").json["entries"]
    )
    (root / "mine" / "recording.json").write_text("{}")
    found = client.get("/api/recordings").json
    assert found["recordings"] == [] and "damaged" in found["damaged"][0]


def test_it_is_downloaded_as_a_table_and_as_arrays(client: FlaskClient) -> None:
    arrays = ls.open_recording("mine").arrays()
    answer = client.get("/api/recordings/mine/recording.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 24 and 'filename="mine.csv"' in answer.headers["Content-Disposition"]
    last = rows[-1]
    assert (int(last["step"]), float(last["learning_rate"])) == (5, 0.1)
    assert np.float32(last["update"]) == arrays.updates[-1, -1] and float(last["loss"]) == arrays.losses[-1]
    assert rows[0]["state momentum_buffer"] == "" and float(last["state momentum_buffer"]) == arrays.states[-1, -1, 0]
    stored = np.load(io.BytesIO(client.get("/api/recordings/mine/recording.npz").data))
    for name, values in vars(arrays).items():
        assert np.array_equal(stored[name], values, equal_nan=True)
    assert '"optimizer": "torch.optim.sgd.SGD"' in str(stored["about"])


def test_it_is_named_deleted_and_restored(client: FlaskClient) -> None:
    assert client.post("/api/recordings/mine/label", json={"title": "Digits", "note": "x"}).json["title"] == "Digits"
    identity = client.post("/api/recordings/mine/delete").json["trash"]
    assert client.get("/api/recordings").json["recordings"] == []
    (deleted,) = client.get("/api/library").json["trash"]
    assert (deleted["name"], deleted["title"]) == ("mine", "Digits")
    assert client.post(f"/api/library/trash/{identity}/restore").json == {"name": "mine"}
    assert client.get("/api/recordings").json["recordings"][0]["title"] == "Digits"


def test_what_does_not_exist_or_comes_from_elsewhere_is_refused(client: FlaskClient) -> None:
    for path in ("recording.csv", "recording.npz"):
        assert client.get(f"/api/recordings/nothing/{path}").status_code == 404
    assert client.post("/api/recordings/nothing/delete").status_code == 404
    assert client.post("/api/recordings/mine/delete", headers={"Origin": "http://elsewhere"}).status_code == 403
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters())
    with ls.record(optimizer, model, "going"):
        optimizer.step()
        refused = client.post("/api/recordings/going/delete")
    assert refused.status_code == 409
