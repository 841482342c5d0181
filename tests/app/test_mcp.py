"""What assistants may read: off by default, only with the token, from no other site, and only numbers."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.mcp import TOOLS, read_mechanisms, read_performance, read_view, token
from app.pages.explore.bundles import bundle_bytes
from app.pages.explore.view import parse
from core.bundle import Bundle
from core.errors import InputError

TOKEN = "a-token-of-some-length"
ASKING = """
import json, sys
from app.server import create_app
client = create_app().server.test_client()
for message, headers in json.load(sys.stdin):
    answer = client.post("/_mcp", headers=headers, **message)
    print(json.dumps([answer.status_code, answer.get_json(silent=True)]))
"""


def talk(messages: list[Any], known: str | None) -> list[Any]:
    """Answers of a dashboard of its own, since Dash's settings of the protocol are one for all applications."""
    import json  # noqa: PLC0415

    environment = {**os.environ, "LOPTSCOPE_MCP_TOKEN": known or ""}
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", ASKING],
        input=json.dumps(messages),
        env=environment,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


def rpc(method: str, **parameters: Any) -> dict[str, Any]:
    return {"json": {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}}


GOOD = {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.long
def test_only_who_knows_the_token_reads_and_only_numbers() -> None:
    call = rpc("tools/call", name="read_view", arguments={"link": "task=rosenbrock&optimizer=adam&step=7"})
    wrong = rpc("tools/call", name="read_view", arguments={"link": "task=nonsense"})
    answers = talk(
        [
            (rpc("tools/list"), GOOD),
            (call, GOOD),
            (wrong, GOOD),
            (rpc("resources/list"), GOOD),
            (rpc("tools/list"), {}),
            (rpc("tools/list"), {"Authorization": "Bearer another"}),
            (rpc("tools/list"), {**GOOD, "Origin": "http://elsewhere.example"}),
            (rpc("tools/list"), {**GOOD, "Sec-Fetch-Site": "cross-site"}),
            ({"json": [1, 2]}, GOOD),
            ({"data": "{", "content_type": "application/json"}, GOOD),
            ({"data": "x" * 70_000, "content_type": "application/json"}, GOOD),
        ],
        TOKEN,
    )
    assert [status for status, _ in answers] == [200, 200, 200, 200, 401, 401, 403, 403, 400, 400, 413]
    assert {tool["name"] for tool in answers[0][1]["result"]["tools"]} == set(TOOLS)
    assert all(len(tool["description"]) > 20 for tool in answers[0][1]["result"]["tools"])
    content = answers[1][1]["result"]["structuredContent"]["result"]
    assert (content["optimizer"], content["inner_step"]) == ("adam", 7)
    assert answers[2][1]["result"]["isError"] is True
    assert "unknown task 'nonsense'" in answers[2][1]["result"]["content"][0]["text"]
    assert answers[3][1]["result"]["resources"] == []
    assert all(list(body) == ["error"] for _, body in answers[4:])


def test_it_is_off_by_default(client: FlaskClient) -> None:
    answer = client.post("/_mcp", **rpc("tools/list"), headers=GOOD)
    assert answer.status_code in (404, 405)


def test_a_token_must_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPTSCOPE_MCP_TOKEN", "short")
    with pytest.raises(InputError, match="at least 16 characters"):
        token()
    monkeypatch.delenv("LOPTSCOPE_MCP_TOKEN")
    assert token() is None


def test_a_view_is_read_as_it_is_drawn(server: Flask) -> None:
    link = "task=rosenbrock&seed=2&step=31&components=2"
    with server.app_context():
        content = read_view(link)
        bundle = Bundle.decode(bundle_bytes(parse(link)[0])[1])
    assert content["losses"]["adam"] == pytest.approx(float(bundle.arrays["losses"][3, 31]))
    (component,) = content["components"]
    assert component["name"] == "y"
    for name, array in (("gradient", "gradient"), ("update", "applied"), ("effective_learning_rate", "rate")):
        np.testing.assert_allclose(component[name], bundle.arrays[array][1, 31])


def test_reports_and_evaluations(server: Flask) -> None:
    with server.app_context():
        report = read_mechanisms("linear_regression", "momentum")
        assert {"momentum", "clipping", "schedule", "adaptation"} <= set(report)
        with pytest.raises(InputError, match="unknown optimizer"):
            read_mechanisms("linear_regression", "nobody")
        with pytest.raises(InputError, match="no snapshot"):
            read_mechanisms("linear_regression", "linear_regression-gru64", 7)
    numbers = read_performance("linear_regression-gru64")
    assert numbers["optimizers"]["learned"]["meta_loss"]["mean"] < numbers["optimizers"]["adam"]["meta_loss"]["mean"]
    with pytest.raises(InputError, match="unknown optimizer"):
        read_performance("../etc")
