"""The HTTP interface to outer trainings."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.pages.explore.bundles import source_of
from app.pages.explore.view import parse
from app.shared.catalog import subjects
from app.shared.http import LARGEST_BODY
from core.jobs.queue import find, take_next, withdraw
from core.jobs.worker import execute
from core.optimizers.hand_designed import BASELINES
from core.runs import zoo
from core.runs.options import OPTIONS
from core.runs.trash import deleted
from tests.serving import Serving, wait_for

SMALL: dict[str, Any] = {
    "task": "linear_regression",
    "units": 4,
    "problems": 4,
    "unroll": 10,
    "outer_steps": 30,
    "snapshots": 4,
}


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs for each test."""
    path = tmp_path / "runs"
    path.mkdir()
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(path))
    return path


def made(root: Path) -> list[str]:
    """What there is in the folder of runs."""
    return sorted(path.name for path in root.iterdir() if not path.name.startswith("."))


def work() -> None:
    """As a worker would."""
    held = take_next("w")
    assert held is not None
    execute(held, "w", threads=1)


def test_a_run_from_submission_to_the_library(client: FlaskClient, root: Path) -> None:
    answer = client.post("/api/jobs", json=SMALL)
    assert answer.status_code == 201
    job = answer.json
    assert job["state"] == "queued" and answer.headers["Location"] == f"/api/jobs/{job['id']}"
    assert made(root) == [job["id"]]
    assert client.get("/api/jobs").json["queue"] == [job["id"]]
    assert job["id"] not in subjects("linear_regression")
    work()
    done = client.get(f"/api/jobs/{job['id']}").json
    assert (done["state"], done["outer_step"], done["settings"]["units"]) == ("finished", 30, 4)
    reported = client.get(f"/api/jobs/{job['id']}/events?after=0").json
    assert [event["state"] for event in reported["events"] if event["kind"] == "state"] == [
        "queued",
        "running",
        "finished",
    ]
    points = [
        step for event in reported["events"] if event["kind"] == "steps" for step in event["points"]["outer_step"]
    ]
    assert points == list(range(1, 31))
    rest = client.get(f"/api/jobs/{job['id']}/events?after={reported['events'][3]['seq']}").json
    assert rest["events"] == reported["events"][4:]
    known = subjects("linear_regression")
    assert known[job["id"]].snapshots == tuple(done["snapshots"]) and known[job["id"]].title.startswith("Own GRU-4")
    shown = [name for name, subject in known.items() if subject.repairs is None]
    assert shown[0] == "linear_regression-gru64" and shown[-len(BASELINES) :] == list(BASELINES)
    view = parse(f"task=linear_regression&optimizer={job['id']}&outer_step=30")[0]
    assert view.optimizer == job["id"]
    source = source_of(view)
    assert client.get(f"/api/bundles/{source.key}.safetensors?{source.query}").status_code == 200
    assert zoo.find_run(job["id"]).config.unroll == 10
    gone = client.post(f"/api/jobs/{job['id']}/delete").json
    assert gone["id"] == job["id"] and [run.id for run in deleted()] == [gone["trash"]]
    assert made(root) == [] and job["id"] not in subjects("linear_regression")
    assert client.post(f"/api/library/trash/{gone['trash']}/restore").json == {"name": job["id"]}
    assert made(root) == [job["id"]] and job["id"] in subjects("linear_regression")


def test_damaged_own_runs_do_not_break_the_catalogue(client: FlaskClient, root: Path) -> None:
    names = [client.post("/api/jobs", json=SMALL).json["id"] for _ in range(4)]
    for _ in names:
        work()
    (root / names[0] / "status.json").write_text("{")
    (root / names[1] / "config.json").write_text("{}")
    for path in (root / names[2] / "snapshots").iterdir():
        path.write_bytes(b"x")
    (root / names[3]).rename(root / "adam")  # a name that is taken
    known = subjects("linear_regression")
    assert set(names).isdisjoint(known) and known["adam"].run is None
    assert client.get("/").status_code == 200


def test_the_actions(client: FlaskClient) -> None:
    first, second = (client.post("/api/jobs", json=SMALL | {"seed": seed}).json["id"] for seed in (0, 1))
    assert client.post(f"/api/jobs/{second}/reorder", json={"place": 0}).status_code == 200
    listed = client.get("/api/jobs").json
    assert listed["queue"] == [second, first]
    assert {job["id"]: job["place"] for job in listed["jobs"]} == {first: 1, second: 0}
    refused = client.post(f"/api/jobs/{first}/delete")
    assert refused.status_code == 409 and "is queued: cancel or stop it" in refused.json["error"]
    assert client.post(f"/api/jobs/{first}/pause").json["state"] == "paused"
    assert client.post(f"/api/jobs/{first}/resume").json["state"] == "queued"
    assert client.post(f"/api/jobs/{first}/cancel").json["state"] == "cancelled"
    assert client.post(f"/api/jobs/{first}/reorder", json={"place": 0}).status_code == 409
    work()
    again = client.post(f"/api/jobs/{second}/restart", json={"outer_step": 30, "settings": {"learning_rate": 0.01}})
    assert again.status_code == 201
    assert again.json["start"] == {"run": second, "outer_step": 30}
    assert again.json["settings"]["learning_rate"] == 0.01
    assert f"--start {second}@30" in again.json["command"]
    assert client.post(f"/api/jobs/{second}/cancel").status_code == 409
    assert client.post(f"/api/jobs/{again.json['id']}/stop").json["state"] == "stopped"
    assert client.delete(f"/api/jobs/{first}").json["id"] == first
    assert client.get(f"/api/jobs/{first}").status_code == 404


def test_a_sweep(client: FlaskClient, root: Path) -> None:
    answer = client.post("/api/sweeps", json={"settings": SMALL, "axes": {"seed": [0, 1], "units": [2, 3]}})
    assert answer.status_code == 201 and len(answer.json["jobs"]) == 4
    listed = client.get(f"/api/jobs?sweep={answer.json['sweep']}").json["jobs"]
    shapes = [(job["settings"]["seed"], job["settings"]["units"]) for job in listed]
    assert sorted(shapes) == [(0, 2), (0, 3), (1, 2), (1, 3)]
    assert client.get("/api/jobs?sweep=other").json["jobs"] == []
    before = made(root)
    for axes in (
        {},
        {"seed": []},
        {"seed": 3},
        {"seed": "01"},
        {"seed": [0, -1]},
        {"x": [1]},
        {"seed": [*range(2000)]},
    ):
        refused = client.post("/api/sweeps", json={"settings": SMALL, "axes": axes})
        assert refused.status_code == 400 and list(refused.json) == ["error"]
    assert made(root) == before


def test_a_sweep_that_there_is_no_room_for_leaves_nothing(
    client: FlaskClient, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOPTSCOPE_MAX_QUEUE", "3")
    refused = client.post("/api/sweeps", json={"settings": SMALL, "axes": {"seed": [0, 1, 2, 3]}})
    assert refused.status_code == 429 and "the queue is full" in refused.json["error"]
    assert made(root) == []


def test_an_estimate(client: FlaskClient, root: Path) -> None:
    short, long = (client.post("/api/estimate", json=SMALL | {"outer_steps": n}).json for n in (100, 1000))
    assert short["seconds"] > 0 and long["seconds"] == pytest.approx(10 * short["seconds"])
    assert short["measured_problems"] == 4 and short["measured_unroll"] == 10 and short["measured_steps"] >= 1
    assert client.post("/api/estimate", json={"task": "chess"}).status_code == 400
    assert made(root) == []


def sent(body: bytes, kind: str = "application/json", **headers: str) -> dict[str, Any]:
    return {"data": body, "content_type": kind, "headers": headers}


HOSTILE: list[tuple[dict[str, Any], int]] = [
    (sent(b""), 400),
    (sent(b"{"), 400),
    (sent(b"[]"), 400),
    (sent(b"3"), 400),
    (sent(b"\xff\xfe"), 400),
    (sent(b"[" * 60_000), 400),
    (sent(b'{"task": "rosenbrock", "seed": ' + b"9" * 5000 + b"}"), 400),
    (sent(b'{"task": "rosenbrock", "learning_rate": NaN}'), 400),
    (sent(b'{"task": "rosenbrock"}', "text/plain"), 415),
    (sent(b"task=rosenbrock", "application/x-www-form-urlencoded"), 415),
    (sent(b" " * (LARGEST_BODY + 1)), 413),
    (sent(b'{"task": "rosenbrock"}', Origin="https://elsewhere.example"), 403),
    (sent(b'{"task": "rosenbrock"}', Origin="null"), 403),
    (sent(b'{"task": "rosenbrock"}', **{"Sec-Fetch-Site": "cross-site"}), 403),
    (sent(b'{"task": "rosenbrock"}', **{"Sec-Fetch-Site": "same-site"}), 403),
    ({"json": {}}, 400),
    ({"json": {"task": "chess"}}, 400),
    ({"json": {"task": 3}}, 400),
    ({"json": {"task": None}}, 400),
    ({"json": SMALL | {"units": 10_000}}, 400),
    ({"json": SMALL | {"units": "4"}}, 400),
    ({"json": SMALL | {"units": [4]}}, 400),
    ({"json": SMALL | {"outer_steps": -5}}, 400),
    ({"json": SMALL | {"outer_steps": 0}}, 400),
    ({"json": SMALL | {"outer_steps": 1e9}}, 400),
    ({"json": SMALL | {"cell": "transformer"}}, 400),
    ({"json": SMALL | {"nonsense": 1}}, 400),
    ({"json": SMALL | {"run": "/tmp/x"}}, 400),
    ({"json": SMALL | {"problems": 100_000, "unroll": 100_000}}, 400),
    ({"json": SMALL | {"task_parameters": {"parameters": 1000}, "problems": 100_000}}, 400),
    ({"json": {"task": "two_moons", "task_parameters": {"hidden": [1024] * 8, "points": 100_000}}}, 400),
    ({"json": SMALL | {"start": {"run": "../../../etc", "outer_step": 0}}}, 400),
    ({"json": SMALL | {"\x00": "<script>"}}, 400),
]


@pytest.mark.parametrize(("request_", "status"), HOSTILE)
def test_hostile_and_silly_submissions(client: FlaskClient, root: Path, request_: dict[str, Any], status: int) -> None:
    for path in ("/api/jobs", "/api/estimate"):
        answer = client.post(path, **request_)
        assert answer.status_code == status, answer.text
        assert list(answer.json) == ["error"] and "\n" not in answer.json["error"]
        assert 5 < len(answer.json["error"]) <= 400
    assert not list(root.iterdir())


@pytest.mark.parametrize(
    "name",
    ["nobody", "..", "../x", "..%2f..%2fetc%2fpasswd", "%2e%2e", "%2e%2e%2fx", ".lock", "%00", "x" * 3000, "a b", "é"],
)
def test_ids_that_are_none(client: FlaskClient, root: Path, name: str) -> None:
    (root.parent / "x").mkdir()
    for method, path in (
        ("get", ""),
        ("get", "/events?after=0"),
        ("delete", ""),
        *(("post", f"/{action}") for action in ("cancel", "pause", "resume", "stop", "delete", "restart")),
    ):
        answer = getattr(client, method)(f"/api/jobs/{name}{path}")
        assert 400 <= answer.status_code < 500 and list(answer.json) == ["error"], (method, path)
    assert client.post(f"/api/jobs/{name}/reorder", json={"place": 0}).status_code == 404
    assert (root.parent / "x").is_dir() and not list(root.iterdir())


def test_other_silly_requests(client: FlaskClient, root: Path) -> None:
    name = client.post("/api/jobs", json=SMALL).json["id"]
    for after in ("-1", "x", "1.5", "9" * 20, "٣"):
        assert client.get(f"/api/jobs/{name}/events?after={after}").status_code == 400
    assert client.post(f"/api/jobs/{name}/explode").status_code == 404
    assert client.post(f"/api/jobs/{name}/cancel", json={"hard": True}).status_code == 400
    assert client.post(f"/api/jobs/{name}/restart", json={"outer_step": "3"}).status_code == 400
    assert client.post(f"/api/jobs/{name}/restart", json={"settings": []}).status_code == 400
    assert client.post(f"/api/jobs/{name}/restart").status_code == 400  # no snapshot yet
    for place in (None, -1, "0", 1.5, True, 10**30):
        assert client.post(f"/api/jobs/{name}/reorder", json={"place": place}).status_code == 400
    assert client.put(f"/api/jobs/{name}").status_code in (404, 405)
    assert client.post(f"/api/jobs/{name}/cancel", headers={"Origin": "https://elsewhere.example"}).status_code == 403
    assert client.delete(f"/api/jobs/{name}", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert made(root) == [name] and find(name).status().state == "queued"


def test_the_same_origin_is_welcome(client: FlaskClient) -> None:
    ours = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/jobs", json=SMALL, headers=ours).status_code == 201


LIMITED: list[tuple[str, str, str]] = [
    ("UNITS", "3", "units must be at most 3 here (got 4)"),
    ("OUTER_STEPS", "29", "outer_steps must be at most 29 here (got 30)"),
    ("SIZE", "199", "problems · unroll · inner parameters must be at most 199 here (got 200)"),
    ("PROBLEM", "4", "data points of a problem must be at most 4 here (got 5)"),
    ("MEMORY_GB", "0.000001", "GiB of memory for an outer step must be at most 1e-06 here"),
    ("DISK_GB", "0.000001", "GiB on disk must be at most 1e-06 here"),
]


@pytest.mark.parametrize(("limit", "value", "words"), LIMITED)
def test_limits_from_the_environment(
    client: FlaskClient,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: str,
    words: str,
) -> None:
    monkeypatch.setenv(f"LOPTSCOPE_MAX_{limit}", value)
    for path in ("/api/jobs", "/api/estimate"):
        answer = client.post(path, json=SMALL)
        assert answer.status_code == 400 and words in answer.json["error"]
    assert not list(root.iterdir())


def test_room_in_the_queue_and_for_each_client(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPTSCOPE_MAX_RUNS_PER_CLIENT", "1")
    monkeypatch.setenv("LOPTSCOPE_MAX_QUEUE", "2")

    def submit(address: str) -> Any:
        return client.post(
            "/api/jobs", json=SMALL, environ_base={"REMOTE_ADDR": address}, headers={"X-Forwarded-For": "8.8.8.8"}
        )

    assert submit("10.0.0.1").status_code == 201
    refused = submit("10.0.0.1")
    assert refused.status_code == 429 and "at most 1 of your runs" in refused.json["error"]
    assert submit("10.0.0.2").status_code == 201
    refused = submit("10.0.0.3")
    assert refused.status_code == 429 and "the queue is full: at most 2" in refused.json["error"]


def test_a_full_disk_is_said(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.jobs.queue.note", full)
    answer = client.post("/api/jobs", json=SMALL)
    assert answer.status_code == 507 and "the disk is full" in answer.json["error"]


@pytest.fixture
def serving(root: Path, tmp_path: Path) -> Iterator[Serving]:
    """The dashboard, to be started."""
    made = Serving(root, tmp_path / "cache")
    yield made
    made.close()


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


@pytest.mark.long
def test_a_killed_web_server_loses_nothing(serving: Serving, root: Path) -> None:
    address = serving.address
    serving.start()
    serving.wait()
    job = ask(f"{address}/api/jobs", SMALL | {"outer_steps": 800})["id"]
    wait_for(lambda: ask(f"{address}/api/jobs/{job}")["outer_step"] > 20)
    seen = ask(f"{address}/api/jobs/{job}/events?after=0")
    serving.kill_server()
    before = find(job).status().outer_step
    second = serving.start()
    serving.wait()
    assert ask(f"{address}/api/jobs/{job}")["outer_step"] >= before
    wait_for(lambda: ask(f"{address}/api/jobs/{job}")["state"] == "finished")
    after, reported = seen["next"], seen["events"]
    while (answer := ask(f"{address}/api/jobs/{job}/events?after={after}"))["events"]:
        after, reported = answer["next"], reported + answer["events"]
    points = [step for event in reported if event["kind"] == "steps" for step in event["points"]["outer_step"]]
    assert points == list(range(1, 801))
    assert [event["state"] for event in reported if event["kind"] == "state"] == ["queued", "running", "finished"]
    wait_for(lambda: ask(f"{address}/api/jobs")["workers"] >= 1)
    second.terminate()
    second.wait(90)
    wait_for(lambda: not list((root / ".workers").iterdir()))  # its worker went with it


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(
    max_examples=150,
    database=None,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=st.dictionaries(st.sampled_from([*OPTIONS, "x"]), ANYTHING, min_size=1, max_size=2))
def test_no_settings_are_an_error_of_the_server(client: FlaskClient, changes: dict[str, Any]) -> None:
    answer = client.post("/api/jobs", data=json.dumps(SMALL | changes), content_type="application/json")
    assert answer.status_code in (201, 400)
    if answer.status_code == 201:
        withdraw(find(answer.json["id"]))
    else:
        assert list(answer.json) == ["error"]
