"""Take the screenshots of the documentation: ``.venv/bin/python -m tools.screenshots``.

They go to docs/images/. Needs the development requirements and a Chromium.
"""

from pathlib import Path

from benchmarks.browser import READY, chromium, dashboard

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
EXPLORE = f"{READY} && loptscope.ready.then(() => 1)"
PERFORMANCE = "(document.querySelector('#performance-tuning-graph .js-plotly-plot')?.data ?? []).length > 0"
MECHANISMS = "document.body.dataset.mechanism && document.querySelectorAll('.mechanism-room .main-svg').length > 0"
PATIENCE = 180_000  # milliseconds: three dimensions take long on a busy machine without a graphics card
VIEWS = {  # link, colour scheme, ready condition, height
    "explore": ("/?task=rosenbrock&step=30&theme=light", "light", EXPLORE, 860),
    "explore-dark": ("/?task=two_moons&step=36&theme=dark", "dark", EXPLORE, 860),
    "mechanisms": ("/mechanisms?view=adaptation&theme=light", "light", MECHANISMS, 1040),
    "performance": ("/performance?theme=light", "light", PERFORMANCE, 860),
}


def main() -> None:
    """One picture for each view, 1440 pixels wide."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with dashboard() as (address, _), chromium() as browser:
        for name, (link, scheme, drawn, height) in VIEWS.items():
            page = browser.new_page(
                viewport={"width": 1440, "height": height},
                color_scheme=scheme,  # type: ignore[arg-type]
                bypass_csp=True,  # what is waited for is evaluated in the page
            )
            page.set_default_timeout(PATIENCE)
            page.goto(f"{address}{link}")
            page.wait_for_function(drawn)
            page.wait_for_timeout(500)
            page.screenshot(path=FOLDER / f"{name}.png")
            page.close()


if __name__ == "__main__":
    main()
