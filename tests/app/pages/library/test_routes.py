"""The HTTP interface to the library."""

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
from flask.testing import FlaskClient

from app.shared.catalog import subjects
from app.shared.http import LARGEST_BODY
from core.jobs import measurements
from core.jobs.queue import submit
from core.runs import transfer as importing
from core.runs import zoo
from core.runs.run import Run
from core.runs.transfer import LARGEST, export_weights

SMALL = zoo.ROOT / "linear_regression-vanilla2"
FILE = "application/octet-stream"
IMPORT = "/api/library/weights?task=linear_regression&name=mine"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs for each test."""
    path = tmp_path / "runs"
    path.mkdir()
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(path))
    return path


@pytest.fixture
def mine(client: FlaskClient) -> str:
    """An imported run."""
    answer = client.post(IMPORT, data=export_weights(Run(SMALL)), content_type=FILE)
    assert answer.status_code == 201 and answer.json["origin"] == "imported"
    return str(answer.json["name"])


def own(client: FlaskClient) -> list[str]:
    return [entry["name"] for entry in client.get("/api/library").json["entries"] if entry["kind"] == "own"]


def test_the_list_is_sent_once(client: FlaskClient, mine: str) -> None:
    first = client.get("/api/library")
    assert len(first.json["entries"]) == 1 + len(zoo.entries()) and first.json["trash"] == []
    again = client.get("/api/library", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304 and not again.data
    client.post(f"/api/library/own/{mine}/label", json={"note": "x"})
    assert client.get("/api/library", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_a_title_shows_in_menus_and_lists_and_links_stay(client: FlaskClient, mine: str) -> None:
    response = client.post(f"/api/library/own/{mine}/label", json={"title": "My best", "note": "two units"})
    assert (response.json["title"], response.json["note"], response.json["name"]) == ("My best", "two units", mine)
    assert subjects("linear_regression")[mine].title == "My best"
    job = submit({"task": "rosenbrock", "units": 2})
    client.post(f"/api/library/own/{job.name}/label", json={"title": "Waits"})
    assert client.get("/api/jobs").json["jobs"][0]["title"] == "Waits"
    client.post(f"/api/library/own/{mine}/label", json={"title": ""})
    assert subjects("linear_regression")[mine].title == "Own RNN-2"


def test_deleting_and_undoing(client: FlaskClient, mine: str) -> None:
    gone = client.post(f"/api/library/own/{mine}/delete").json
    listed = client.get("/api/library").json
    assert (
        own(client) == [] and [run["id"] for run in listed["trash"]] == [gone["trash"]] and listed["trash_days"] == 30
    )
    assert mine not in subjects("linear_regression")
    assert client.post(f"/api/library/trash/{gone['trash']}/restore").json == {"name": mine}
    assert own(client) == [mine] and mine in subjects("linear_regression")
    client.post(f"/api/library/own/{mine}/delete")
    for program in ({}, {"Sec-Fetch-Site": "none"}):
        refused = client.post("/api/library/trash/empty", headers=program)
        assert refused.status_code == 403 and "only the Library page can delete for good" in refused.json["error"]
    page = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/library/trash/empty", headers=page).json == {"emptied": 1}
    assert client.get("/api/library").json["trash"] == []


def test_what_waits_cannot_be_deleted(client: FlaskClient) -> None:
    job = submit({"task": "rosenbrock", "units": 2})
    refused = client.post(f"/api/library/own/{job.name}/delete")
    assert (
        refused.status_code == 409
        and refused.json["error"] == f"{job.name} is queued: cancel or stop it before you delete it"
    )
    assert own(client) == [job.name]


def test_downloads(client: FlaskClient, root: Path) -> None:
    answer = client.get("/api/library/zoo/rosenbrock-gru64/weights")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="rosenbrock-gru64-001500.safetensors"'
    theta = safetensors.torch.load(answer.data)
    assert all(
        tensor.equal(theta[name]) for name, tensor in Run(zoo.ROOT / "rosenbrock-gru64").optimizer().theta.items()
    )
    assert b"rosenbrock" in answer.data[:4000]  # its configuration
    archive = client.get("/api/library/zoo/rosenbrock-gru64/run.zip")
    assert (
        archive.headers["Content-Disposition"] == 'attachment; filename="rosenbrock-gru64.zip"' and archive.is_streamed
    )
    with zipfile.ZipFile(io.BytesIO(archive.data)) as unzipped:
        assert (
            unzipped.read("rosenbrock-gru64/config.json")
            == (zoo.ROOT / "rosenbrock-gru64" / "config.json").read_bytes()
        )
    for step in ("77", "-1", "x", "9" * 30, ""):
        assert client.get(f"/api/library/zoo/rosenbrock-gru64/weights?outer_step={step}").status_code == 400
    waits = submit({"task": "rosenbrock", "units": 2})
    assert client.get(f"/api/library/own/{waits.name}/weights").status_code == 400
    assert client.get(f"/api/library/own/{waits.name}/run.zip").status_code == 200


BARE = safetensors.torch.save(Run(SMALL).optimizer().theta)
SHAPE = "&cell=vanilla&units=2&features=scaled&feature_scale=0.01&output_scale=10"


def test_weights_that_do_not_say_what_they_are(client: FlaskClient) -> None:
    refused = client.post(IMPORT, data=BARE, content_type=FILE)
    assert refused.status_code == 400 and "give at least its cell and its units" in refused.json["error"]
    response = client.post(IMPORT + SHAPE, data=BARE, content_type=FILE)
    assert response.status_code == 201 and client.get("/api/library/own/mine").json["command"] is None
    config = client.get("/api/library/own/mine").json["config"]
    assert config["architecture"] == Run(SMALL).config.architecture.model_dump()


BAD: list[tuple[str, dict[str, Any], int]] = [
    (IMPORT, {"data": b"", "content_type": FILE}, 400),
    (IMPORT, {"data": b"x" * 100, "content_type": FILE}, 400),
    (IMPORT, {"data": b"\xff" * 8, "content_type": FILE}, 400),
    (IMPORT, {"data": BARE, "content_type": "text/plain"}, 415),
    (IMPORT + "&cell=vanilla", {"data": BARE, "content_type": FILE}, 400),
    (IMPORT + "&cell=transformer&units=2", {"data": BARE, "content_type": FILE}, 400),
    (IMPORT + "&cell=gru&units=2", {"data": BARE, "content_type": FILE}, 400),
    (IMPORT + "&cell=vanilla&units=many", {"data": BARE, "content_type": FILE}, 400),
    (IMPORT + "&colour=red", {"data": BARE, "content_type": FILE}, 400),
    ("/api/library/weights?task=chess&name=mine" + SHAPE, {"data": BARE, "content_type": FILE}, 400),
    ("/api/library/weights?task=rosenbrock" + SHAPE, {"data": BARE, "content_type": FILE}, 400),
    ("/api/library/weights?name=mine" + SHAPE, {"data": BARE, "content_type": FILE}, 400),
    ("/api/library/weights?task=rosenbrock&name=../mine" + SHAPE, {"data": BARE, "content_type": FILE}, 400),
    ("/api/library/weights?task=rosenbrock&name=rosenbrock-gru64" + SHAPE, {"data": BARE, "content_type": FILE}, 400),
    (IMPORT + SHAPE, {"data": BARE, "content_type": FILE, "headers": {"Origin": "https://elsewhere.example"}}, 403),
    (IMPORT + SHAPE, {"data": BARE, "content_type": FILE, "headers": {"Sec-Fetch-Site": "cross-site"}}, 403),
]


@pytest.mark.parametrize(("path", "request_", "status"), BAD)
def test_bad_files_are_refused_and_nothing_is_made(
    client: FlaskClient, root: Path, path: str, request_: dict[str, Any], status: int
) -> None:
    answer = client.post(path, **request_)
    assert answer.status_code == status, answer.text
    assert list(answer.json) == ["error"] and "\n" not in answer.json["error"]
    assert not list(root.iterdir())


def test_sizes_and_numbers_are_limited(client: FlaskClient, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.pages.library.routes.LARGEST", len(BARE) - 1)
    assert importing.LARGEST == LARGEST
    refused = client.post(IMPORT + SHAPE, data=BARE, content_type=FILE)
    assert refused.status_code == 413 and "the body must be at most" in refused.json["error"]
    assert client.post(
        "/api/library/own/x/label", data=b" " * (LARGEST_BODY + 1), content_type="application/json"
    ).status_code in (404, 413)
    monkeypatch.undo()
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(root))
    monkeypatch.setenv("LOPTSCOPE_MAX_RUNS", "1")
    assert client.post(IMPORT + SHAPE, data=BARE, content_type=FILE).status_code == 201
    refused = client.post(IMPORT.replace("mine", "more") + SHAPE, data=BARE, content_type=FILE)
    assert refused.status_code == 429 and "at most 1 runs are kept here" in refused.json["error"]
    taken = client.post(IMPORT + SHAPE, data=BARE, content_type=FILE)
    assert taken.status_code in (400, 429) and own(client) == ["mine"]


@pytest.mark.parametrize(
    "name", ["nobody", "..", "../x", "..%2fx", "%2e%2e%2fx", ".bin", "%00", "x" * 3000, "a b", "é"]
)
def test_names_that_are_none(client: FlaskClient, root: Path, name: str) -> None:
    (root.parent / "x").mkdir()
    (root.parent / "x" / "config.json").write_text("{}")
    for method, path, body in (
        ("get", f"/api/library/own/{name}", None),
        ("get", f"/api/library/zoo/{name}", None),
        ("get", f"/api/library/nowhere/{name}", None),
        ("get", f"/api/library/own/{name}/weights", None),
        ("get", f"/api/library/own/{name}/run.zip", None),
        ("post", f"/api/library/own/{name}/label", {"title": "x"}),
        ("post", f"/api/library/own/{name}/delete", None),
        ("post", f"/api/library/zoo/{name}/delete", None),
        ("post", f"/api/library/trash/{name}/restore", None),
    ):
        answer = (
            client.open(path, method=method.upper(), json=body) if body else client.open(path, method=method.upper())
        )
        assert answer.status_code in (404, 405) and list(answer.json) == ["error"], (method, path, answer.status_code)
    assert not list(root.iterdir()) and (root.parent / "x" / "config.json").read_text() == "{}"


def test_the_zoo_is_read_only_and_bodies_are_checked(client: FlaskClient, mine: str) -> None:
    for action in ("label", "delete"):
        assert client.post(f"/api/library/zoo/rosenbrock-gru64/{action}").status_code in (404, 405)
        assert client.post(f"/api/library/own/rosenbrock-gru64/{action}", json={}).status_code == 404
    for body, status in ((b"{", 400), (b"[]", 400), (b'{"name": "x"}', 400), (b'{"title": 3}', 400), (b"", 415)):
        kind = "application/json" if body else ""
        assert client.post(f"/api/library/own/{mine}/label", data=body, content_type=kind).status_code == status
    assert client.post(f"/api/library/own/{mine}/label", json={"title": "x" * 81}).status_code == 400
    assert client.post(f"/api/library/own/{mine}/delete", json={"hard": True}).status_code == 400
    for path in (f"own/{mine}/delete", f"own/{mine}/label", "trash/empty"):
        assert client.post(f"/api/library/{path}", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert own(client) == [mine] and json.loads(client.get(f"/api/library/own/{mine}").data)["title"] == ""


def test_a_worker_is_asked_to_measure_a_run_and_the_list_says_how_far_it_is(
    client: FlaskClient, root: Path, mine: str
) -> None:
    nothing = {"evaluation": {}, "distillation": {}}
    before = client.get("/api/library").json
    assert before["measuring"] == before["not_measured"] == nothing
    for kind in measurements.KINDS:
        address = f"/api/library/own/{mine}/{kind}"
        assert client.post(address).status_code == 202
        assert client.post(address).status_code == 409
        assert client.get("/api/library").json["measuring"][kind] == {mine: "waiting"}
        assert measurements.change(root / mine, kind, state="running", progress="1 of 3")
        assert client.get("/api/library").json["measuring"][kind] == {mine: "1 of 3"}
        assert client.post(f"{address}/cancel").status_code == 200
        assert client.post(f"{address}/cancel").status_code == 409
        assert client.post(address).status_code == 202
        measurements.change(root / mine, kind, state="failed", message="no baseline is tuned")
    found = client.get("/api/library").json
    assert found["measuring"] == nothing
    assert found["not_measured"] == {key: {mine: "no baseline is tuned"} for key in measurements.KINDS}
    assert client.post("/api/library/own/nobody/evaluation").status_code == 404
    assert client.post("/api/library/zoo/linear_regression-gru64/evaluation").status_code == 404


def test_what_a_worker_has_measured_is_in_the_list(client: FlaskClient, root: Path, mine: str) -> None:
    run = Run(root / mine)
    zoo.write_evaluation(run, zoo.evaluate_run(run, problems=4))
    zoo.write_snapshot_scores(run, zoo.score_run_snapshots(run, problems=4))
    shutil.copy(zoo.ROOT / "linear_regression-gru64" / "distillation.json", root / mine)
    found = client.get("/api/library").json
    (row,) = [entry for entry in found["entries"] if entry["name"] == mine]
    assert row["held_out"]["problems"] == 4 and row["distilled"]
    subject = subjects("linear_regression")[mine]
    assert subject.held_out[subject.snapshots[-1]].mean == row["held_out"]["mean"]
