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
from app.shared.browser import ASSETS

KINDS = ("application/json", "importmap", "module")  # no script of a page has an address
QUERY = "task=rosenbrock&compare=adam&step=30&panels=loss,update&theme=dark"


def data(page: str, name: str) -> dict[str, object]:
    match = re.search(f'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert match
    return dict(json.loads(match[1]))


@pytest.fixture(scope="module")
def page(server: Flask) -> str:
    with server.app_context():
        return saved.page(parse(QUERY)[0], "")


def test_it_asks_nobody(page: str) -> None:
    outside = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert set(re.findall(r'<script type="[^"]*"', page)) == {f'<script type="{kind}"' for kind in KINDS}
    assert not re.search(r"""(src|href)=|@import|url\((?!["']?data:|&quot;data:)""", outside.replace("&#x27;", "'"))
    assert 'data-mantine-color-scheme="dark"' in page


def test_the_bundles_of_all_columns_are_in_it(server: Flask, page: str) -> None:
    bundles = data(page, "saved-bundles")
    with server.app_context():
        wanted = {source.key: content for source, content in map(bundle_bytes, columns(parse(QUERY)[0]))}
    assert {key: base64.b64decode(str(text)) for key, text in bundles.items()} == wanted
    view = data(page, "saved-view")
    assert view["panels"] == ["loss", "update"]
    assert parse(str(view["link"]))[0] == replace(parse(QUERY)[0], step=0)


def test_it_is_sent_as_a_file(client: FlaskClient) -> None:
    answer = client.get("/api/view.html?task=rosenbrock&optimizer=adam&seed=3")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == 'attachment; filename="loptscope-rosenbrock-adam-seed3.html"'
    assert client.get("/api/view.html?task=nonsense").status_code == 400


def test_its_modules_are_in_it(page: str) -> None:
    (import_map,) = re.findall(r'<script type="importmap">(.*?)</script>', page, re.DOTALL)
    held = {
        name: base64.b64decode(url.partition(",")[2]).decode()
        for name, url in json.loads(import_map)["imports"].items()
    }
    assert held["#explore/saved.mjs"] == (ASSETS / "explore/saved.mjs").read_text()
    assert {name for text in held.values() for name in re.findall(r'"(#[^"]+\.mjs)"', text)} <= set(held)
