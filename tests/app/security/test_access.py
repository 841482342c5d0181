"""The token, and instances that change nothing."""

from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.security import access
from app.shared.read_only import read_only
from core.errors import InputError

TOKEN = "a-token-of-this-test"


@pytest.fixture
def client() -> FlaskClient:
    server = Flask("test")
    access.ask_for_token(server, TOKEN, open_paths=("/_mcp",))
    server.add_url_rule("/", view_func=lambda: f"page {access.is_known()}")
    server.add_url_rule("/healthz", "health", view_func=lambda: "ok")
    server.add_url_rule("/_mcp", "mcp", view_func=lambda: "its own token")
    server.add_url_rule("/api/x", "x", view_func=lambda: "done", methods=["POST", "GET"])
    return server.test_client()


def test_nobody_comes_in_without_it(client: FlaskClient) -> None:
    asked = client.get("/?task=rosenbrock&step=3", headers={"Accept": "text/html"})
    assert asked.status_code == 303 and asked.location == "/login?next=%2F%3Ftask%3Drosenbrock%26step%3D3"
    for refused in (client.get("/api/x"), client.post("/api/x"), client.get("/?token=wrong")):
        assert refused.status_code == 401 and "Authorization: Bearer TOKEN" in refused.json["error"]
    assert client.get("/healthz").status_code == client.get("/_mcp").status_code == 200
    assert client.post("/api/x", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_programs_send_it(client: FlaskClient) -> None:
    for kind in ("Bearer", "bearer", "token"):
        assert client.post("/api/x", headers={"Authorization": f"{kind} {TOKEN}"}).text == "done"
    assert "Set-Cookie" not in client.get("/", headers={"Authorization": f"Bearer {TOKEN}"}).headers


def test_the_printed_link_logs_in_and_leaves_no_token_in_the_address(client: FlaskClient) -> None:
    entered = client.get(f"/?task=rosenbrock&token={TOKEN}")
    assert entered.status_code == 303 and entered.location == "/?task=rosenbrock"
    cookie = entered.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and TOKEN not in cookie
    assert client.get("/").text == "page True" and client.post("/api/x").text == "done"


def test_the_page_logs_in(client: FlaskClient) -> None:
    assert 'type="password"' in client.get("/login?next=/train").text
    wrong = client.post("/login?next=/train", data={"token": "wrong"})
    assert wrong.status_code == 403 and "That is not the token" in wrong.text
    evil = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert client.post("/login", data={"token": TOKEN}, headers=evil).status_code == 403
    entered = client.post("/login?next=/train", data={"token": TOKEN})
    assert entered.status_code == 303 and entered.location == "/train"


@pytest.mark.parametrize(
    "address", ["//evil.example", "http://evil.example/", "/\\evil.example", "javascript:x", "x", "/\n"]
)
def test_a_login_leads_nowhere_else(client: FlaskClient, address: str) -> None:
    entered = client.post("/login", query_string={"next": address}, data={"token": TOKEN})
    assert entered.location == "/" and urlsplit(entered.location).netloc == ""


def test_a_forged_cookie_does_not_help(client: FlaskClient) -> None:
    client.set_cookie("loptscope", "eyJpbiI6dHJ1ZX0.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb")
    assert client.get("/api/x").status_code == 401


def test_settings_that_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPTSCOPE_TOKEN", "short")
    with pytest.raises(InputError, match="at least 16 characters"):
        access.token()
    monkeypatch.setenv("LOPTSCOPE_READ_ONLY", "yes")
    with pytest.raises(InputError, match="must be 0 or 1"):
        read_only()


def test_a_read_only_instance_changes_nothing() -> None:
    server = Flask("test")
    access.forbid_changes(server)
    server.add_url_rule("/api/x", "x", view_func=lambda: "done", methods=["GET", "POST", "DELETE"])
    server.add_url_rule("/_dash-update-component", "dash", view_func=lambda: "drawn", methods=["POST"])
    client = server.test_client()
    assert client.get("/api/x").text == "done" and client.post("/_dash-update-component").text == "drawn"
    for refused in (client.post("/api/x"), client.delete("/api/x")):
        assert refused.status_code == 403 and "this instance is read-only" in refused.json["error"]
