"""Every page works under the policy that it comes with: no eval, no inline script but the known ones."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from app.shared.pages import PAGES

PLOT = ".js-plotly-plot .main-svg"
DRAWN = dict.fromkeys(("explore", "mechanisms", "performance", "guide"), PLOT)


@pytest.mark.long
def test_every_page_under_its_own_policy(contexts: Callable[..., BrowserContext], address: str) -> None:
    page = contexts(bypass_csp=False).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    for row in PAGES.values():
        page.goto(address + row.path)
        page.wait_for_selector(DRAWN.get(row.name, "main"), state="attached")
        page.wait_for_timeout(300)  # what comes after it may be refused, too
    assert said == []
    page.close()
