"""The application as it is served."""

from pathlib import Path

import dash
import pytest
from dash import Dash
from flask.testing import FlaskClient

from app import server as module
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


def test_without_redis_the_cache_is_a_private_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setenv("LOPTSCOPE_CACHE", str(tmp_path / "deep" / "cache"))
    settings = module._cache_settings()
    assert settings["CACHE_TYPE"] == "FileSystemCache"
    assert settings["CACHE_DIR"] == str(tmp_path / "deep" / "cache")
    assert (tmp_path / "deep" / "cache").stat().st_mode & 0o777 == 0o700
    monkeypatch.delenv("LOPTSCOPE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert module._cache_settings()["CACHE_DIR"] == str(tmp_path / "home" / "loptscope")


def test_with_redis_the_cache_is_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://cache:6379/2")
    monkeypatch.setenv("LOPTSCOPE_CACHE", str(tmp_path / "unused"))
    settings = module._cache_settings()
    assert (settings["CACHE_TYPE"], settings["CACHE_REDIS_URL"]) == ("RedisCache", "redis://cache:6379/2")
    assert settings["CACHE_DEFAULT_TIMEOUT"] == 0
    assert not (tmp_path / "unused").exists()
