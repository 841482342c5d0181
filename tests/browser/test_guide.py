"""The Guide, the tour over Explore and the list of keys, in a real browser."""

import json
import urllib.request
from collections.abc import Callable

import pytest

from app.pages.guide.story import CHAPTERS
from tests.browser.conftest import Explorer
from tests.cases import some_always

DRAWN = "(name) => document.querySelectorAll(`#guide-${name}-stage .story-room .main-svg`).length >= 2"
FIGURES = """(name) => [...document.querySelectorAll(`#guide-${name}-stage .js-plotly-plot`)].map((plot) => probe.plain(plot.data))"""
IN_DIALOG = "document.querySelector('dialog[open]').contains(document.activeElement)"
FOCUS = "document.activeElement.textContent"


def chapter(explorer: Explorer, name: str) -> None:
    """Scroll to a chapter and wait for its figures."""
    explorer.page.evaluate(
        "(name) => document.getElementById(`guide-${name}`).scrollIntoView({ behavior: 'instant' })", name
    )
    explorer.page.wait_for_function(DRAWN, arg=name)


def to_guide(explorer: Explorer, query: str = "") -> None:
    """Open the page."""
    explorer.visit(f"guide{query}")
    explorer.page.wait_for_selector(".contents")


@pytest.mark.long
def test_every_figure_is_drawn_as_one_comes_near_and_leads_to_its_view(explorer: Explorer) -> None:
    to_guide(explorer)
    page = explorer.page
    explorer.page.wait_for_function(DRAWN, arg="descent")
    assert not page.evaluate(DRAWN, "ablations")
    links = []
    for one in CHAPTERS:
        if one.drawn:
            chapter(explorer, one.name)
            links += page.locator(f"#guide-{one.name}-links a").evaluate_all("all => all.map((a) => a.href)")
            says = page.locator(f"#guide-{one.name}-stage .caption").all_inner_texts()
            assert len(says) == 2 and all(len(text) > 30 for text in says)
    assert page.locator(".formula:empty").count() == 0 and page.locator(".formula math").count() > 30
    assert page.locator(".contents a[aria-current]").count() == 1
    assert len(links) >= len([one for one in CHAPTERS if one.drawn])
    for link in links:
        assert urllib.request.urlopen(link, timeout=60).status == 200


@pytest.mark.long
def test_figures_out_of_sight_are_drawn_for_paper(explorer: Explorer) -> None:
    to_guide(explorer)
    for one in CHAPTERS:
        if one.drawn:
            explorer.page.wait_for_function(DRAWN, arg=one.name)
    assert explorer.page.evaluate("scrollY") == 0


@pytest.mark.long
def test_sliders_change_the_picture(explorer: Explorer) -> None:
    to_guide(explorer)
    page = explorer.page
    for name, slider in ((one.name, slider) for one in CHAPTERS for slider in one.sliders):
        chapter(explorer, name)
        before = page.evaluate(FIGURES, name)
        readout = page.locator(f"#guide-{name}-{slider.name}-readout").inner_text()
        page.get_by_role("slider", name=slider.label, exact=True).focus()
        page.keyboard.press("Home" if slider.start > 200 else "End")
        page.wait_for_function(
            "([id, before]) => document.getElementById(id).innerText !== before",
            arg=[f"guide-{name}-{slider.name}-readout", readout],
        )
        page.wait_for_function(
            f"([name, before]) => JSON.stringify(({FIGURES})(name)) !== before",
            arg=[name, json.dumps(before, separators=(",", ":"), ensure_ascii=False)],
        )


@pytest.mark.long
def test_another_task_and_the_theme_draw_everything_again(explorer: Explorer) -> None:
    to_guide(explorer)
    page = explorer.page
    chapter(explorer, "schedule")
    before = page.evaluate(FIGURES, "schedule")
    page.locator("#guide-task").get_by_text("Rosenbrock", exact=True).click()
    page.wait_for_function("location.search === '?task=rosenbrock'")
    page.wait_for_function("document.querySelector('#guide-schedule-links a').href.includes('task=rosenbrock')")
    assert page.evaluate(FIGURES, "schedule") != before
    font = "document.querySelector('#guide-schedule-stage .js-plotly-plot').layout.font.color"
    color = page.evaluate(font)
    page.locator("#theme-toggle").click()
    page.wait_for_function(f"{font} !== '{color}'")


@pytest.mark.long
def test_a_link_to_a_term_shows_it(explorer: Explorer) -> None:
    to_guide(explorer, "#term-unroll")
    page = explorer.page
    page.wait_for_function(
        "(() => { const { top } = document.getElementById('term-unroll').getBoundingClientRect(); return top >= 0 && top < innerHeight; })()"
    )


def test_the_menu_of_a_figure_draws_it_from_its_own_page(explorer: Explorer) -> None:
    to_guide(explorer)
    page = explorer.page
    chapter(explorer, "clipping")
    page.locator("#guide-clipping-stage .figure-button").first.click()
    page.get_by_role("menuitem", name="Python lines").click()
    lines = page.locator("#python-lines code").inner_text()
    assert (
        'loptscope.mechanisms("versus=none&view=clipping&position=700")' in lines and 'view.figure("update")' in lines
    )


@pytest.mark.long
def test_narrow_it_fits(explorers: Callable[..., Explorer]) -> None:
    explorer = explorers(width=390, height=800)
    to_guide(explorer)
    chapter(explorer, "win")
    assert explorer.page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.long
def test_the_top_bar_does_not_overflow(explorers: Callable[..., Explorer]) -> None:
    explorer = explorers(width=1280, height=800).open()
    page = explorer.page
    for width in (1280, 1024, 820, 390):
        page.set_viewport_size({"width": width, "height": 800})
        explorer.settle()
        assert page.evaluate("document.querySelector('.top-bar').scrollWidth") <= width
        for name in ("tour-button", "help-button", "theme-toggle"):
            box = page.locator(f"#{name}").bounding_box()
            assert box is not None and box["x"] + box["width"] <= width
        nav = page.locator(".nav")
        assert width < 1000 or nav.evaluate("(nav) => nav.scrollWidth <= nav.clientWidth")


@pytest.mark.long
def test_the_tour_is_offered_once_and_walked_by_keyboard(explorers: Callable[..., Explorer]) -> None:
    explorer = explorers(newcomer=True)
    page = explorer.open().page
    offer = page.get_by_role("complementary", name="Tour")
    offer.wait_for()
    explorer.seek(7)
    assert page.locator("dialog[open]").count() == 0
    page.get_by_role("button", name="Take the tour").focus()
    page.keyboard.press("Enter")
    tour = page.get_by_role("dialog")
    titles = []
    for number in range(1, 6):
        assert f"Stop {number} of 5" in tour.inner_text()
        titles.append(page.locator("#tour-title").inner_text())
        ring = page.locator(".tour-ring").bounding_box()
        assert ring is not None and ring["width"] > 50 and ring["height"] > 40
        for _ in range(4):
            page.keyboard.press("Tab")
            assert page.evaluate(IN_DIALOG)
        page.keyboard.press("ArrowRight")
    assert len(set(titles)) == 5
    page.keyboard.press("ArrowLeft")
    assert "Stop 4 of 5" in tour.inner_text()
    page.keyboard.press("Escape")
    page.wait_for_function("!document.querySelector('dialog[open]') && document.querySelector('.tour-ring').hidden")
    assert page.evaluate("document.activeElement.id") == "tour-button"
    assert explorer.step == 7  # arrows went to the tour, not to the player
    explorer.goto(f"{explorer.address}/")
    page.wait_for_function("window.loptscope?.steps > 0")
    page.wait_for_timeout(400)
    assert offer.count() == 0
    page.evaluate("localStorage.removeItem('loptscope.tour')")
    explorer.goto(f"{explorer.address}/?step=7")  # who opens a link came for what it shows
    page.wait_for_function("window.loptscope?.steps > 0")
    page.wait_for_timeout(400)
    assert offer.count() == 0


@pytest.mark.long
def test_the_tour_can_be_declined_and_begun_again_from_any_page(explorers: Callable[..., Explorer]) -> None:
    explorer = explorers(newcomer=True)
    page = explorer.open().page
    page.get_by_role("button", name="No, thanks").click()
    assert page.get_by_role("complementary", name="Tour").count() == 0
    assert page.evaluate("localStorage.getItem('loptscope.tour')") == "seen"
    explorer.goto(f"{explorer.address}/guide")
    page.wait_for_selector(".contents")
    chapter(explorer, "descent")
    page.locator("#tour-button").click()
    page.wait_for_function("document.body?.dataset.tour === '1'")
    explorer.forgive("ERR_ABORTED")  # chapters of the page that it left
    assert page.evaluate(FOCUS) == "Next"
    for _ in range(4):
        page.keyboard.press("Enter")
    assert page.evaluate(FOCUS) == "Done"
    page.keyboard.press("Enter")
    page.wait_for_function("!document.querySelector('dialog[open]')")


@pytest.mark.parametrize(
    "path", some_always(["", "mechanisms", "performance", "train", "library", "guide"], ["", "train"])
)
def test_a_question_mark_lists_the_keys_of_the_page(explorer: Explorer, path: str) -> None:
    page = explorer.page
    explorer.visit(f"{path}")
    page.wait_for_selector("main")
    page.keyboard.press("?")
    listed = page.get_by_role("dialog", name="Keyboard shortcuts")
    listed.wait_for()
    assert ("plays and pauses" in listed.inner_text()) == (path == "")
    assert page.evaluate(IN_DIALOG)
    page.keyboard.press("Escape")
    listed.wait_for(state="hidden")
    page.locator("#help-button").click()
    listed.wait_for()
    page.get_by_role("button", name="Close").click()
    listed.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.id") == "help-button"
