"""The server is killed and the browser is offline for a minute while a run is watched: nothing of it is lost."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.conftest import Explorer
from tests.browser.test_train import LONG, Trainer
from tests.serving import Serving


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path / "runs", tmp_path / "cache")
    made.start()
    yield made
    made.close()


@pytest.mark.long
def test_a_killed_server_and_a_minute_offline(
    serving: Serving, contexts: Callable[..., BrowserContext], tmp_path: Path
) -> None:
    def opened(**settings: Any) -> Trainer:
        return Trainer(Explorer(contexts(**settings), serving.address))

    one, other = opened(), opened(width=1361)  # two contexts: only the second one goes offline
    other.page.clock.install()  # its minute offline passes at once
    serving.wait()
    name = one.open().start(LONG)
    one.wait_points(20)
    other.open(f"?run={name}").wait_points(20)

    other.page.context.set_offline(True)
    other.page.wait_for_function("document.querySelector('#train-offline').textContent.includes('offline')")
    before = len(one.losses())
    serving.kill_server()
    one.page.wait_for_function("document.querySelector('#train-offline').textContent !== ''")
    serving.start()
    serving.wait()
    one.page.wait_for_function("document.querySelector('#train-offline').textContent === ''")
    one.wait_points(before + 100)

    seen = len(other.losses())
    one.wait_points(seen + 200)
    other.page.clock.fast_forward(60_000)
    assert "offline" in other.page.locator("#train-offline").inner_text()
    assert len(other.losses()) == seen
    other.page.context.set_offline(False)
    other.page.wait_for_function("document.querySelector('#train-offline').textContent === ''")
    other.wait_points(seen + 200)

    one.press("Stop and keep")
    for tab in (one, other):
        tab.wait_state("stopped")
        last = tab.api(f"/api/jobs/{name}")["outer_step"]
        tab.page.wait_for_function("(count) => train.now.book.count() === count", arg=last)
    assert one.losses() == other.losses()
    for tab in (one, other):
        tab.page.evaluate("history.replaceState(null, '', '/nowhere')")
        tab.forgive("ERR_INTERNET_DISCONNECTED")  # of what was asked while nobody answered
        tab.forgive("ERR_CONNECTION_REFUSED")
        tab.forgive("ERR_CONNECTION_RESET")
        tab.forgive("ERR_EMPTY_RESPONSE")
        tab.forgive("ERR_CONTENT_LENGTH_MISMATCH")  # an answer that was under way
        tab.forgive("the server did not respond")  # what Dash says of its own questions
        tab.explorer.close()
