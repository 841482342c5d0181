"""Layouts that were asked for before are answered from memory, as long as nothing has changed that they depend on."""

import shutil
import sys
from pathlib import Path
from typing import Any

import dash
import pytest
from flask.testing import FlaskClient

from app.shared.kept_layouts import KeptBytes
from core.runs import zoo


def asking(search: str, path: str = "/") -> dict[str, Any]:
    """What a browser posts for the layout of a page."""
    return {
        "output": ".._pages_content.children..._pages_store.data..",
        "outputs": [
            {"id": "_pages_content", "property": "children"},
            {"id": "_pages_store", "property": "data"},
        ],
        "inputs": [
            {"id": "_pages_location", "property": "pathname", "value": path},
            {"id": "_pages_location", "property": "search", "value": search},
        ],
        "changedPropIds": ["_pages_location.pathname"],
    }


@pytest.fixture
def drawn(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The colour schemes of the views of Explore that are drawn."""
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path))
    (entry,) = (entry for entry in dash.page_registry.values() if entry["path"] == "/")
    page, found = sys.modules[entry["module"]], []
    draw = page.draw

    def counted(view: Any, scheme: str) -> Any:
        found.append(scheme)
        return draw(view, scheme)

    monkeypatch.setattr(page, "draw", counted)
    return found


def test_a_layout_is_drawn_once_for_what_it_depends_on(client: FlaskClient, drawn: list[str], tmp_path: Path) -> None:
    def ask(search: str = "?task=rosenbrock&seed=77") -> bytes:
        answer = client.post("/_dash-update-component", json=asking(search))
        assert answer.status_code == 200 and answer.mimetype == "application/json"
        assert "Content-Security-Policy" in answer.headers
        return bytes(answer.data)

    first = ask()
    assert ask() == first and drawn == [""]
    client.set_cookie("theme", "dark")
    dark = ask()
    assert dark != first and drawn == ["", "dark"] and ask() == dark
    shutil.copytree(zoo.ROOT / "rosenbrock-gru64", tmp_path / "mine")
    assert b"mine" in ask() and drawn == ["", "dark", "dark"]
    assert ask("?task=rosenbrock&seed=78") != dark and len(drawn) == 4
    assert ask("?task=rosenbrock&seed=78") and len(drawn) == 4


def test_other_pages_and_what_is_no_layout_are_left_alone(client: FlaskClient) -> None:
    for body in (asking("", "/guide"), {"output": 3}, [], {"output": "..x", "inputs": 4}):
        for _ in range(2):
            client.post("/_dash-update-component", json=body)
    assert client.get("/_dash-layout").status_code == 200


def test_bytes_are_bounded_and_those_asked_for_least_recently_go() -> None:
    kept = KeptBytes(10)
    kept.keep("a", b"aaaa")
    kept.keep("b", b"bbbb")
    assert kept.get("a") == b"aaaa"
    kept.keep("c", b"cccc")
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (b"aaaa", None, b"cccc")
    kept.keep("a", b"a" * 6)
    assert kept.get("a") == b"a" * 6 and kept.get("c") == b"cccc"
    kept.keep("d", b"d" * 11)
    assert kept.get("d") is None and kept.get("a") is not None
