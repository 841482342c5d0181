"""The real server and a headless Chromium; every page asserts that it stayed quiet and asked nobody else."""

import functools
import http.client
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from app.pages.explore.panels import PANELS
from core.bundle import Bundle

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 120.0  # seconds that something is waited for
# What a Chromium without a graphics card says by itself about three-dimensional figures.
NOT_OURS = ("[.WebGL-", "Canvas2D: Multiple readback operations")

# Without a graphics card these only cost time (Debian's Chromium switches the first on).
FLAGS = ("--no-sandbox", "--disable-gpu-rasterization", "--disable-accelerated-2d-canvas")

# Pixels are read through a copy: reading a canvas itself would make Chromium warn, and draw it on the processor.
HELPERS = """
window.probe = {
  canvas: (name, layer = "over") => document.querySelector(`#${name}-panel canvas.${layer}`),
  graph: (name) => document.querySelector(`#${name}-graph .js-plotly-plot`),
  picture: (name, layer) => probe.canvas(name, layer).toDataURL(),
  alpha(name, layer) {
    const canvas = probe.canvas(name, layer);
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data, width } = copy.getImageData(0, 0, canvas.width, canvas.height);
    return { at: (x, y) => data[4 * (y * width + x) + 3], data };
  },
  filled: (name, layer) => probe.alpha(name, layer).data.filter((value, i) => i % 4 === 3 && value > 0).length,
  // What changes as long as a page has not come to rest, cheaply: sizes and ranges of every figure, and the address.
  still: () =>
    JSON.stringify([
      location.href,
      document.querySelector("#board .dash-graph--pending") && performance.now(), // Plotly waits before it resizes
      [...document.querySelectorAll("#board .js-plotly-plot")].map((plot) => {
        const { _fullLayout: layout, data } = plot;
        if (!layout || !layout.xaxis) return null;
        const { offsetWidth, offsetHeight } = plot;
        const size = [offsetWidth, offsetHeight, layout.width, layout.height, layout._size];
        return [layout.meta, size, layout.xaxis.range, layout.yaxis.range, data.length];
      }),
    ]),
  // The same once all has run that is due by now, be the page ever so busy: Plotly resizes 100 ms after it was told to.
  later: () => new Promise((done) => setTimeout(() => requestAnimationFrame(() => done(probe.still())), 160)),
  // Whether a page of any kind has come to rest: nothing is computed, faded or changed.
  async rested() {
    const look = () => {
      const fading = document.getAnimations().some((one) => one.effect.getComputedTiming().progress !== null);
      return fading || document.querySelector("[data-dash-is-loading]") ? null : document.documentElement.outerHTML;
    };
    const before = look();
    await new Promise((done) => setTimeout(() => requestAnimationFrame(done), 160));
    return before !== null && before === look();
  },
  plain: (value) => JSON.stringify(value, (_, v) => (ArrayBuffer.isView(v) ? Array.from(v) : v)),
  figure(name) {
    const { data, layout, _fullLayout } = probe.graph(name);
    return probe.plain([data, layout.font.color, _fullLayout.xaxis.range, _fullLayout.yaxis.range]);
  },
};
"""

# The tour is offered to those who come for the first time; tests are not, but the tour's own.
BEEN_HERE = "try { localStorage.setItem('loptscope.tour', 'seen'); } catch { /* a page without storage */ }"


@pytest.fixture(scope="session")
def server_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's folder of runs."""
    return tmp_path_factory.mktemp("server-runs")


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory, server_runs: Path) -> Iterator[str]:
    """Where the dashboard is served; all processes' servers share the views that they have computed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    folder = tmp_path_factory.mktemp("server")
    own = {"LOPTSCOPE_CACHE": str(shared / "views"), "LOPTSCOPE_RUNS": str(server_runs), "LOPTSCOPE_WORKERS": "1"}
    environment = {**os.environ, **own}
    environment.pop("REDIS_URL", None)
    command = [sys.executable, "-m", "core", "serve", "--port", str(port)]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            _wait(f"http://127.0.0.1:{port}/healthz", server, folder / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(120)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(1200):
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (
            OSError,
            http.client.HTTPException,
        ):  # the latter from a connection to itself, on the port where nobody listens yet
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
    pytest.fail(f"no answer from {url}: {log.read_text()}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium, the one of the system."""
    path = os.environ.get("LOPTSCOPE_CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS), timeout=1000 * LONGEST)
        yield browser
        browser.close()


def hold(page: Page, **modules: str) -> None:
    """Let expressions in a page see what modules export, as globals."""
    load = "async (names) => { for (const [name, path] of Object.entries(names)) window[name] = await import(path); }"
    page.evaluate(load, modules)


NOWHERE = "history.replaceState(history.state, '', '/nowhere'); dispatchEvent(new PopStateEvent('popstate'))"
GO_ON = "(url) => { history.replaceState(history.state, '', url); dispatchEvent(new PopStateEvent('popstate')); }"
# What may outlive its page in the scripts and outside of Dash's layout.
TIDY = """() => {
  window.loptscope?.pause();
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  for (const name of Object.keys(document.body.dataset)) delete document.body.dataset[name];
  const scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  return document.documentElement.getAttribute("data-mantine-color-scheme") === scheme;
}"""
MOST_TESTS = 20  # that one loaded page serves


class Explorer:
    """One page of the browser, and what happened on it.

    Loading Dash and Plotly takes most of a page's time, so tests share loaded pages: each test gets one that shows nothing and
    opens its own view as a link within the dashboard would.
    """

    def __init__(self, context: BrowserContext, address: str):
        self.page: Page = context.new_page()
        self.viewport = self.page.viewport_size
        self.tests = 0
        self.address = address
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.asked: set[Any] = set()  # requests under way
        self.page.on("request", self._ask)
        self.page.on("requestfinished", self._finish)
        self.page.on("requestfailed", self._fail)
        self.page.on("response", self._check)
        self.page.on(
            "console", lambda message: message.text.startswith(NOT_OURS) or self._complain(message.type, message.text)
        )
        self.page.on("pageerror", lambda error: self._complain("error", error.stack or str(error)))

    def _complain(self, kind: str, text: str) -> None:
        self.complaints.append(f"{kind}: {text}")

    def _ask(self, request: Any) -> None:
        self.requests.append(request.url)
        self.asked.add(request)

    def _finish(self, request: Any) -> None:
        self.asked.discard(request)

    def _fail(self, request: Any) -> None:
        self._finish(request)
        self._complain("failed", f"{request.url} {request.failure}")

    def _check(self, response: Any) -> None:
        if response.status >= 400:
            self._complain("status", f"{response.status} {response.url}")

    def visit(self, link: str = "") -> Page:
        """Show a page of the dashboard."""
        url = f"{self.address}/{link}"
        partly = link.startswith("mechanisms") and self.page.evaluate("document.getElementById('plotly') !== null")
        if (
            self.page.url.startswith(self.address) and not partly
        ):  # else it needs the whole of Plotly, which is not there yet
            self.leave()
            self.page.evaluate(GO_ON, url)
            self.page.wait_for_function("!document.querySelector('.lone')")
        else:
            self.goto(url)
        return self.page

    def goto(self, url: str) -> None:
        """Load a page anew, once nothing is under way: what is asked for while its page goes away would fail."""
        if self.page.url.startswith(self.address):
            self.leave()  # what it asks for again and again, it asks for no more
        self.page.wait_for_timeout(50)  # until it is known here what it has asked for by now
        until = time.monotonic() + LONGEST
        while self.asked:
            assert time.monotonic() < until, [request.url for request in self.asked]
            self.page.wait_for_timeout(50)
        self.page.goto(url)

    def leave(self) -> None:
        """Show nothing; what was there is unmounted."""
        self.page.evaluate(NOWHERE)
        self.page.wait_for_selector(".lone")

    def open(self, link: str = "") -> "Explorer":
        """Show the view of a link."""
        before = self.page.evaluate_handle("window.loptscope?.view")
        self.visit(link)
        there = "(before) => window.loptscope && document.querySelector('#loss-graph') && loptscope.view !== before"
        self.page.wait_for_function(there, arg=before)
        return self.settle()

    def hold(self, **modules: str) -> None:
        """Let expressions in the page see what modules export, as globals."""
        hold(self.page, **modules)

    def settle(self) -> "Explorer":
        """Wait until the view is there and nothing on it moves any more."""
        self.page.wait_for_function("loptscope.ready.then(() => true)")
        self.page.wait_for_function("document.fonts.ready.then(() => true)")
        before, until = self.page.evaluate("probe.still()"), time.monotonic() + LONGEST
        while before != (before := self.page.evaluate("probe.later()")):
            assert time.monotonic() < until, f"it does not come to rest: {before}"
        return self

    def rest(self) -> None:
        """Wait until nothing is computed or moves on a page of any kind."""
        until = time.monotonic() + LONGEST
        while not self.page.evaluate("probe.rested()"):
            assert time.monotonic() < until, "it does not come to rest"

    def after(self, change: Callable[[], Any], until: str) -> "Explorer":
        """Change something, wait until an expression in the page is true, then settle."""
        change()
        self.page.wait_for_function(until)
        return self.settle()

    def seek(self, step: float) -> int:
        return int(self.page.evaluate("step => loptscope.seek(step)", step))

    @property
    def step(self) -> int:
        return int(self.page.evaluate("loptscope.step"))

    @property
    def query(self) -> str:
        return urlsplit(self.page.url).query

    def pictures(self) -> dict[str, str]:
        """What is drawn over and under every plot."""
        found = self.page.evaluate("names => names.map((name) => [name, probe.picture(name)])", list(PANELS))
        return dict(found) | {"field": self.page.evaluate("probe.picture('landscape', 'under')")}

    def figures(self) -> dict[str, str]:
        """Data, font colour and ranges of every figure."""
        found = self.page.evaluate("names => names.map((name) => [`${name} figure`, probe.figure(name)])", list(PANELS))
        return dict(found)

    def readout(self, name: str) -> dict[str, str]:
        """Names and values of a panel's chips."""
        chips = self.page.locator(f"#{name}-panel .readout .chip")
        values = chips.locator("b").all_inner_texts()
        return {
            text.removesuffix(value).strip(): value for text, value in zip(chips.all_inner_texts(), values, strict=True)
        }

    def bundle(self) -> Bundle:
        """The arrays of the view."""
        with urllib.request.urlopen(self.address + self.page.evaluate("loptscope.view.bundle"), timeout=60) as answer:
            return Bundle.decode(answer.read())

    def forgive(self, text: str) -> int:
        """Leave out complaints with a text in them, and say how many there were."""
        before = len(self.complaints)
        self.complaints[:] = [complaint for complaint in self.complaints if text not in complaint]
        return before - len(self.complaints)

    def check(self) -> None:
        """Assert that nothing went wrong."""
        assert self.complaints == []
        assert {urlsplit(url).netloc for url in self.requests if not url.startswith(("data:", "blob:"))} <= {
            urlsplit(self.address).netloc
        }

    def close(self) -> None:
        """Close the page, and assert that nothing went wrong on it."""
        self.page.close()
        self.check()

    def tidy(self) -> bool:
        """Make it ready for another test; False if it had better be loaded anew."""
        self.tests += 1
        if self.tests >= MOST_TESTS or not self.page.url.startswith(self.address):
            return False
        self.page.unroute_all(behavior="ignoreErrors")
        if self.page.viewport_size != self.viewport and self.viewport:
            self.page.set_viewport_size(self.viewport)
        self.page.mouse.move(1, 1)
        usual_theme = self.page.evaluate(TIDY)
        self.leave()
        self.check()
        self.requests.clear()
        return bool(usual_theme)


@pytest.fixture(scope="session")
def contexts(chromium: Browser) -> Callable[..., BrowserContext]:
    """Browser contexts by their settings; pages share them, so that scripts are loaded once."""

    @functools.cache
    def make(width: int = 1360, height: int = 820, newcomer: bool = False, **settings: Any) -> BrowserContext:
        # What a test waits for is evaluated in the page, which its policy forbids: tests/browser/test_policy.py keeps it.
        kept = {"bypass_csp": True, **settings}
        context = chromium.new_context(viewport={"width": width, "height": height}, **kept)
        context.add_init_script(HELPERS)
        if not newcomer:
            context.add_init_script(BEEN_HERE)
        context.set_default_timeout(1000 * LONGEST)
        return context

    return make


@pytest.fixture(scope="session")
def idle() -> dict[str, list[Explorer]]:
    """Loaded pages that show nothing, by their context's settings."""
    return {}


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Remember which tests failed: their pages are not used again."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed  # type: ignore[attr-defined]
    return report


@pytest.fixture
def explorers(
    request: pytest.FixtureRequest,
    contexts: Callable[..., BrowserContext],
    address: str,
    idle: dict[str, list[Explorer]],
) -> Iterator[Callable[..., Explorer]]:
    """Gives pages; one that has loaded nothing yet with ``fresh``."""
    given: list[tuple[str, Explorer]] = []

    def make(*, fresh: bool = False, **settings: Any) -> Explorer:
        kind = repr(settings)
        waiting = [] if fresh else idle.setdefault(kind, [])
        given.append((kind, waiting.pop() if waiting else Explorer(contexts(**settings), address)))
        return given[-1][1]

    yield make
    for kind, explorer in given:
        usable = False
        try:
            explorer.check()
            usable = not request.node.stash[FAILED] and "newcomer" not in kind and explorer.tidy()
        finally:
            idle.setdefault(kind, []).append(explorer) if usable else explorer.page.close()


@pytest.fixture
def explorer(explorers: Callable[..., Explorer]) -> Explorer:
    """A page, still empty."""
    return explorers()
