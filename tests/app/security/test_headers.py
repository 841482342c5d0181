"""What every answer tells the browser to refuse."""

import base64
import hashlib
import re

import pytest
from flask.testing import FlaskClient

from app.security.headers import hashes


def test_hashes_are_those_of_scripts_that_run() -> None:
    page = '<script>a()</script><script src="/x.js"></script><script type="application/json">{}</script><script type="importmap">{}</script>'
    digests = [base64.b64encode(hashlib.sha256(text).digest()).decode() for text in (b"a()", b"{}")]
    assert hashes(page) == [f"'sha256-{digest}'" for digest in digests]


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/nothing", "/nowhere", "/assets/nothing.js", "/_dash-layout"])
def test_every_answer_has_them_errors_too(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["Referrer-Policy"] == "same-origin" and headers["X-Content-Type-Options"] == "nosniff"
    scripts = re.search(r"script-src ([^;]*)", headers["Content-Security-Policy"])
    assert scripts is not None and "unsafe" not in scripts[1] and "blob:" not in scripts[1]


def test_every_inline_script_of_a_page_may_run(client: FlaskClient) -> None:
    answer = client.get("/")
    found = hashes(answer.text)
    assert len(found) >= 3 and all(source in answer.headers["Content-Security-Policy"] for source in found)


@pytest.mark.parametrize(
    "path", ["/api/view.html?seed=1", "/api/jobs", "/api/library", "/_dash-layout", "/api/bundles/x.safetensors"]
)
def test_whatever_computes_or_tells_of_runs_is_for_its_own_pages(client: FlaskClient, path: str) -> None:
    for foreign in (
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null"},
    ):
        refused = client.get(path, headers=foreign)
        assert refused.status_code == 403 and "other sites' pages" in refused.json["error"]
    body = {"output": "x.y", "inputs": []}
    assert (
        client.post("/_dash-update-component", json=body, headers={"Origin": "http://evil.example"}).status_code == 403
    )


def test_a_link_from_another_site_opens_a_page(client: FlaskClient) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client.get("/?task=rosenbrock", headers=link).status_code == 200
