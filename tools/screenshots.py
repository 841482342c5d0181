"""Take the screenshots of the documentation: ``.venv/bin/python -m tools.screenshots``.

They go to docs/images/. Needs the development requirements and a Chromium.
"""

from pathlib import Path

from benchmarks.browser import READY, chromium, dashboard

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
VIEWS = {
    "explore": ("task=rosenbrock&step=30&theme=light", "light"),
    "explore-dark": ("task=two_moons&step=36&theme=dark", "dark"),
}


def main() -> None:
    """One picture a view, 1440 × 860."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with dashboard() as (address, _), chromium() as browser:
        for name, (query, scheme) in VIEWS.items():
            page = browser.new_page(viewport={"width": 1440, "height": 860}, color_scheme=scheme)  # type: ignore[arg-type]
            page.goto(f"{address}/?{query}")
            page.wait_for_function(READY)
            page.evaluate("loptscope.ready.then(() => 1)")
            page.wait_for_timeout(500)
            page.screenshot(path=FOLDER / f"{name}.png")
            page.close()


if __name__ == "__main__":
    main()
