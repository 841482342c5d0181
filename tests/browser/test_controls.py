"""Every control changes the picture and the address, and the address leads back to the picture."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from app.shared.catalog import subjects
from app.shared.problem import typical_seed
from app.shared.style import DARK
from tests.browser.conftest import PANELS, Explorer


def choose(page: Page, label: str, option: str) -> None:
    """Pick an entry of a menu."""
    page.get_by_role("combobox", name=label).or_(page.get_by_role("textbox", name=label)).first.click(force=True)
    page.get_by_role("option", name=option, exact=True).click()


def to_the_left(page: Page) -> None:
    page.get_by_role("slider", name="Outer step").focus()
    page.keyboard.press("ArrowLeft")


def to_adam(page: Page) -> None:
    choose(page, "Optimizer under the microscope", "Adam (tuned)")


SNAPSHOTS = subjects("rosenbrock")["rosenbrock-gru64"].snapshots

OF_RUNS = {*PANELS} - {"landscape"}  # the valley stays; paths are drawn over it

# what is done; the address after it; panels whose figures change; panels drawn over in another way
CHANGES: list[tuple[str, Callable[[Page], object], str, set[str], set[str]]] = [
    ("seed", lambda page: page.get_by_label("Problem seed").fill("7"), "seed=7", OF_RUNS, set(PANELS)),
    ("outer step", to_the_left, f"outer_step={SNAPSHOTS[-2]}&seed=7", OF_RUNS, set(PANELS)),
    (
        "baselines",
        lambda page: page.get_by_role("checkbox", name="RMSProp").uncheck(),
        f"outer_step={SNAPSHOTS[-2]}&seed=7&baselines=momentum,adam,adam_cosine",
        {"loss", "rate"},
        {"loss", "landscape"},
    ),
    (
        "axis",
        lambda page: page.locator("#axis").get_by_text("linear", exact=True).click(),
        f"outer_step={SNAPSHOTS[-2]}&seed=7&baselines=momentum,adam,adam_cosine&axis=linear",
        {"update", "gradient"},
        {"update", "gradient"},
    ),
    (
        "theme",
        lambda page: page.get_by_role("button", name="Switch between light and dark").click(),
        f"outer_step={SNAPSHOTS[-2]}&seed=7&baselines=momentum,adam,adam_cosine&axis=linear&theme=dark",
        set(PANELS),
        {"update", "state", "rate"},
    ),
    (
        "optimizer",
        to_adam,
        "optimizer=adam&seed=7&baselines=momentum,adam,adam_cosine&axis=linear&theme=dark",
        OF_RUNS,
        set(PANELS),
    ),
]


def test_every_control_changes_the_picture_and_the_address(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock&step=40").page
    for name, change, query, other_figures, other_pictures in CHANGES:
        figures, pictures = explorer.figures(), explorer.pictures()
        explorer.after(lambda change=change: change(page), f"location.search === '?task=rosenbrock&{query}&step=40'")
        assert explorer.step == 40
        new, now = explorer.figures(), explorer.pictures()
        changed = {panel for panel in PANELS if new[f"{panel} figure"] != figures[f"{panel} figure"]}
        assert other_figures - changed == set(), name
        assert changed == other_figures or name not in ("baselines", "axis"), name
        assert {panel for panel in other_pictures if now[panel] == pictures[panel]} == set(), name
        assert page.locator("#notice").inner_text() == ""
    colors = page.evaluate("names => names.map((n) => probe.graph(n).layout.font.color)", list(PANELS))
    assert set(colors) == {DARK.text}


@pytest.mark.long
def test_components_are_chosen(explorer: Explorer) -> None:
    page = explorer.open("?task=linear_regression&components=1,2").page
    assert [name for name in explorer.readout("rate") if name.startswith("x")] == ["x1", "x2"]
    explorer.after(
        lambda: choose(page, "Components (inner parameters)", "x4"), "location.search.includes('components=1,2,4')"
    )
    assert [name for name in explorer.readout("rate") if name.startswith("x")] == ["x1", "x2", "x4"]
    names = page.evaluate("probe.graph('rate').data.map((trace) => trace.name)")
    assert [name for name in names if name.startswith("x")] == ["x1", "x2", "x4"]


@pytest.mark.long
def test_a_new_task_brings_everything_with_it_and_nothing_along(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock&start=0.5,0.5&seed=3&step=12").page
    explorer.after(lambda: choose(page, "Task", "Linear regression"), "!location.search.includes('task')")
    assert explorer.query == "seed=3&step=12"
    assert not page.get_by_label("Start x").is_visible()
    assert explorer.bundle().about["components"] == ["x1", "x2", "x3", "x4", "x5"]
    explorer.after(lambda: choose(page, "Task", "Rosenbrock"), "location.search.includes('rosenbrock')")
    assert explorer.query == "task=rosenbrock&seed=3&step=12"  # a seed that was chosen stays
    assert page.get_by_label("Start x").input_value() == ""


@pytest.mark.long
def test_a_new_task_opens_on_its_typical_problem(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock").page
    explorer.after(lambda: choose(page, "Task", "Linear regression"), "!location.search.includes('task')")
    assert explorer.query == ""
    assert page.get_by_label("Problem seed").input_value() == str(typical_seed("linear_regression"))


@pytest.mark.long
def test_a_hand_designed_optimizer_has_no_outer_step(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock").page
    explorer.after(lambda: to_adam(page), "location.search.includes('adam')")
    assert "not trained" in page.locator("#outer-step-text").inner_text()
    assert page.get_by_role("slider", name="Outer step").count() == 0
    shown = [name.partition(" (")[0] for name in explorer.readout("loss")]  # in brackets: the meta-loss
    assert shown == ["Adam", "Momentum", "RMSProp", "Adam + cosine"]
    explorer.after(
        lambda: choose(page, "Optimizer under the microscope", "Learned GRU-64 (seed 0)"),
        "!location.search.includes('adam')",
    )
    assert page.locator("#outer-step-text").inner_text() == f"{SNAPSHOTS[-1]:,} of {SNAPSHOTS[-1]:,}"


@pytest.mark.long
def test_dragging_the_outer_step_ends_at_the_newest(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock&step=20").page
    page.get_by_role("slider", name="Outer step").focus()
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    wanted = f"outer_step={SNAPSHOTS[-7]}"
    explorer.after(lambda: None, f"location.search.includes({wanted!r})")
    assert explorer.query == f"task=rosenbrock&{wanted}&step=20"
    assert page.locator("#outer-step-text").inner_text().startswith(f"{SNAPSHOTS[-7]:,} of")


@pytest.mark.long
def test_a_seed_that_is_none_says_so_and_changes_nothing(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock&seed=3").page
    pictures = explorer.pictures()
    page.get_by_label("Problem seed").fill("")
    page.wait_for_function("document.querySelector('#notice').innerText.includes('seed')")
    page.get_by_label("Problem seed").fill("3")
    page.wait_for_function("!document.querySelector('#notice').innerText")
    explorer.settle()
    assert explorer.query == "task=rosenbrock&seed=3"
    assert explorer.pictures().keys() == pictures.keys()


def test_the_speed_is_in_the_address(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock").page
    explorer.after(lambda: choose(page, "Playback speed", "120 steps/s"), "location.search.includes('speed=120')")
    assert explorer.query == "task=rosenbrock&speed=120"


# Plotly's drawings, without the names that it makes up for each.
DRAWN = """(name) => [...document.querySelectorAll(`#${name}-graph .main-svg`)].map((svg) => svg.outerHTML).join("")"""
MADE_UP = re.compile(
    r'class="trace[^"]*"|(?:id="|url\([^)]*#)[^")]*|(?:legend|clip|topdefs-|defs-|cb)[0-9a-f]{6}\w*|trace\w{6}'
)


@pytest.mark.long
def test_the_address_leads_back_to_the_same_view(explorers: Callable[..., Explorer]) -> None:
    explorer = explorers(fresh=True)
    page = explorer.open("?task=rosenbrock").page
    for _, change, query, *_ in CHANGES[:5]:
        change(page)
        page.wait_for_function(f"location.search === '?task=rosenbrock&{query}'")
    explorer.seek(83)
    explorer.after(lambda: page.mouse.move(2, 2), "location.search.includes('step=83')")
    other = explorers(fresh=True).open(page.url.removeprefix(explorer.address + "/"))
    other.page.mouse.move(2, 2)
    assert other.page.url == page.url
    assert other.step == 83
    assert other.figures() == explorer.figures()
    for name in ("loss", "state", "update", "gradient", "rate", "landscape"):
        assert explorer.readout(name) == other.readout(name)
    for one in (explorer, other):  # a panel may be a fraction of a pixel higher than its plot, from before its legend
        one.page.set_viewport_size({"width": 1360, "height": 900})
        one.page.mouse.move(2, 2)
        one.page.evaluate("document.querySelectorAll('.js-plotly-plot').forEach((graph) => Plotly.Plots.resize(graph))")
        one.settle()
    assert other.pictures() == explorer.pictures()
    for name in ("loss", "landscape", "state", "update", "gradient"):
        drawn = [MADE_UP.sub("", one.page.evaluate(DRAWN, name)) for one in (explorer, other)]
        assert len(drawn[0]) > 5000 and drawn[0] == drawn[1], name
