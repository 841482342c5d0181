"""A recording in a real browser: from the Library to Explore, its steps and controls, and into the trash."""

import json
import urllib.request
from pathlib import Path

import pytest
import torch

from core.runs import trash
from tests.browser.conftest import Explorer
from tests.core.training_loop.loops import recorded


@pytest.mark.long
def test_from_the_library_to_explore_and_into_the_trash(
    explorer: Explorer, server_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(server_runs))
    recorded("seen", lambda model: torch.optim.Adam(model.parameters(), lr=0.01), 500, components=7)
    page = explorer.visit("library")
    link = page.get_by_role("link", name="Explore: seen").get_attribute("href")
    explorer.open(str(link).removeprefix("/"))
    assert explorer.page.evaluate("[loptscope.view.title, loptscope.steps]") == ["seen", 124]
    assert explorer.seek(40) == 40 and "One step here is 4 steps" in page.locator("#notice").inner_text()
    before = explorer.readout("rate")
    assert len(before) == 5 and all(float(value) > 0 for value in before.values())
    explorer.seek(80)
    assert explorer.readout("rate") != before
    page.wait_for_function("location.search === '?recording=seen&step=80'")
    explorer.after(
        lambda: page.evaluate("dash_clientside.set_props('recorded-window', { value: 'first' })"),
        "loptscope.steps === 200",
    )
    assert "window=first" in explorer.query and page.locator("#notice").inner_text() == ""
    explorer.visit("library")
    page.get_by_role("button", name="Delete seen").click()
    page.get_by_text("seen is in the trash.").wait_for()
    with urllib.request.urlopen(f"{explorer.address}/api/recordings") as answer:
        assert json.load(answer)["recordings"] == []
    assert trash.empty(server_runs) == 1
