"""The Distil page: the ladder, sliders whose curves follow, and what is taken along."""

import pytest

from core.optimizers.formula import MECHANISMS
from tests.browser.conftest import Explorer

DRAWN = "document.querySelector('#distil-{}-graph .js-plotly-plot')"
FORMULA = f"{DRAWN.format('curves')}?._fullData?.find((trace) => trace.name === 'Formula')"


@pytest.mark.long
def test_a_slider_moves_the_held_out_curve_of_the_formula(explorer: Explorer) -> None:
    page = explorer.visit("distil?task=rosenbrock&mechanisms=4")
    page.wait_for_function(f"{DRAWN.format('ladder')}?._fullData?.[0].x.length === {len(MECHANISMS)}")
    page.wait_for_function(FORMULA)
    page.wait_for_function("document.querySelector('#distil-curves-caption')?.textContent.includes('It keeps')")
    curve, caption = page.evaluate(f"[{FORMULA}.y[100], document.querySelector('#distil-curves-caption').textContent]")
    slider = page.locator(".number [role=slider]").first
    slider.focus()
    for _ in range(30):
        slider.press("ArrowLeft")
    page.wait_for_function(f"{FORMULA}.y[100] !== {curve}")
    page.wait_for_function(
        "(before) => document.querySelector('#distil-curves-caption').textContent !== before", arg=caption
    )
    page.wait_for_function("new URLSearchParams(location.search).get('numbers')?.startsWith('rate:')")
    moved, said = page.url, slider.get_attribute("aria-valuetext")
    assert said == page.locator(".number .number-value").first.inner_text()
    ink = f"{DRAWN.format('curves')}?._fullLayout.font.color"
    light = page.evaluate(ink)
    page.locator("#theme-toggle").click()
    page.wait_for_function(f"{FORMULA} && {ink} !== '{light}' && {FORMULA}.y[100] !== {curve}")
    assert page.url == moved and slider.get_attribute("aria-valuetext") == said
    page.locator("#distil-reset").click()
    page.wait_for_function(f"{FORMULA}?.y[100] === {curve}")
    page.wait_for_function("!location.search.includes('numbers')")
    page.locator("#distil-equations [data-number=exponent]").hover()
    lit = "[...document.querySelectorAll('.distil .lit')].map((part) => part.id || part.dataset.name || part.dataset.number)"
    assert page.evaluate(lit) == ["exponent", "exponent", "distil-update"]
    copy = page.locator("#distil-outputs .copy-code").first
    copy.click()
    page.wait_for_function("['Copied', 'Selected'].includes(document.querySelector('.copy-code').textContent)")
    page.wait_for_function("document.querySelector('.copy-code').textContent === 'Copy'")
