"""The Train page in a real browser: a run is started, watched, interrupted, and nothing of it is lost."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.conftest import Explorer
from tests.browser.test_figure_menu import COVERED
from tests.serving import wait_for

TINY = {"units": 3, "problems": 4, "unroll": 20, "truncation": "", "outer_steps": 60}
LONG = {**TINY, "problems": 128, "unroll": 100, "outer_steps": 200_000}  # long enough, and not too many points to draw
POINTS = "Number(document.body.dataset.points)"


class Trainer:
    """The page, and what is on it."""

    def __init__(self, explorer: Explorer):
        self.explorer = explorer
        self.page = explorer.page
        self.address = explorer.address

    def open(self, query: str = "") -> "Trainer":
        """Show the view of a link."""
        self.page.evaluate("window.train && Object.assign(train.now, { frames: null })")
        self.explorer.visit(f"train{query}")
        return self.ready()

    def ready(self) -> "Trainer":
        """Wait until the page is there."""
        self.explorer.hold(train="#train/main.mjs")
        self.page.wait_for_function("train.now.frames && document.querySelector('#train-outer-graph .main-svg')")
        return self

    def reload(self) -> "Trainer":
        """Load the page anew; what was being asked just then is given up."""
        self.page.reload()
        self.ready()
        self.forgive("ERR_ABORTED")
        return self

    @property
    def forgive(self) -> Callable[[str], int]:
        return self.explorer.forgive

    def fill(self, settings: dict[str, Any]) -> None:
        """Put values into the form's controls."""
        for name, value in settings.items():
            self.page.evaluate(
                "([id, value]) => dash_clientside.set_props(id, { value })", [f"train-set-{name}", value]
            )

    def start(self, settings: dict[str, Any]) -> str:
        """Start the first preset, shrunk; returns the run's name."""
        before = self.run
        command = "(text) => document.querySelector('#train-command').textContent.includes(text)"
        for preset, task in (("rosenbrock", "rosenbrock"), ("linear", "linear_regression")):
            self.page.locator(f"#preset-{preset}").click()
            self.page.wait_for_function(command, arg=f"--task {task} ")
        self.fill(settings)
        self.page.wait_for_function(command, arg="--units 3 ")
        self.page.get_by_role("button", name="Start", exact=True).click()
        self.page.wait_for_function("(before) => train.now.run && train.now.run !== before", arg=before)
        return self.run

    @property
    def run(self) -> str:
        return str(self.page.evaluate("train.now.run"))

    def losses(self) -> list[float | None]:
        """The outer training curve as the page knows it; it must have no holes."""
        found = self.page.evaluate("[Object.keys(train.now.book.losses).length, [...train.now.book.losses]]")
        assert found[0] == len(found[1])
        return list(found[1])

    def wait_points(self, count: int) -> None:
        self.page.wait_for_function(f"(count) => {POINTS} >= count", arg=count)

    def wait_state(self, state: str) -> None:
        self.page.wait_for_function(
            "(state) => document.querySelector('#train-state').dataset.state === state", arg=state
        )

    def press(self, name: str) -> None:
        self.page.get_by_role("group", name="This run").get_by_role("button", name=name, exact=True).click()

    def discard(self, run: str) -> None:
        """Cancel a run if it is not over, then delete it."""
        if self.api(f"/api/jobs/{run}")["state"] in ("queued", "running", "paused"):
            self.api(f"/api/jobs/{run}/cancel", "POST")
        # a worker may just be taking it
        wait_for(lambda: self.api(f"/api/jobs/{run}")["state"] not in ("queued", "running"))
        self.api(f"/api/jobs/{run}", "DELETE")

    def api(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Ask the server without the page."""
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.address + path, data=content, method=method, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


@pytest.fixture
def trainers(explorers: Callable[..., Explorer]) -> Iterator[Callable[..., Trainer]]:
    """Opens Train pages; at the end every run is deleted and the pages ask no more."""
    opened: list[Trainer] = []

    def make(**settings: Any) -> Trainer:
        opened.append(Trainer(explorers(**settings)))
        return opened[-1]

    yield make
    for trainer in opened:
        trainer.explorer.leave()
    for job in opened[0].api("/api/jobs")["jobs"]:
        opened[0].discard(job["id"])


@pytest.fixture
def trainer(trainers: Callable[..., Trainer]) -> Trainer:
    """A page, still empty."""
    return trainers()


@pytest.mark.long
def test_a_preset_is_started_and_watched_to_its_end(trainer: Trainer) -> None:
    page = trainer.open().page
    name = trainer.start(TINY)
    assert f"run={name}" in page.url
    trainer.wait_points(1)
    trainer.wait_state("finished")
    page.wait_for_function("train.now.state === 'finished' && train.now.book.count() === 60")
    events = trainer.api(f"/api/jobs/{name}/events?after=0")["events"]
    kept = [loss for event in events if event["kind"] == "steps" for loss in event["points"]["meta_loss"]]
    assert trainer.losses() == kept
    assert name in page.locator("#train-runs").inner_text()
    links = page.locator("#train-links a")
    assert links.first.get_attribute("href") == f"/?task=linear_regression&optimizer={name}"
    page.wait_for_function("document.querySelector('#train-update-of').textContent === 'after 60 outer steps'")
    for figure in ("outer", "curve", "update", "eigenvalues", "schedule"):
        drawn = f"document.querySelector('#train-{figure}-graph .js-plotly-plot')"
        page.wait_for_function(f"{drawn}._fullData.some((trace) => trace.x && trace.x.length > 1)")
    assert "finished at outer step 60" in page.locator("#train-log").inner_text()
    assert page.locator(".figure-button:visible").count() == 5
    assert page.evaluate(COVERED) == []
    links.first.click()
    page.wait_for_function("window.loptscope && document.querySelector('#loss-graph .main-svg')")
    page.wait_for_function("loptscope.ready.then(() => true)")
    assert name in page.locator("#optimizer-detail").inner_text() or f"optimizer={name}" in page.url
    trainer.forgive("ERR_ABORTED")


@pytest.mark.long
def test_a_reload_and_a_second_tab_see_the_same(trainers: Callable[..., Trainer]) -> None:
    one = trainers().open()
    name = one.start(LONG)
    one.wait_points(20)
    before = one.losses()
    one.reload()
    assert one.run == name
    one.wait_points(len(before) + 20)
    other = trainers().open(f"?run={name}")
    other.wait_points(len(before) + 20)
    first, second = one.losses(), other.losses()
    shared = min(len(first), len(second))
    assert first[:shared] == second[:shared] and first[: len(before)] == before
    other.press("Pause")
    one.wait_state("paused")


def test_a_run_is_paused_resumed_stopped_and_deleted(trainer: Trainer) -> None:
    page = trainer.open().page
    name = trainer.start(LONG)
    trainer.wait_points(10)
    trainer.press("Pause")
    trainer.wait_state("paused")
    at = trainer.api(f"/api/jobs/{name}")["outer_step"]
    trainer.press("Resume")
    trainer.wait_points(at + 10)
    trainer.press("Stop and keep")
    trainer.wait_state("stopped")
    page.wait_for_function("document.querySelector('#train-notice').textContent.includes('is stopped')")
    assert name in page.title()
    trainer.losses()
    trainer.press("Delete")
    assert "It moves to the trash" in page.locator("#train-question").inner_text()
    page.get_by_role("button", name="Yes").click()
    page.wait_for_function("train.now.run === '' && !location.search.includes('run=')")
    page.wait_for_function("!document.querySelector('#train-runs .run')")


def test_a_run_that_is_being_deleted_is_not_asked_for(trainer: Trainer) -> None:
    name = trainer.api("/api/jobs", "POST", {"task": "linear_regression", **TINY, "truncation": None})["id"]
    page = trainer.open(f"?run={name}").page
    trainer.wait_state("finished")
    page.evaluate("window.plainly = setTimeout")
    page.evaluate("window.setTimeout = (then, ms) => plainly(then, Math.min(ms, 10))")  # it asks all the time
    for _ in range(2):
        page.wait_for_event("requestfinished", lambda request: f"{name}/events" in request.url)

    def late(route: Any) -> None:
        answer = route.fetch()
        page.wait_for_timeout(300)  # the run is gone, and the page does not know it yet
        route.fulfill(response=answer)

    page.route(f"**/api/jobs/{name}/delete", late)
    trainer.press("Delete")
    page.get_by_role("button", name="Yes").click()
    page.wait_for_function("train.now.run === ''")
    page.evaluate("window.setTimeout = plainly")
    trainer.explorer.check()


@pytest.mark.long
def test_runs_wait_in_a_queue_that_can_be_reordered_and_cancelled(trainer: Trainer) -> None:
    page = trainer.open().page
    trainer.start(LONG)
    trainer.wait_points(1)
    waiting = [trainer.api("/api/jobs", "POST", {"task": "rosenbrock", "units": 3 + i})["id"] for i in range(2)]
    page.get_by_role("button", name=f"Earlier: {waiting[1]}").click()
    page.wait_for_function("(id) => train.now.jobs.find((job) => job.id === id)?.place === 0", arg=waiting[1])
    page.get_by_role("button", name=f"Cancel: {waiting[0]}").click()
    page.wait_for_function("(id) => train.now.jobs.find((job) => job.id === id)?.state === 'cancelled'", arg=waiting[0])
    trainer.press("Cancel")
    page.get_by_role("button", name="No", exact=True).click()
    assert page.locator("#train-state").get_attribute("data-state") == "running"
    trainer.press("Cancel")
    page.get_by_role("button", name="Yes").click()
    trainer.wait_state("cancelled")


def test_a_value_that_is_not_allowed_is_refused_with_a_sentence(trainer: Trainer) -> None:
    page = trainer.open().page
    page.get_by_role("button", name="Optimizer", exact=True).click()
    units = page.get_by_role("textbox", name="Units")
    units.fill("99999")
    units.press("Tab")
    refusal = page.locator("#train-refusal")
    refusal.get_by_text("units").wait_for()
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_function("!document.querySelector('#train-go[data-loading]')")
    refusal.get_by_text("units").wait_for()
    assert refusal.inner_text().count("\n") == 0
    assert trainer.run == "" and trainer.api("/api/jobs")["jobs"] == []
    assert trainer.forgive("400") >= 1
    units.fill("8")
    units.press("Tab")
    page.wait_for_function("document.querySelector('#train-refusal').textContent === ''")
    page.wait_for_function("document.querySelector('#train-estimate').textContent.includes('takes about')")


@pytest.mark.long
def test_a_run_starts_again_from_a_snapshot_with_changed_settings(trainer: Trainer) -> None:
    page = trainer.open().page
    name = trainer.start(TINY)
    trainer.wait_state("finished")
    step = page.locator("#train-snapshots button").last
    assert step.inner_text() == "60"
    step.click()
    page.locator("#train-from-text").get_by_text(name).wait_for()
    trainer.fill({"learning_rate": 0.001, "outer_steps": 25})
    command = page.locator("#train-command")
    page.wait_for_function(
        "(words) => words.every((word) => document.querySelector('#train-command').textContent.includes(word))",
        arg=[f"--start {name}@60", "--outer-steps 25"],
    )
    assert "--learning-rate 0.001" in (command.text_content() or "")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_function("(before) => train.now.run !== before", arg=name)
    trainer.wait_state("finished")
    assert trainer.api(f"/api/jobs/{trainer.run}")["start"] == {"run": name, "outer_step": 60}


@pytest.mark.long
def test_nothing_is_wider_than_the_window(trainer: Trainer) -> None:
    trainer.open()
    trainer.start(TINY)
    trainer.wait_state("finished")
    for width in (1100, 380):
        trainer.page.set_viewport_size({"width": width, "height": 800})
        trainer.page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
