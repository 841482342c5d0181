"""No page has a serious accessibility violation: axe-core's rules, as Deque publishes them; in the dark those of contrast.

The markup is the same in both themes; only colours differ.
"""

from importlib.resources import files
from typing import Any

import pytest

from tests.browser.conftest import Explorer

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
READY = {
    "": "window.loptscope && loptscope.steps > 0",
    "?compare=adam,momentum&panels=loss,state,rate": "document.querySelectorAll('#board .figure-button').length === 18",
    "mechanisms": "document.body.dataset.mechanism",
    "performance": "document.querySelector('#performance-outer .main-svg')",
    "train": "document.querySelector('#train-outer-graph .main-svg')",
    "library?open=zoo/rosenbrock-gru64": "document.querySelector('tr[data-details]')",
    "runs?runs=linear_regression-gru64,linear_regression-lstm64": "document.querySelector('#runs-rows tr')",
    "guide": "document.querySelectorAll('.story-room .main-svg').length && !document.querySelector('.formula:empty')",
    "nowhere": "document.querySelector('.lone')",
}
FOUND = """async ([within, rules]) => {
  const only = rules ? { runOnly: { type: "rule", values: rules } } : {};
  const { violations } = await axe.run(within, { resultTypes: ["violations"], ...only });
  return violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => [one.id, one.help, one.nodes.slice(0, 4).map((node) => node.target.join(" "))]);
}"""


def violations(page: Any, *, within: str = "html", rules: list[str] | None = None) -> list[Any]:
    """Serious and critical ones in a part of the page as it is now, of all rules or of these."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE)
    return list(page.evaluate(FOUND, [within, rules]))


@pytest.mark.long
@pytest.mark.parametrize("link", READY)
def test_a_page_has_no_serious_violation(explorer: Explorer, link: str) -> None:
    page = explorer.visit(link)
    page.wait_for_function(READY[link])
    explorer.rest()
    assert violations(page) == []
    page.locator("#theme-toggle").click()
    page.wait_for_function("document.documentElement.getAttribute('data-mantine-color-scheme') === 'dark'")
    explorer.rest()  # what is being computed is dimmed
    assert violations(page, rules=["color-contrast"]) == []
    assert link == "nowhere" or not explorer.complaints
    explorer.forgive("404")


@pytest.mark.long
def test_what_opens_has_none_either(explorer: Explorer) -> None:
    page = explorer.open("?step=5").page
    page.locator("#loss-panel > .figure-button").click()
    assert violations(page, within="[role=menu]") == []
    page.get_by_role("menuitem", name="Python lines").click()
    assert violations(page, within="dialog[open]") == []
    page.keyboard.press("Escape")
    page.locator("#state-panel > .figure-button").click()
    page.get_by_role("menuitem", name="Enlarge").click()
    assert violations(page, within="#state-panel") == []
    page.keyboard.press("Escape")
    for opened in ("#help-button", "#tour-button"):
        page.locator(opened).click()
        page.wait_for_selector("dialog[open]")
        assert violations(page, within="dialog[open]") == []
        page.keyboard.press("Escape")
