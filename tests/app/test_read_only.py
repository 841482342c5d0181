"""A read-only instance shows nothing that starts, imports, changes or deletes."""

import sys
from collections.abc import Iterator
from typing import Any

import dash
import pytest
from dash import Dash

from app.pages.mechanisms.claims import Verdict
from app.shared.browser import browser_tables
from app.shared.pages import PAGES
from app.shared.read_only import SENTENCE
from core.mechanisms.claims import Claim

CHANGES = {  # ids and acts of what is there otherwise
    "train": {"train-go", "pause", "resume", "stop", "cancel", "delete"},
    "library": {"library-import-card", "library-import"},
}


@pytest.fixture
def layouts(app: Dash, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Lays out a page; its ids, acts and texts."""

    def lay_out(name: str) -> tuple[set[str], str]:
        (entry,) = (entry for entry in dash.page_registry.values() if entry["path"] == PAGES[name].path)
        with app.server.test_request_context():
            made = entry["layout"]()
        parts = list(made._traverse())
        found = {str(part.id) for part in parts if getattr(part, "id", None)}
        found |= {vars(part)["data-act"] for part in parts if "data-act" in getattr(part, "__dict__", {})}
        return found, " ".join(part for part in parts if isinstance(part, str)) + str(made)

    return lay_out


@pytest.mark.parametrize("name", PAGES)
def test_no_page_shows_what_is_refused(layouts: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before, _ = layouts(name)
    assert before >= CHANGES.get(name, set())
    monkeypatch.setenv("LOPTSCOPE_READ_ONLY", "1")
    after, text = layouts(name)
    assert not after & CHANGES.get(name, set())
    assert before - after == CHANGES.get(name, set()) | ({"train-estimate"} if name == "train" else set())
    assert (f"{SENTENCE.capitalize()}." in text) == (name == "train")


def test_untrained_optimizers_are_not_measured(app: Dash, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = (entry for entry in dash.page_registry.values() if entry["path"] == PAGES["mechanisms"].path)
    page = sys.modules[entry["module"]]
    missing = Verdict(
        Claim(verdict="unknown", value=None, effect=0.1), "momentum: it cannot be told", null_missing=True
    )
    assert [type(part).__name__ for part in page.claim_parts(missing, None, 0)] == ["Span", "Span", "Button"]
    monkeypatch.setenv("LOPTSCOPE_READ_ONLY", "1")
    assert [type(part).__name__ for part in page.claim_parts(missing, None, 0)] == ["Span", "Span"]


def test_the_browser_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert browser_tables()["readOnly"] is False
    monkeypatch.setenv("LOPTSCOPE_READ_ONLY", "1")
    assert browser_tables()["readOnly"] is True
