"""Optimizers side by side: columns that move together, on common scales, and come and go with the controls."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from core.bundle import Bundle
from tests.browser.conftest import PANELS, Explorer

LINK = "?compare=linear_regression-lstm64@0,adam&seed=3&step=40&baselines=none"
PICTURE = "(id) => document.querySelector(`#${id} canvas.over`).toDataURL()"
RANGES = """(id) => { const { xaxis, yaxis } = document.querySelector(`#${id} .js-plotly-plot`)._fullLayout;
return [xaxis.range, yaxis.range, yaxis.type]; }"""


def panel_id(name: str, column: int) -> str:
    return f"{name}-panel" + (f"-{column + 1}" if column else "")


@pytest.fixture
def compared(explorer: Explorer) -> Explorer:
    return explorer.open(LINK)


@pytest.mark.long
def test_every_panel_of_every_column_follows_the_step(compared: Explorer) -> None:
    page = compared.page
    ids = [panel_id(name, column) for column in range(3) for name in PANELS]
    before = {one: page.evaluate(PICTURE, one) for one in ids}
    asked = list(compared.requests)
    compared.seek(90)
    after = {one: page.evaluate(PICTURE, one) for one in ids}
    assert [one for one in ids if before[one] == after[one]] == []
    page.wait_for_timeout(300)
    assert compared.requests == asked
    heads = page.locator(".column-head h2").all_inner_texts()
    assert heads == ["Learned GRU-64 (seed 0), outer step 1,500", "Learned LSTM-64, outer step 0", "Adam"]
    names = page.locator(f"#{panel_id('loss', 1)} .readout .chip").all_inner_texts()
    assert len(names) == 3 and all(any(head in name for name in names) for head in heads)  # every entry has its name

    scales_are_the_same_and_columns_are_in_line(page)
    compared.seek(40)
    readouts_are_each_columns_own(compared)


def scales_are_the_same_and_columns_are_in_line(page: Page) -> None:
    """The axes of all columns, but those of the state space."""
    for name in PANELS:
        if name != "state":
            first, *others = (page.evaluate(RANGES, panel_id(name, column)) for column in range(3))
            shared = slice(0, 1) if name == "gradient" else slice(None)  # each column has its own density
            assert all(one[shared] == first[shared] for one in others), name
        boxes = [page.locator(f"#{panel_id(name, column)}").bounding_box() for column in range(3)]
        assert len({(box["y"], box["height"]) for box in boxes if box}) == 1
        assert len({box["x"] for box in boxes if box}) == 3


def readouts_are_each_columns_own(compared: Explorer) -> None:
    """What the chips of the columns beside the first say."""
    page = compared.page
    compared.hold(numbers="#shared/numbers.mjs")
    for column in (1, 2):
        view = page.evaluate(f"loptscope.view.beside[{column - 1}]")
        bundle = Bundle.decode(page.request.get(compared.address + view["bundle"]).body())
        said = page.locator(f"#{panel_id('gradient', column)} .chip[data-component] b").all_inner_texts()
        wanted = page.evaluate(
            "(values) => values.map(numbers.fixedWidth)",
            [float(bundle.arrays["gradient"][one["index"], 40]) for one in view["components"]],
        )
        assert said == wanted


@pytest.mark.long
def test_they_come_and_go_with_the_controls(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock").page
    column = "document.querySelectorAll('.column-head').length === {}"
    set_value = "([id, value]) => dash_clientside.set_props(id, { value })"
    explorer.after(lambda: page.evaluate(set_value, ["compare-1", "rosenbrock-gru64"]), column.format(0))
    page.wait_for_function("document.querySelector('#notice').textContent.includes('is chosen already')")
    explorer.after(lambda: page.evaluate(set_value, ["compare-step-1", "0"]), column.format(2))
    assert "compare=rosenbrock-gru64@0" in explorer.query
    assert page.locator("#notice").inner_text() == ""
    explorer.after(lambda: page.evaluate(set_value, ["compare-2", "adam"]), column.format(3))
    assert "compare=rosenbrock-gru64@0,adam" in explorer.query
    explorer.after(lambda: page.evaluate(set_value, ["compare-1", None]), column.format(2))
    assert "compare=adam" in explorer.query
    explorer.after(lambda: page.evaluate(set_value, ["compare-2", None]), column.format(0))
    assert page.locator("#beside .panel").count() == 0
    explorer.after(lambda: page.evaluate(set_value, ["compare-1", "adam"]), column.format(2))
    change = "loptscope.view.query.startsWith('task=two_moons')"
    explorer.after(lambda: page.evaluate(set_value, ["task", "two_moons"]), change)
    assert page.locator("#beside .panel").count() == 0


def test_panels_are_chosen_and_the_link_brings_them_back(explorers: Callable[..., Explorer]) -> None:
    explorer = explorers().open("?panels=state,rate&compare=adam")
    page = explorer.page
    seen = "[...document.querySelectorAll('#board .panel:not([data-hidden])')].map((one) => one.id)"
    assert page.evaluate(seen) == ["state-panel", "rate-panel", "state-panel-2", "rate-panel-2"]
    show: Any = "dash_clientside.set_props('panels-shown', { value: ['loss', 'rate'] })"
    explorer.after(lambda: page.evaluate(show), "location.search.includes('panels=loss,rate')")
    assert page.evaluate(seen) == ["loss-panel", "rate-panel", "loss-panel-2", "rate-panel-2"]
    before = page.evaluate(PICTURE, "loss-panel-2")
    explorer.seek(77)
    assert page.evaluate(PICTURE, "loss-panel-2") != before


@pytest.mark.long
def test_four_in_the_dark_on_a_small_screen(explorers: Callable[..., Explorer]) -> None:
    link = "?task=two_moons&compare=adam,momentum,rmsprop&baselines=none&theme=dark&panels=loss,landscape"
    explorer = explorers(width=1024, height=700).open(link)
    page = explorer.page
    assert page.locator(".column-head").count() == 4
    fields = [page.evaluate(PICTURE, panel_id("landscape", column)) for column in range(4)]
    assert len(set(fields)) == 4
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
