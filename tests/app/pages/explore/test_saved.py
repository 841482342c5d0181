"""A view as one file: everything is in it, and nothing in it can break out."""

import base64
import json
import re
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.pages.explore import saved
from app.pages.explore.bundles import bundle_bytes
from app.pages.explore.view import columns, parse

QUERY = "task=rosenbrock&compare=adam&step=30&panels=loss,update&theme=dark"


def data(page: str, name: str) -> dict[str, object]:
    found = re.search(f'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


@pytest.fixture(scope="module")
def page(server: Flask) -> str:
    with server.app_context():
        return saved.page(parse(QUERY)[0], "")


def test_it_asks_nobody(page: str) -> None:
    outside = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    outside = re.sub(r'<script type="application/json".*?</script>', "", outside, flags=re.DOTALL)
    assert not re.search(r"""(src|href)=|@import|url\((?!["']?data:|&quot;data:)""", outside.replace("&#x27;", "'"))
    assert 'data-mantine-color-scheme="dark"' in page


def test_the_bundles_of_all_columns_are_in_it(server: Flask, page: str) -> None:
    found = data(page, "saved-bundles")
    with server.app_context():
        wanted = {source.key: content for source, content in map(bundle_bytes, columns(parse(QUERY)[0]))}
    assert {key: base64.b64decode(str(text)) for key, text in found.items()} == wanted
    view = data(page, "saved-view")
    assert view["panels"] == ["loss", "update"]
    assert parse(str(view["link"]))[0] == replace(parse(QUERY)[0], step=0)


def test_it_is_sent_as_a_file(client: FlaskClient) -> None:
    answer = client.get("/api/view.html?task=rosenbrock&optimizer=adam&seed=3")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == 'attachment; filename="loptscope-rosenbrock-adam-seed3.html"'
    assert client.get("/api/view.html?task=nonsense").status_code == 400
