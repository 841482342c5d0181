"""When the server cannot be reached, the page says so, and goes on once it can."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import Explorer


@pytest.mark.long
def test_a_bundle_that_does_not_come_is_said_and_can_come_later(explorers: Callable[..., Explorer]) -> None:
    explorer = explorers(fresh=True)
    page = explorer.page
    page.route("**/api/bundles/**", lambda route: route.abort())
    explorer.visit("?task=rosenbrock")
    page.wait_for_function("document.querySelector('#notice')?.innerText.includes('could not be loaded')")
    page.unroute("**/api/bundles/**")
    assert [text for text in explorer.complaints if "ERR_FAILED" not in text] == []
    explorer.complaints.clear()
    page.get_by_label("Problem seed").fill("2")
    page.wait_for_function("loptscope.steps === 200")
    explorer.settle()
    assert page.locator("#notice").inner_text() == ""
    assert explorer.query == "task=rosenbrock&seed=2"
    assert explorer.seek(50) == 50


def test_what_is_wrong_with_the_answer_is_said(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock").page
    page.route(
        "**/api/bundles/**", lambda route: route.fulfill(status=404, json={"error": "this bundle is out of date"})
    )
    page.get_by_label("Problem seed").fill("3")
    page.wait_for_function("document.querySelector('#notice').innerText.includes('could not be loaded')")
    assert (
        page.locator("#notice").inner_text() == "The data of this view could not be loaded: this bundle is out of date"
    )
    page.unroute("**/api/bundles/**")
    header = b'{"__metadata__":{"format":"another"}}'
    another = len(header).to_bytes(8, "little") + header
    page.route("**/api/bundles/**", lambda route: route.fulfill(body=another, status=200))
    page.get_by_label("Problem seed").fill("4")
    page.wait_for_function("document.querySelector('#notice').innerText.includes('reload the page')")
    assert [text for text in explorer.complaints if "404" not in text] == []
    explorer.complaints.clear()


def test_the_newest_view_wins(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock").page
    seed = page.get_by_label("Problem seed")
    for value in ("1", "12", "123", "4"):
        seed.fill(value)
    explorer.after(lambda: seed.fill("45"), "location.search.includes('seed=45')")
    assert explorer.query == "task=rosenbrock&seed=45"
    assert page.evaluate("probe.graph('loss').layout.meta.key === loptscope.view.moving.loss.figure")


def test_a_server_that_does_not_answer_is_said_and_asked_again(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock").page
    page.route("**/_dash-update-component**", lambda route: route.abort())
    slider = page.get_by_role("slider", name="Outer step")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("document.querySelector('#notice').innerText.includes('does not answer')")
    page.unroute("**/_dash-update-component**")
    explorer.complaints.clear()  # Dash's own, of the aborted request
    explorer.after(lambda: page.keyboard.press("ArrowLeft"), "location.search.includes('outer_step=')")
    assert page.locator("#notice").inner_text() == ""
