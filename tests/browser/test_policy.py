"""Every page works under the policy that it comes with: no eval, no inline script but the known ones."""

from collections.abc import Callable

from playwright.sync_api import BrowserContext

from app.shared.pages import PAGES

DRAWN = {"library": "#library-rows tr, table tbody tr"}


def test_every_page_under_its_own_policy(contexts: Callable[..., BrowserContext], address: str) -> None:
    page = contexts(bypass_csp=False).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    for row in PAGES.values():
        page.goto(address + row.path)
        page.wait_for_selector(DRAWN.get(row.name, ".js-plotly-plot .main-svg"), state="attached")
        assert page.title().startswith("Loptscope")
    assert said == []
    page.close()
