"""The Mechanisms page in a real browser: what belongs together moves together, and nothing complains."""

from collections.abc import Callable
from typing import Any

import pytest

from app.shared.mechanisms import MECHANISMS
from tests.browser.conftest import Explorer

THERE = """[...document.querySelectorAll('.mechanism-room')].length > 0 &&
  [...document.querySelectorAll('.mechanism-room')].every((room) => room.querySelector('.js-plotly-plot .main-svg, canvas'))"""
TRACE = """([id, name]) => { const plot = document.querySelector(`#${id}-graph .js-plotly-plot`);
  const trace = plot.data.find((one) => one.name === name); return probe.plain([trace.x, trace.y]); }"""


class Microscope:
    """The page, and what is on it."""

    def __init__(self, explorer: Explorer):
        self.explorer = explorer
        self.page = explorer.page
        self.address = explorer.address

    def open(self, query: str = "") -> "Microscope":
        """Show the view of a link."""
        before = self.page.evaluate("window.mechanisms?.now.frames ?? 0")
        self.explorer.visit(f"mechanisms{query}")
        self.page.wait_for_function(THERE)
        self.explorer.hold(mechanisms="#mechanisms/main.mjs")
        drawn = "(before) => mechanisms.now.frames > before || document.body.dataset.mechanism === 'ablations'"
        self.page.wait_for_function(drawn, arg=before)
        return self

    def trace(self, figure: str, name: str) -> str:
        """Data of a trace, as text."""
        return str(self.page.evaluate(TRACE, [figure, name]))

    def move(self, position: int) -> None:
        """Move the slider under the figures with the keyboard's Home, then by its property."""
        self.page.evaluate("(value) => dash_clientside.set_props('mechanisms-position', { value })", position)
        self.page.wait_for_function("(value) => document.body.dataset.position === String(value)", arg=position)

    def changes(self, act: Callable[[], Any], figure: str, name: str) -> None:
        """Something changes a trace."""
        before = self.trace(figure, name)
        act()
        self.page.wait_for_function(
            "([id, name, before]) => (" + TRACE + ")([id, name]) !== before", arg=[figure, name, before]
        )


@pytest.fixture
def microscope(explorer: Explorer) -> Microscope:
    """A page, still empty."""
    return Microscope(explorer)


def test_the_slider_moves_every_figure_of_momentum_on_both_sides(microscope: Microscope) -> None:
    page = microscope.open().page
    assert page.locator(".side").count() == 2 and page.locator(".mechanism-room").count() == 10
    figures = [f"momentum-{name}-{side}" for name in ("update", "state") for side in (0, 1)]
    before = [microscope.trace(figure, "moving") for figure in figures]
    microscope.move(900)
    assert all(a != microscope.trace(figure, "moving") for a, figure in zip(before, figures, strict=True))
    assert "position=900" in page.url
    assert "80 % of the range observed" in page.locator("#mechanisms-readout").inner_text()


def test_pointing_at_an_eigenvalue_lights_its_mode_everywhere(microscope: Microscope) -> None:
    page = microscope.open("?versus=none").page
    before = [microscope.trace(f"momentum-{name}-0", "lit") for name in ("state", "eigenvalues", "modes")]
    place = page.evaluate("""() => {
      const plot = document.querySelector('#momentum-eigenvalues-0-graph .js-plotly-plot');
      plot.scrollIntoView({ block: 'center' });
      const { xaxis, yaxis } = plot._fullLayout;
      const box = plot.getBoundingClientRect();
      const at = mechanisms.now.data.sides[0].figures.eigenvalues.lit;
      const { x: [x], y: [y] } = { x: at.x.values[5], y: at.y.values[5] };
      return [box.x + xaxis._offset + xaxis.d2p(x), box.y + yaxis._offset + yaxis.d2p(y)];
    }""")
    page.mouse.move(place[0] - 30, place[1] - 30)
    page.mouse.move(*place, steps=4)
    page.wait_for_function("mechanisms.now.mode !== 1")
    page.wait_for_function("location.search.includes('mode=')")
    after = [microscope.trace(f"momentum-{name}-0", "lit") for name in ("state", "eigenvalues", "modes")]
    assert all(a != b for a, b in zip(before, after, strict=True))


MOVING = {
    "clipping": [("update", "moving"), ("slope", "moving")],
    "schedule": [("path", "lit"), ("rate", "lit"), ("update", "moving")],
    "adaptation": [("curve", "lit"), ("update", "moving"), ("rate", "lit")],
}


@pytest.mark.long
@pytest.mark.parametrize("view", MOVING)
def test_the_slider_moves_every_figure(microscope: Microscope, view: str) -> None:
    microscope.open(f"?view={view}&versus=none")
    before = [microscope.trace(f"{view}-{figure}-0", name) for figure, name in MOVING[view]]
    microscope.move(120)
    after = [microscope.trace(f"{view}-{figure}-0", name) for figure, name in MOVING[view]]
    assert all(one != other for one, other in zip(before, after, strict=True))


@pytest.mark.long
def test_every_mechanism_can_be_chosen_and_has_sentences(microscope: Microscope) -> None:
    page = microscope.open().page
    for view, row in MECHANISMS.items():
        page.locator("#mechanisms-view").get_by_text(row.title, exact=True).click()
        page.wait_for_selector(f"[id^='{view}-'] .main-svg", state="attached")
        captions = page.locator(".side .caption").all_inner_texts()
        assert captions and all(len(text) > 40 for text in captions)
        if view != "momentum":
            page.wait_for_function(f"location.search.includes('view={view}')")


@pytest.mark.long
def test_outer_training_is_a_film(microscope: Microscope) -> None:
    page = microscope.open("?outer_step=0&versus=none").page
    button = page.get_by_role("button", name="Play outer training")
    microscope.changes(button.click, "momentum-eigenvalues-0", "eigenvalues")
    page.wait_for_function("!document.querySelector('#mechanisms-outer-text').textContent.startsWith('0 ')")
    button.click()
    page.wait_for_function("location.search.includes('outer_step=')")


@pytest.mark.long
def test_another_task_brings_its_optimizers(microscope: Microscope) -> None:
    page = microscope.open().page
    choose = page.locator("#mechanisms-task").get_by_text("Rosenbrock", exact=True)
    microscope.changes(choose.click, "momentum-eigenvalues-0", "eigenvalues")
    page.wait_for_function("location.search.includes('task=rosenbrock')")


@pytest.mark.long
def test_a_wrong_link_is_said(microscope: Microscope) -> None:
    page = microscope.open("?view=magic").page
    assert "unknown view 'magic'" in page.locator("#link-notice").inner_text()


@pytest.mark.long
def test_it_fits_a_narrow_screen(explorers: Callable[..., Explorer]) -> None:
    page = Microscope(explorers(width=390, height=800)).open("?view=schedule").page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
