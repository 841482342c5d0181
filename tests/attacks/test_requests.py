"""Requests to every route and every callback, made up by hypothesis: a 4xx with one sentence, never a traceback."""

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from dash import Dash
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from core.runs.transfer import LARGEST

LONGEST = 5.0  # seconds of the processor: whatever takes longer could be used to keep others waiting
PATIENCE = 60.0  # seconds in all, on a machine that has much else to do
FUZZ = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
NAMES = [
    "rosenbrock",
    "linear_regression",
    "two_moons",
    "adam",
    "mine",
    "zoo",
    "own",
    "",
    ".",
    "..",
    "%00",
    "x" * 300,
    "\ud800",
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**400), 10**400),
    st.floats(),
    st.sampled_from(NAMES),
    st.text(max_size=30),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=9,
)


@pytest.fixture(autouse=True)
def _own_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path / "runs"))


@pytest.fixture(autouse=True)
def _no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.WARNING)
    yield
    assert not [record for record in caplog.records if record.exc_info]


def checked(ask: Any) -> TestResponse:
    """An answer that is no failure of the server, and came in time."""
    began, worked = time.monotonic(), time.thread_time()
    answer: TestResponse = ask()
    assert answer.status_code < 500, (answer.status_code, answer.text[:300])
    assert time.thread_time() - worked < LONGEST and time.monotonic() - began < PATIENCE
    if answer.status_code >= 400 and answer.mimetype == "application/json" and answer.data:  # HEAD has none
        said = json.loads(answer.text)
        assert list(said) == ["error"] and "\n" not in said["error"] and len(said["error"]) <= 400
    return answer


def dumped(value: Any) -> str:
    """JSON as a browser would send it, or NaN and lone surrogates as an attacker would."""
    return json.dumps(value)


def address(text: str) -> str:
    return quote(text, safe="/?&=%", errors="surrogatepass")


@pytest.mark.long
@FUZZ
@given(data=st.data())
def test_every_route(client: FlaskClient, app: Dash, data: st.DataObject) -> None:
    rules = sorted(
        (rule for rule in app.server.url_map.iter_rules() if "_mcp" not in rule.rule), key=lambda rule: rule.rule
    )
    rule = data.draw(st.sampled_from(rules))
    path = rule.rule
    for name in rule.arguments:
        piece = data.draw(st.sampled_from(NAMES) | st.text(max_size=40))
        for form in (f"<{name}>", f"<path:{name}>", f"<any(zoo, own):{name}>", f"<string:{name}>"):
            path = path.replace(form, piece)
    query = data.draw(
        st.dictionaries(
            st.sampled_from(["task", "optimizer", "seed", "after", "skip", "step", "name", "v"]), SCALARS, max_size=4
        )
    )
    method = data.draw(st.sampled_from(sorted((rule.methods or set()) - {"OPTIONS"})))
    body = data.draw(st.one_of(st.binary(max_size=200), VALUES.map(lambda value: dumped(value).encode())))
    kind = data.draw(st.sampled_from(["application/json", "text/plain", "application/octet-stream", ""]))
    made = address(path) + "?" + "&".join(f"{name}={address(str(value)[:300])}" for name, value in query.items())
    checked(lambda: client.open(made, method=method, data=body, content_type=kind))


@pytest.mark.long
@FUZZ
@given(data=st.data())
def test_every_callback(client: FlaskClient, app: Dash, data: st.DataObject) -> None:
    client.get("/_dash-layout")  # the pages' own callbacks are made with the first request
    listed = client.get("/_dash-dependencies").json
    chosen = data.draw(st.sampled_from([one for one in listed if not one["clientside_function"]]))

    def valued(parts: list[dict[str, str]]) -> list[Any]:
        return [{"id": part["id"], "property": part["property"], "value": data.draw(VALUES)} for part in parts]

    body = {
        "output": chosen["output"],
        "outputs": data.draw(st.one_of(VALUES, st.just({"id": "x", "property": "y"}))),
        "inputs": valued(chosen["inputs"]),
        "state": valued(chosen["state"]),
        "changedPropIds": data.draw(VALUES),
    }
    for name in data.draw(st.sets(st.sampled_from(list(body)), max_size=2)):
        body[name] = data.draw(VALUES)
    checked(lambda: client.post("/_dash-update-component", data=dumped(body), content_type="application/json"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"NaN",
        b"[" * 100_000,
        b'{"output": 1}',
        b'{"output": "x.y", "inputs": 3}',
        b"\xff",
        b'"x"',
    ],
)
def test_bodies_that_are_no_callback(client: FlaskClient, body: bytes) -> None:
    answer = checked(lambda: client.post("/_dash-update-component", data=body, content_type="application/json"))
    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize(
    "path",
    [
        "/assets/%00",
        "/assets/../app/server.py",
        "/assets/%2e%2e/app/server.py",
        "/assets/" + "x" * 5000,
        "/_dash-component-suites/os/path.py",
        "/_dash-component-suites/dash/%00.js",
        "/_dash-component-suites/../x",
        "/_dash-nothing",
        "/%ff%fe",
    ],
)
def test_paths_that_lead_nowhere(client: FlaskClient, path: str) -> None:
    assert checked(lambda: client.get(path)).status_code in (400, 404)


@pytest.mark.long
@pytest.mark.parametrize("size", [LARGEST + 1, 100 * 2**20])
def test_uploads_that_are_too_large(client: FlaskClient, size: int) -> None:
    answer = checked(
        lambda: client.post(
            "/api/library/weights?task=rosenbrock&name=x", data=b"\0" * size, content_type="application/octet-stream"
        )
    )
    assert answer.status_code == 413


@pytest.mark.parametrize("name", ["tuned", "nulls", "learned", "adam", ".hidden", "../x", ""])
def test_names_that_are_taken(client: FlaskClient, name: str) -> None:
    answer = client.post(
        "/api/library/weights",
        query_string={"task": "rosenbrock", "name": name},
        data=b"x",
        content_type="application/octet-stream",
    )
    assert answer.status_code == 400
