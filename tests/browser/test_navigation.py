"""From page to page with the same subject, and back."""

import pytest

from tests.browser.conftest import Explorer
from tests.browser.test_landscape import place

CURRENT = "[...document.querySelectorAll('.nav-link[aria-current=page]')].map((one) => one.textContent).join()"


def go(explorer: Explorer, page: str, there: str) -> None:
    """Follow a link of the navigation."""
    explorer.page.locator(f"#nav-{page}").click()
    explorer.page.wait_for_function(f"location.pathname === '/{'' if page == 'explore' else page}' && {there}")


def test_the_navigation_keeps_the_subject_and_back_undoes_choices(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock&optimizer=rosenbrock-gru64-seed1&outer_step=11&step=40").page
    assert page.evaluate(CURRENT) == "Explore"
    go(explorer, "mechanisms", "document.querySelector('.mechanism-room .main-svg')")
    assert explorer.query == "task=rosenbrock&optimizer=rosenbrock-gru64-seed1&outer_step=11"
    page.wait_for_function(f"{CURRENT} === 'Mechanisms'")
    assert page.evaluate(
        "!document.getElementById('plotly') && Boolean(window.Plotly)"
    )  # three dimensions need the whole
    go(explorer, "performance", "document.querySelector('#performance-outer .main-svg')")
    assert explorer.query == "task=rosenbrock&optimizer=rosenbrock-gru64-seed1"
    go(explorer, "explore", "window.loptscope?.view?.query.includes('outer_step=11')")
    explorer.settle()
    assert explorer.query == "task=rosenbrock&optimizer=rosenbrock-gru64-seed1&outer_step=11"
    assert "At outer step 11: held-out meta-loss" in page.locator("#optimizer-detail").inner_text()

    page.wait_for_timeout(1100)  # choices in the same second are one step of the history
    choose = "dash_clientside.set_props('outer-step', { value: 0 })"
    explorer.after(lambda: page.evaluate(choose), "location.search.includes('outer_step=0')")
    explorer.seek(50)
    page.wait_for_function("location.search.includes('step=50')")
    page.go_back()
    page.wait_for_function("document.querySelector('#outer-step-text')?.textContent.startsWith('11 of')")
    explorer.settle()
    assert explorer.query == "task=rosenbrock&optimizer=rosenbrock-gru64-seed1&outer_step=11"
    page.go_forward()
    page.wait_for_function("document.querySelector('#outer-step-text')?.textContent.startsWith('0 of')")
    explorer.settle()
    assert explorer.step == 50
    explorer.forgive("ERR_ABORTED")


@pytest.mark.long
def test_hyperparameters_of_ones_own_are_in_the_link(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock").page
    choose = "dash_clientside.set_props('own-kind', { value: 'adam' })"
    explorer.after(lambda: page.evaluate(choose), "location.search.includes('own=adam:learning_rate=')")
    before = page.evaluate("loptscope.view.query")
    slider = page.get_by_label("Your own learning rate", exact=True)
    explorer.after(lambda: slider.fill("700"), f"loptscope.view.query !== {before!r}")
    assert "own=adam:learning_rate=0.794" in explorer.query
    assert "Adam, own values" in page.locator("#loss-panel .readout").inner_text()
    assert page.evaluate("document.querySelector('#own-sliders .value').textContent") == "0.794"


@pytest.mark.long
def test_what_is_being_computed_is_dimmed_and_a_zoom_stays_where_the_axis_does(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock&seed=1").page
    range_ = "probe.graph('landscape')._fullLayout.xaxis.range"
    whole = page.evaluate(range_)
    page.mouse.move(*place(explorer, -1.0, 0.0))
    page.mouse.down()
    page.mouse.move(*place(explorer, 1.0, 2.0), steps=5)
    page.mouse.up()
    page.wait_for_function(f"{range_}[0] > {whole[0]} + 0.5")
    explorer.settle()
    zoomed = page.evaluate(range_)
    page.evaluate("dash_clientside.set_props('outer-step', { value: 2 })")
    page.wait_for_function("document.querySelector('#loss-graph[data-dash-is-loading]')")
    page.wait_for_function("location.search.includes('outer_step=2')")
    explorer.settle()
    assert page.locator("[data-dash-is-loading]").count() == 0
    assert page.evaluate(range_) == zoomed  # the same plane: the zoom stays
