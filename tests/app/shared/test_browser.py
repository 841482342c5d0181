"""What the browser is handed: modules under addresses that may be cached for ever, and the tables it goes by."""

import importlib
import json
import re
from typing import Any

import pytest
from dash import Dash
from flask.testing import FlaskClient
from plotly.offline import get_plotlyjs

from app.shared.browser import ASSETS, FLAT, IMPORT, browser_tables, data_map, json_script, versions
from core.runs.states import STATES

PAGES = ("explore", "mechanisms", "performance", "train", "runs", "library", "guide")


def embedded(text: str, attribute: str) -> Any:
    """JSON of a script in a page."""
    (content,) = re.findall(f"<script [^>]*{attribute}[^>]*>(.*?)</script>", text, re.DOTALL)
    return json.loads(content)


def test_every_module_is_cached_for_ever_under_the_address_of_its_content(client: FlaskClient) -> None:
    addresses = embedded(client.get("/").text, 'type="importmap"')["imports"]
    assert set(addresses) == {f"#{path.relative_to(ASSETS).as_posix()}" for path in ASSETS.rglob("*.mjs")}
    for name, address in addresses.items():
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.mimetype in ("text/javascript", "application/javascript")
        assert answer.data == (ASSETS / name[1:]).read_bytes()
        assert "immutable" in answer.headers["Cache-Control"]
    for stale in (address.partition("?")[0], address.replace("?v=", "?v=0")):
        assert "immutable" not in client.get(stale).headers["Cache-Control"]


def test_modules_import_each_other_by_names_of_the_map() -> None:
    for path in versions():
        named = IMPORT.findall((ASSETS / path).read_text())
        assert all(name[0] == "#" and name[1:] in versions() for name in named), path


def test_a_page_without_a_server_holds_what_its_entry_needs_and_nothing_else() -> None:
    held = data_map("explore/saved.mjs")["imports"]
    assert {"#explore/saved.mjs", "#explore/marks.mjs", "#shared/numbers.mjs"} <= set(held)
    assert not any(name.startswith(("#train/", "#library/")) or name == "#shared/dash.mjs" for name in held)


@pytest.mark.parametrize("page", PAGES)
def test_the_browser_leaves_out_what_an_empty_link_says(app: Dash, page: str) -> None:
    entry = browser_tables()["pages"][page]
    module = importlib.import_module(f"app.pages.{page}.view")
    view, _ = module.LINKS.parse("")
    assert entry["link"] == {name: module.FIELDS[name].write(getattr(view, name)) for name in entry["link"]}
    assert entry["module"].removeprefix("#") in versions()


def test_the_states_of_runs_are_the_ones_of_the_queue(client: FlaskClient) -> None:
    states = embedded(client.get("/runs").text, 'id="loptscope-tables"')["states"]
    assert {name: (set(row["allows"]), row["over"], row["kept"]) for name, row in states.items()} == {
        name: (set(row.allows), row.over, row.kept) for name, row in STATES.items()
    }


def test_nothing_inside_a_script_ends_it() -> None:
    text = json_script("application/json", {"said": "</script><b>"}, id="x")
    assert text.count("<") == 2
    assert embedded(text, 'id="x"') == {"said": "</script><b>"}


def test_the_part_of_plotly_is_of_the_same_version_as_the_whole(client: FlaskClient) -> None:
    part, whole = (re.search(r"v(\d+\.\d+\.\d+)", text[:200]) for text in ((ASSETS / FLAT).read_text(), get_plotlyjs()))
    assert part is not None and whole is not None and part[1] == whole[1], "see assets/vendor/README.md"
    (address,) = re.findall(rf'"([^"]*/{FLAT}[^"]*)"', client.get("/").text)
    assert "immutable" in client.get(address).headers["Cache-Control"]


def test_only_pages_without_three_dimensions_load_the_part_of_plotly() -> None:
    assert {name: page["draws"] for name, page in browser_tables()["pages"].items() if page["draws"] != "plane"} == {
        "mechanisms": "space",
        "library": "",
    }
