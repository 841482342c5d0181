"""The application as it is served."""

import dash
import pytest
from dash import Dash
from flask.testing import FlaskClient

from app.shared.browser import ASSETS


@pytest.mark.parametrize("path", ["/", "/?task=rosenbrock", "/?task=nonsense&seed=<b>"])
def test_the_page_is_served(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.mimetype == "text/html"
    assert "<title>Loptscope" in response.text
    assert 'lang="en"' in response.text
    assert "<b>" not in response.text
    assert "http://" not in response.text.replace("http://localhost", "")
    assert "https://" not in response.text


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/nothing", "/assets/shared/stub.js", "/_dash-layout"])
def test_every_answer_has_the_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "http" not in policy


def test_nothing_is_in_debug_mode(app: Dash) -> None:
    assert not app.server.debug
    assert not app.server.testing
    assert not app._dev_tools.get("ui")
    assert app.config.serve_locally or app.scripts.config.serve_locally
    assert app.config.external_scripts == []
    assert app.config.external_stylesheets == []


def test_all_assets_are_served(client: FlaskClient) -> None:
    text = client.get("/").text
    paths = [
        path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*") if path.suffix in (".js", ".css", ".mjs")
    ]
    assert {"shared/stub.js", "shared/style.css", "explore/main.mjs", "train/main.mjs"} <= set(paths)
    for path in paths:
        assert text.count(f"/assets/{path}?") == 1  # a module that stood there twice would run twice
        assert client.get(f"/assets/{path}").status_code == 200


def test_the_first_page_is_explore(app: Dash) -> None:
    pages = {page["path"]: page for page in dash.page_registry.values()}
    assert pages["/"]["name"] == "Explore"
