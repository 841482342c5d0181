"""One application for all tests of the dashboard, with a cache of its own, and one bundle for each task and subject."""

import os
from collections.abc import Iterator

import pytest
from dash import Dash
from flask import Flask
from flask.testing import FlaskClient

from app.pages.explore.bundles import bundle_bytes
from app.pages.explore.view import View, parse
from core.bundle import Bundle
from core.tasks import TASKS


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dash]:
    """The application, caching in a temporary folder."""
    kept = {name: os.environ.pop(name, None) for name in ("LOPTSCOPE_CACHE", "REDIS_URL")}
    os.environ["LOPTSCOPE_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    from app.server import create_app  # noqa: PLC0415 - after the environment is set

    yield create_app()
    del os.environ["LOPTSCOPE_CACHE"]
    os.environ.update({name: value for name, value in kept.items() if value is not None})


@pytest.fixture(scope="session")
def server(app: Dash) -> Flask:
    """Its WSGI server."""
    return app.server


@pytest.fixture
def client(server: Flask) -> FlaskClient:
    """Asks it as a browser would."""
    return server.test_client()


class Shown:
    """One view and its bundle."""

    def __init__(self, server: Flask, query: str):
        self.view: View = parse(query)[0]
        with server.app_context():
            self.source, self.content = bundle_bytes(self.view)
        self.bundle = Bundle.decode(self.content)


QUERIES = [f"task={task}{rest}" for task in TASKS for rest in ("", "&optimizer=adam")]


@pytest.fixture(scope="session", params=QUERIES)
def shown(request: pytest.FixtureRequest, server: Flask) -> Shown:
    """The default learned optimizer and a hand-designed one on every task."""
    return Shown(server, request.param)
