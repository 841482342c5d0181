"""What is there when the page opens, and that every control has a name."""

import itertools
from collections.abc import Callable

import pytest
from playwright.sync_api import Route

from app.shared.problem import typical_seed
from app.shared.style import DARK, LIGHT
from tests.browser.conftest import PANELS, Explorer
from tests.cases import some_always


def test_six_panels_a_timeline_and_the_player(explorer: Explorer) -> None:
    page = explorer.open().page
    for name in PANELS:
        assert page.locator(f"#{name}-panel").is_visible()
        assert page.locator(f"#{name}-panel .js-plotly-plot").is_visible()
        assert page.evaluate("name => probe.filled(name)", name) > 0
    for name in ("task", "optimizer", "outer-step", "inner-step", "play"):
        assert page.locator(f"#{name}").count() == 1
    assert page.locator("body").get_attribute("data-step") == "0"
    kinds = page.evaluate("Object.fromEntries(Object.entries(loptscope).map(([k, v]) => [k, typeof v]))")
    expected = {"step": "number", "steps": "number", "seek": "function", "play": "function", "pause": "function"}
    assert expected.items() <= kinds.items()
    assert page.evaluate("loptscope.ready instanceof Promise")
    assert page.evaluate("loptscope.ready.then(() => loptscope.steps)") == 200
    slider = page.locator("#inner-step")
    assert (slider.get_attribute("min"), slider.get_attribute("max"), slider.input_value()) == ("0", "200", "0")
    assert page.url == explorer.address + "/"
    for notice in ("notice", "link-notice"):
        assert page.locator(f"#{notice}").inner_text() == ""


def test_no_figure_is_without_its_legend(explorer: Explorer) -> None:
    page, held = explorer.page, []

    def hold(route: Route) -> None:
        held.append(route)  # what is read at a step comes later

    page.route("**/api/bundles/**", hold)
    explorer.visit("?task=rosenbrock&optimizer=adam")
    page.wait_for_function("document.querySelector('#loss-graph .main-svg .xtitle')")
    assert "Adam" in page.locator("#loss-panel .readout").inner_text()
    assert all(page.locator(f"#{name}-panel .readout .chip").count() for name in PANELS)
    page.wait_for_timeout(50)
    for route in held:
        route.continue_()
    page.unroute_all()
    explorer.settle()
    assert all(explorer.readout("loss").values())


def test_the_step_of_a_link_is_shown(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock&step=37").page
    assert explorer.step == 37
    assert page.locator("body").get_attribute("data-step") == "37"
    assert page.locator("#inner-step").input_value() == "37"
    assert page.locator("#step-readout").inner_text() == "37 / 200"
    assert explorer.query == "task=rosenbrock&step=37"


def test_a_bad_link_says_so_and_shows_the_defaults(explorer: Explorer) -> None:
    page = explorer.open("?task=nonsense&seed=-1&axis=linear").page
    sentences = page.locator("#link-notice p").all_inner_texts()
    assert sentences == [
        "unknown task 'nonsense': choose one of linear_regression, rosenbrock, two_moons",
        "seed must be a whole number from 0 to 999999 (got '-1')",
    ]
    assert page.get_by_label("Problem seed").input_value() == str(typical_seed("linear_regression"))
    assert explorer.query == "axis=linear"
    explorer.seek(9)
    assert explorer.step == 9


def test_markup_in_a_link_is_shown_as_text(explorer: Explorer) -> None:
    tag = "<script>window.harmed = 1</script><img src=x onerror='window.harmed=1'>"
    page = explorer.open(
        "?" + "&".join(f"{name}={tag}" for name in ("task", "seed", "baselines")).replace(" ", "%20")
    ).page
    assert page.locator("#link-notice").inner_text().count("<script>window.harmed = 1</script>") >= 2
    assert page.locator("#link-notice img, #link-notice script").count() == 0
    assert page.evaluate("window.harmed === undefined")


@pytest.mark.parametrize("scheme", some_always(["light", "dark"], ["dark"]))
def test_the_system_decides_between_light_and_dark(explorers: object, scheme: str) -> None:
    explorer = explorers(color_scheme=scheme).open("?task=rosenbrock")
    theme = {"light": LIGHT, "dark": DARK}[scheme]
    colors = explorer.page.evaluate("names => names.map((n) => probe.graph(n).layout.font.color)", list(PANELS))
    assert set(colors) == {theme.text}
    background = explorer.page.evaluate("getComputedStyle(document.querySelector('.panel')).backgroundColor")
    assert background == f"rgb({', '.join(str(int(theme.surface[i : i + 2], 16)) for i in (1, 3, 5))})"
    assert explorer.query == "task=rosenbrock"


@pytest.mark.long
def test_a_narrow_page_stacks_its_panels(explorers: object) -> None:
    explorer = explorers(width=390, height=800).open("?task=rosenbrock&step=50")
    page = explorer.page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    boxes = [page.locator(f"#{name}-panel").bounding_box() for name in PANELS]
    for above, below in itertools.pairwise(boxes):
        assert above["x"] == below["x"]
        assert above["y"] + above["height"] <= below["y"]
        assert below["width"] > 330
    assert page.locator("#play").is_visible()
    assert page.locator("#inner-step").is_visible()
    assert boxes[0]["y"] < 200  # figures first: the controls are in a drawer
    assert not page.locator("#controls").is_visible()
    page.locator("#controls-button").click()
    page.locator("#optimizer").wait_for(state="visible")
    page.keyboard.press("Escape")
    page.locator("#controls").wait_for(state="hidden")
    links = page.locator(".nav-link")
    assert all(
        links.nth(i).bounding_box()["x"] + links.nth(i).bounding_box()["width"] <= 390 for i in range(links.count())
    )


def names(explorer: Explorer) -> dict[str, list[str]]:
    """Accessible names of everything that can be operated, by role."""
    session = explorer.page.context.new_cdp_session(explorer.page)
    roles = {"button", "textbox", "spinbutton", "combobox", "slider", "checkbox", "radio", "link", "searchbox"}
    found: dict[str, list[str]] = {}
    for node in session.send("Accessibility.getFullAXTree")["nodes"]:
        role = node.get("role", {}).get("value")
        if role in roles and not node.get("ignored"):
            found.setdefault(role, []).append(node.get("name", {}).get("value", ""))
    return found


@pytest.mark.long
@pytest.mark.parametrize("link", ["?task=rosenbrock", "?task=two_moons&optimizer=adam"])
def test_every_control_has_an_accessible_name(explorer: Explorer, link: str) -> None:
    found = names(explorer.open(link))
    assert [(role, name) for role, all_names in found.items() for name in all_names if not name.strip()] == []
    assert "Inner step" in found["slider"]
    assert ("Outer step (snapshot)" in found["slider"]) == ("adam" not in link)  # disabled: nothing to choose
    assert {"Momentum", "RMSProp", "Adam"} <= set(found["checkbox"])
    assert {"linear", "symlog"} <= set(found["radio"])
    assert {"Play (space)", "Switch between light and dark"} <= set(found["button"])
    fields = {name for role in ("textbox", "combobox", "spinbutton") for name in found.get(role, [])}
    expected = {"Task", "Optimizer under the microscope", "Problem seed", "Components (inner parameters)"}
    assert expected | {"Playback speed"} <= fields
    assert ("Start x" in fields) == ("rosenbrock" in link)


def test_the_keyboard_reaches_everything(explorers: Callable[..., Explorer]) -> None:
    page = explorers(fresh=True).open("?task=rosenbrock").page
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.getAttribute('aria-label')"))
        if reached[-1] == "speed":
            break
    wanted = [
        "theme-toggle",
        "task",
        "optimizer",
        "Outer step (snapshot)",
        "seed",
        "start-x",
        "play",
        "inner-step",
        "speed",
    ]
    assert [name for name in reached if name in wanted] == wanted


def test_dark_figures_can_be_read_on_paper(explorers: Callable[..., Explorer]) -> None:
    page = explorers(color_scheme="dark").open("?task=rosenbrock").page
    page.emulate_media(media="print")
    try:
        colors = page.evaluate(
            """() => {
                const style = (selector) => getComputedStyle(document.querySelector(selector));
                const panel = style("#loss-panel"), letters = style("#loss-panel .ytitle");
                return [panel.backgroundColor, letters.fill, style("body").color, panel.printColorAdjust];
            }"""
        )
    finally:
        page.emulate_media(media="null")
    rgb = [
        f"rgb({', '.join(str(int(c[i : i + 2], 16)) for i in (1, 3, 5))})"
        for c in (DARK.surface, DARK.text, LIGHT.text)
    ]
    assert colors == [*rgb, "exact"]


def test_figures_keep_their_shape_on_paper(explorer: Explorer) -> None:
    page = explorer.open("").page
    shapes = "[...document.querySelectorAll('#panels .main-svg')].map((one) => one.getAttribute('viewBox'))"
    styles = (
        "[...document.querySelectorAll('#panels .panel, #panels .plot')].map((one) => one.getAttribute('style') ?? '')"
    )
    before = page.evaluate(styles)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert all(shape.startswith("0 0 ") for shape in page.evaluate(shapes))
    assert sum("aspect-ratio" in style for style in page.evaluate(styles)) == 6
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert set(page.evaluate(shapes)) == {None} and page.evaluate(styles) == before
