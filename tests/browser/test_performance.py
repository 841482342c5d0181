"""The Performance page in a real browser: every control changes the picture and the address, and nothing complains."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Request

from app.pages.performance.draw import TOGGLED
from app.pages.performance.view import OPTIMIZERS
from app.shared.style import DARK
from core.tasks import TASKS
from tests.browser.conftest import LONGEST, Explorer

CURVES = [f"performance-curves-{task}" for task in TASKS]
DRAWN = "(document.querySelector('#performance-tuning-graph .js-plotly-plot')?.data ?? []).length > 0"
VISIBLE = """([id, name]) => document.querySelector(`#${id}-graph .js-plotly-plot`).data
    .filter((trace) => trace.legendgroup === name).map((trace) => trace.visible)"""
ROWS = "[...document.querySelectorAll('#performance-rows tr')].map((row) => row.dataset.name)"
SNAPSHOTS = "#performance-outer-graph .scatterlayer .points path"
PATHS = """(id) => [...document.querySelectorAll(`#${id}-graph .main-svg .scatterlayer path`)]
    .map((path) => path.getAttribute('d') + path.getAttribute('transform') + path.style.cssText).join('')"""

DATA = "(id) => probe.plain(document.querySelector(`#${id}-graph .js-plotly-plot`).data.map(({ x, y, line }) => [x, y, line]))"


class Comparison:
    """The page, and what is on it."""

    def __init__(self, explorer: Explorer):
        self.explorer = explorer
        self.page = explorer.page
        self.waiting: set[Request] = set()
        self.page.on("request", self._asked)
        self.page.on("requestfinished", self._answered)
        self.page.on("requestfailed", self._answered)

    def _asked(self, request: Request) -> None:
        self.waiting.add(request)

    def _answered(self, request: Request) -> None:
        self.waiting.discard(request)

    def open(self, query: str = "") -> "Comparison":
        """Show the view of a link."""
        self.explorer.visit(f"performance{query}")
        return self.settle()

    def settle(self) -> "Comparison":
        """Wait until everything is drawn and nothing changes any more."""
        self.page.wait_for_function(DRAWN)
        before, until = None, time.monotonic() + LONGEST
        while before != (before := self.state()) or self.waiting:
            assert time.monotonic() < until, f"it does not come to rest: {[request.url for request in self.waiting]}"
            self.page.wait_for_timeout(150)
        return self

    def state(self) -> dict[str, Any]:
        """Everything drawn, the order of the table and the address."""
        names = [f"performance-{name}" for name in ("tuning", *TOGGLED)]
        drawn = {name: self.page.evaluate(PATHS, name) for name in names}
        return {**drawn, "rows": self.page.evaluate(ROWS), "address": self.page.url}

    def after(self, change: Callable[[], Any], until: str) -> "Comparison":
        """Change something, wait until an expression in the page is true, then settle."""
        change()
        self.page.wait_for_function(until)
        return self.settle()

    def visible(self, figure: str, optimizer: str) -> set[bool]:
        """Whether an optimizer's traces are shown in a figure."""
        return set(self.page.evaluate(VISIBLE, [figure, optimizer]))

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.page.url).query).items()}


@pytest.fixture
def comparison(explorer: Explorer) -> Comparison:
    """A page, still empty."""
    return Comparison(explorer)


def test_the_first_view_is_whole(comparison: Comparison) -> None:
    page = comparison.open().page
    assert page.title() == "Loptscope: performance"
    assert comparison.query == {}
    assert page.locator(".performance .card").count() == len(TASKS) + 4
    for figure in CURVES:
        lines = page.locator(f"#{figure}-graph .scatterlayer .trace path.js-line")
        assert lines.count() >= 4
        assert all(sentence for sentence in page.locator(f"#{figure}-caption p").all_inner_texts())
    points = page.locator("#performance-tuning-graph .scatterlayer .points path").count()
    assert 2000 < points <= 2510
    assert page.locator("#link-notice").inner_text() == ""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_legend_hides_and_shows_an_optimizer_everywhere(comparison: Comparison) -> None:
    page = comparison.open("?task=rosenbrock").page
    switch = page.get_by_role("button", name="Adam", exact=True)
    before = comparison.state()
    comparison.after(switch.click, "location.search.includes('shown=')")
    assert comparison.query["shown"] == ",".join(name for name in OPTIMIZERS if name != "adam")
    assert switch.get_attribute("aria-pressed") == "false"
    hidden = comparison.state()
    for figure in (*CURVES, "performance-outer"):
        assert comparison.visible(figure, "adam") == {False}
        assert comparison.visible(figure, "learned") == {True}
        assert hidden[figure] != before[figure]
    assert hidden["performance-tuning"] == before["performance-tuning"]
    switch.focus()
    comparison.after(lambda: page.keyboard.press("Space"), "!location.search.includes('shown=')")
    assert switch.get_attribute("aria-pressed") == "true"
    for figure in CURVES:
        assert comparison.visible(figure, "adam") == {True}


@pytest.mark.long
def test_hidden_optimizers_stay_hidden_on_another_task(comparison: Comparison) -> None:
    page = comparison.open("?shown=learned,momentum").page
    choose = page.locator("#performance-task").get_by_text("Rosenbrock", exact=True)
    comparison.after(choose.click, "location.search.includes('rosenbrock')")
    assert comparison.query == {"task": "rosenbrock", "shown": "learned,momentum"}
    assert comparison.visible("performance-outer", "adam") == {False}
    assert comparison.visible("performance-outer", "momentum") == {True}


@pytest.mark.long
def test_the_table_sorts_by_its_headings(comparison: Comparison) -> None:
    page = comparison.open().page
    heading = page.locator("#head-final_loss")
    first = page.evaluate(ROWS)
    comparison.after(page.get_by_role("button", name="Final loss").click, "location.search === '?sort=final_loss'")
    upwards = page.evaluate(ROWS)
    assert heading.get_attribute("aria-sort") == "ascending"
    assert page.locator("#head-meta_loss").get_attribute("aria-sort") == "none"
    assert sorted(upwards) == sorted(first)
    assert upwards != first  # the lowest meta-loss does not end lowest
    comparison.after(page.get_by_role("button", name="Final loss").click, "location.search === '?sort=-final_loss'")
    assert heading.get_attribute("aria-sort") == "descending"
    assert page.evaluate(ROWS) == list(reversed(upwards))
    comparison.after(page.reload, "location.search === '?sort=-final_loss'")
    assert page.evaluate(ROWS) == list(reversed(upwards))


@pytest.mark.long
def test_another_task_and_another_search_change_what_is_below(comparison: Comparison) -> None:
    page = comparison.open().page
    before = comparison.state()
    curves = [page.evaluate(DATA, figure) for figure in CURVES]
    choose = page.locator("#performance-task").get_by_text("Rosenbrock", exact=True)
    comparison.after(choose.click, "location.search === '?task=rosenbrock'")
    task = comparison.state()
    assert all(task[name] != before[name] for name in ("performance-tuning", "performance-outer"))
    assert [page.evaluate(DATA, figure) for figure in CURVES] == curves
    page.get_by_label("Hand-designed optimizer whose draws are shown").first.click()
    choose = page.get_by_role("option", name="RMSProp", exact=True)
    comparison.after(choose.click, "location.search === '?task=rosenbrock&baseline=rmsprop'")
    baseline = comparison.state()
    assert baseline["performance-tuning"] != task["performance-tuning"]
    assert baseline["performance-outer"] == task["performance-outer"]
    assert "RMSProp" in page.locator("#performance-tuning-caption").inner_text()


@pytest.mark.long
def test_a_snapshot_opens_explore_and_back_comes_back(comparison: Comparison) -> None:
    page = comparison.open("?task=rosenbrock&sort=diverged").page
    marks = page.locator(SNAPSHOTS)
    marks.nth(5).scroll_into_view_if_needed()
    middle = marks.nth(5).bounding_box()
    assert middle is not None
    x, y = middle["x"] + middle["width"] / 2, middle["y"] + middle["height"] / 2
    page.mouse.move(x, y)
    page.wait_for_function("document.querySelector('#performance-outer-graph .hovertext')")
    page.mouse.click(x, y)
    page.wait_for_function(
        "location.pathname === '/' && window.loptscope && document.querySelector('#loss-graph .main-svg')"
    )
    comparison.explorer.settle()
    asked = comparison.query
    assert asked["task"] == "rosenbrock"
    assert page.locator("#outer-step-text").inner_text().startswith(f"{int(asked['outer_step']):,} of")
    page.go_back()
    page.wait_for_function(DRAWN)
    comparison.settle()
    assert comparison.query == {"task": "rosenbrock", "sort": "diverged"}
    links = page.get_by_role("navigation", name="Snapshots in Explore").get_by_role("link")
    assert links.nth(5).get_attribute("href") == f"/?task=rosenbrock&outer_step={asked['outer_step']}"


@pytest.mark.long
def test_the_theme_changes_every_figure_and_the_link(comparison: Comparison) -> None:
    page = comparison.open().page
    button = page.get_by_role("button", name="Switch between light and dark")
    comparison.after(button.click, "location.search === '?theme=dark'")
    colors = page.evaluate(
        "[...document.querySelectorAll('.performance .js-plotly-plot')].map((one) => one.layout.font.color)"
    )
    assert len(colors) == 2 * len(TASKS) + 3
    assert set(colors) == {DARK.text}


@pytest.mark.long
def test_a_wrong_link_is_said_and_everything_is_there(comparison: Comparison) -> None:
    page = comparison.open("?task=chess&optimizer=nobody&baseline=adam").page
    notice = page.get_by_role("alert").inner_text()
    assert "unknown task 'chess'" in notice
    assert "unknown learned optimizer" in notice
    assert comparison.query == {"baseline": "adam"}


@pytest.mark.long
def test_it_fits_a_narrow_screen(explorers: Callable[..., Explorer]) -> None:
    comparison = Comparison(explorers(width=390, height=800)).open()
    page = comparison.page
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    lefts = page.evaluate("[...document.querySelectorAll('.card')].map((one) => one.getBoundingClientRect().left)")
    assert len(set(lefts)) == 1  # one below the other
    room = page.locator(".table-room")
    assert room.evaluate("(one) => one.scrollWidth > one.clientWidth")
    page.keyboard.press("Tab")
    room.focus()
    assert room.evaluate("(one) => one === document.activeElement")


@pytest.mark.long
def test_it_can_be_reached_from_explore_and_left_again(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock").page
    page.get_by_role("link", name="Performance", exact=True).click()
    comparison = Comparison(explorer)
    page.wait_for_function("location.pathname === '/performance'")
    comparison.settle()
    page.get_by_role("link", name="Explore", exact=True).click()
    page.wait_for_function(
        "location.pathname === '/' && window.loptscope && document.querySelector('#loss-graph .main-svg')"
    )
    explorer.settle()
