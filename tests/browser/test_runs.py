"""A sweep's runs on one page, while they train and after."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import Explorer
from tests.browser.test_train import Trainer

AXES = {"units": [3, 5], "seed": [0, 1]}
SETTINGS = {"task": "linear_regression", "problems": 4, "unroll": 10, "outer_steps": 40, "snapshots": 3}


@pytest.mark.long
def test_a_sweep_is_compared_while_it_trains(explorers: Callable[..., Explorer]) -> None:
    trainer = Trainer(explorers())
    page = trainer.page
    answer = trainer.api("/api/sweeps", "POST", {"settings": SETTINGS, "axes": AXES})
    trainer.explorer.visit(f"runs?sweep={answer['sweep']}")
    page.wait_for_function("document.querySelector('#runs-sentence')?.textContent.includes('4 finished')")
    drawn = "document.querySelector('#runs-{}-graph .js-plotly-plot')"
    page.wait_for_function(f"{drawn.format('curves')}?._fullData?.length === 4")
    page.wait_for_function(f"{drawn.format('levels')}?._fullData?.[1].x.length === 4")
    assert page.locator("#runs-rows tr").count() == 4
    assert page.locator("#runs-key").inner_text().split("\n") == ["units 3", "units 5"]
    page.evaluate("dash_clientside.set_props('runs-axis', { value: 'seed' })")
    page.wait_for_function("location.search.includes('axis=seed')")
    page.wait_for_function("document.querySelector('#runs-key')?.textContent.includes('seed 1')")
    trainer.explorer.visit("train")
    page.locator("a.sweep").first.click()
    page.wait_for_function("location.pathname === '/runs'")
    page.wait_for_function("document.querySelector('#runs-rows tr')")
    trainer.explorer.leave()
    trainer.forgive("ERR_ABORTED")
    for name in answer["jobs"]:
        trainer.discard(name)
