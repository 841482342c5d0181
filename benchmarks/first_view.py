"""Times and bytes from starting the server to an interactive page, and from view to view."""

import time

from playwright.sync_api import Page

from benchmarks.browser import READY, chromium, dashboard, served
from benchmarks.report import Line


def _new_view(page: Page, property_set: str) -> float:
    """Milliseconds from setting a control to the new view being drawn."""
    page.wait_for_timeout(500)  # number inputs wait for the end of typing
    script = f"""async () => {{
      const before = loptscope.view.query;
      const start = performance.now();
      {property_set}
      while (loptscope.view.query === before) {{
        if (performance.now() - start > 30000) throw new Error(`no new view after {property_set} (at ${{before}})`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }}
      await loptscope.ready;
      return performance.now() - start;
    }}"""
    return float(page.evaluate(script))


def _set(control: str, value: str) -> str:
    return f"dash_clientside.set_props('{control}', {{ value: {value} }});"


ROUNDS = 3  # of either app; the median counts
DRAWN = "document.querySelector('#graph .main-svg')"  # of the bare app


def _first(address: str, ready: str) -> float:
    """Seconds in a browser without a cache from asking for a page until it is interactive."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 860}, bypass_csp=True)
        began = time.perf_counter()
        page.goto(address)
        page.wait_for_function(ready)
        page.evaluate("window.loptscope ? loptscope.ready.then(() => 1) : 1")
        return time.perf_counter() - began


def _beside_a_bare_app() -> list[Line]:
    """From the command to an interactive page, alternating with a Dash app of one graph, everything cold."""
    ours: list[tuple[float, float]] = []
    bare: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        for times, server, ready in ((bare, served("benchmarks.bare_dash"), DRAWN), (ours, dashboard(), READY)):
            with server as (address, up):
                times.append((up, _first(address, ready)))
    lines = []
    for i, (what, bar) in enumerate((("command to first answer", "4 ×"), ("page, new browser", "1.5 ×"))):
        mine, peer = (sorted(one[i] for one in times)[len(times) // 2] for times in (ours, bare))
        lines.append(Line(what, f"{mine:.2f} s", f"bare Dash {peer:.2f} s", f"{mine / peer:.2f}", bar))
    return lines


def run() -> list[Line]:
    """Start-up beside a bare Dash app, first view and changes of view, computed and cached."""
    lines = _beside_a_bare_app()
    with dashboard() as (address, up), chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 860}, bypass_csp=True)
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        received: list[float] = []
        session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
        page.goto(address)
        page.wait_for_function(READY)
        milliseconds = page.evaluate("loptscope.ready.then(() => performance.now())")
        lines += [
            Line("server answers", f"{up:.2f} s"),
            Line("page interactive after that", f"{milliseconds / 1000:.2f} s"),
            Line("both", f"{up + milliseconds / 1000:.2f} s", bar="5 s"),
            Line("first view, bytes over the wire", f"{sum(received) / 1e6:.2f} MB"),
        ]
        for task, seeds in (("linear_regression", (1, 2)), ("rosenbrock", (0, 1)), ("two_moons", (0, 1))):
            if task != "linear_regression":
                changed = _new_view(page, _set("task", f"'{task}'"))
                lines.append(Line(f"{task}: change of task to all panels drawn", f"{changed:.0f} ms"))
            computed = [_new_view(page, _set("seed", str(10 + seed))) for seed in seeds]
            again = _new_view(page, _set("seed", str(10 + seeds[0])))
            page.reload()  # so that only the server has cached it
            page.wait_for_function(READY)
            page.evaluate("loptscope.ready.then(() => 1)")
            cached = _new_view(page, _set("seed", str(10 + seeds[1])))
            earlier = _new_view(page, _set("outer-step", "6"))
            lines += [
                Line(f"{task}: new seed, computed", f"{max(computed):.0f} ms", bar="2000 ms"),
                Line(f"{task}: other outer step, computed", f"{earlier:.0f} ms", bar="2000 ms"),
                Line(f"{task}: seed seen before", f"{max(again, cached):.0f} ms", bar="500 ms"),
            ]
    return lines
