"""What is under the pointer is lit in every panel."""

import pytest

from tests.browser.conftest import Explorer

LIT = "({ ...document.body.dataset })"


def point(explorer: Explorer, panel: str, x: str, y: str) -> None:
    """Move the pointer to a place of a panel, given in the axes' linear values."""
    explorer.hold(stage="#explore/stage.mjs")
    explorer.page.locator(f"#{panel}").scroll_into_view_if_needed()
    place = explorer.page.evaluate(
        f"""(panel) => {{
          const graph = document.querySelector(`#${{panel}} .js-plotly-plot`);
          const {{ xaxis, yaxis }} = graph._fullLayout;
          const box = graph.getBoundingClientRect();
          const about = stage.stage.columns[0];
          return [box.left + xaxis._offset + xaxis.l2p({x}), box.top + yaxis._offset + yaxis.l2p({y})];
        }}""",
        panel,
    )
    explorer.page.mouse.move(place[0] + 1, place[1] + 1)
    explorer.page.mouse.move(*place)
    explorer.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_a_step_is_lit_everywhere(explorer: Explorer) -> None:
    page = explorer.open("?compare=adam&step=20").page
    before = explorer.pictures()
    for panel in ("loss-panel", "rate-panel", "rate-panel-2"):
        point(explorer, panel, "120", "(yaxis.range[0] + yaxis.range[1]) / 2")
        assert page.evaluate(LIT)["litStep"] == "120"
        after = explorer.pictures()
        assert [name for name in before if name != "field" and before[name] == after[name]] == []
        page.mouse.move(2, 2)
        page.wait_for_function("!('litStep' in document.body.dataset)")
    explorer.settle()
    assert explorer.pictures() == before
    assert explorer.step == 20


def test_a_component_is_lit_from_its_path_and_from_its_name(explorer: Explorer) -> None:
    page = explorer.open("?step=30").page
    state = "row(about.bundle.arrays.state, 2)".replace(
        "row(", "((array, i) => array.data.slice(i * array.strides[0]))("
    )
    point(explorer, "state-panel", f"{state}[60]", f"{state}[61]")
    found = page.evaluate(LIT)
    assert "litComponent" in found
    assert "litStep" in found
    page.locator("#gradient-panel .chip").nth(1).hover()
    page.wait_for_function("document.body.dataset.litComponent === '1'")
    assert page.locator(".chip.lit").all_inner_texts() != []
    assert {text.split()[0] for text in page.locator(".chip.lit").all_inner_texts()} == {"x2"}


def test_an_optimizer_is_lit_by_its_colour(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock&step=30").page
    before = explorer.pictures()
    page.locator("#loss-panel .chip").nth(1).hover()
    page.wait_for_function("'litOptimizer' in document.body.dataset")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    after = explorer.pictures()
    assert before["loss"] != after["loss"]
    assert before["landscape"] != after["landscape"]
    assert before["state"] == after["state"]


@pytest.mark.long
def test_an_optimizer_is_lit_in_every_figure_of_performance(explorer: Explorer) -> None:
    page = explorer.page
    explorer.visit("performance")
    with_adam = """[...document.querySelectorAll('.room .js-plotly-plot')]
      .filter((plot) => plot._fullData?.some((one) => one.legendgroup === 'adam'))"""
    page.wait_for_function(f"{with_adam}.length >= 3")
    explorer.rest()
    faint = """[...document.querySelectorAll('.room .js-plotly-plot')].map((plot) =>
      [...new Set(plot._fullData.filter((one) => plot.querySelector(`.trace${one.uid}`)?.style.opacity === '0.15')
        .map((one) => one.legendgroup))])"""
    assert not any(page.evaluate(faint))
    page.locator("#show-adam").hover()
    page.wait_for_function("document.body.dataset.litGroup === 'adam'")
    found = [groups for groups in page.evaluate(faint) if groups]
    assert len(found) >= 3
    assert all("adam" not in groups and "momentum" in groups for groups in found)
    assert page.locator("tr[data-name=adam]").get_attribute("class") == "lit"
    page.mouse.move(3, 3)
    page.wait_for_function("!('litGroup' in document.body.dataset)")
    assert not any(page.evaluate(faint))
