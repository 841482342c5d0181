"""The Library page in a real browser: sort, filter, rename, note, delete and undo, downloads, imports."""

import io
import json
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch

from core.runs import zoo
from core.runs.run import Run
from core.runs.transfer import export_weights, import_weights
from tests.browser.conftest import Explorer

SHIPPED = [entry.name for entry in zoo.entries()]


class Shelf:
    """The page, and what is on it."""

    def __init__(self, explorer: Explorer):
        self.explorer, self.page, self.address = explorer, explorer.page, explorer.address

    def open(self, query: str = "") -> "Shelf":
        """Show the view of a link."""
        if self.page.url.startswith(self.address):  # an earlier visit, of any test, leaves rows in the module
            self.explorer.hold(library="#library/main.mjs")
            self.page.evaluate("Object.assign(library.now, { ready: false, words: null })")
        self.explorer.visit(f"library{query}")
        self.explorer.hold(library="#library/main.mjs")
        self.page.wait_for_function("library.now.ready && library.now.words")
        self.page.wait_for_function("document.querySelector('#import-file')")
        return self

    @property
    def names(self) -> list[str]:
        """The rows, in order."""
        return list(
            self.page.evaluate(
                "[...document.querySelectorAll('#library-rows > tr[data-key]')].map((row) => row.dataset.key)"
            )
        )

    def wait_names(self, expression: str) -> None:
        self.page.wait_for_function(f"((shown) => {expression})(library.now.shown)")

    def row(self, key: str) -> Any:
        return self.page.locator(f'tr[data-key="{key}"]')

    def unfold(self, key: str) -> Any:
        self.row(key).locator(".unfold").click()
        found = self.page.locator(f'tr[data-details="{key}"]')
        found.wait_for()
        return found

    def pick(self, name: str, value: str) -> None:
        self.page.evaluate("([id, value]) => dash_clientside.set_props(id, { value })", [f"library-{name}", value])

    def post(self, path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(
            self.address + path,
            data=body or b"",
            method="POST",
            headers={"Content-Type": "application/octet-stream" if body else "", "Origin": self.address},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


@pytest.fixture
def weights() -> bytes:
    """A shipped optimizer as one file."""
    return export_weights(Run(zoo.ROOT / "linear_regression-vanilla2"))


@pytest.fixture
def list_runs(explorer: Explorer, weights: bytes) -> Any:
    """A page beside one run of one's own, which is gone afterwards."""
    found = Shelf(explorer)
    found.post("/api/library/weights?name=mine&task=linear_regression", weights)
    yield found
    found.page.evaluate("history.replaceState(null, '', '/nowhere')")
    listed = json.load(urllib.request.urlopen(f"{found.address}/api/library", timeout=60))
    for one in listed["entries"]:
        if one["kind"] == "own":
            found.post(f"/api/library/own/{one['name']}/delete")
    found.post("/api/library/trash/empty")


def test_all_are_listed_sorted_and_filtered_at_once(list_runs: Shelf) -> None:
    page = list_runs.open().page
    assert list_runs.names[0] == "own/mine" and set(list_runs.names) == {
        "own/mine",
        *(f"zoo/{name}" for name in SHIPPED),
    }
    text = list_runs.row("zoo/rosenbrock-gru64").inner_text()
    assert "0.0124 ± 0.0012" in text and "Adam + cosine" in text and "12,993" in text
    assert list_runs.row("zoo/rosenbrock-gru64").locator("svg path").get_attribute("d").count("L") > 30
    page.get_by_role("button", name="Held-out meta-loss").click()
    values = [
        json.loads((zoo.ROOT / name.split("/")[1] / "evaluation.json").read_text())["optimizers"]["learned"][
            "meta_loss"
        ]["mean"]
        for name in list_runs.names[:-1]
    ]
    assert values == sorted(values) and list_runs.names[-1] == "own/mine"  # what was not evaluated comes last
    page.get_by_role("button", name="Held-out meta-loss").click()
    assert list_runs.names[0].startswith("zoo/two_moons") and list_runs.names[-1] == "own/mine"
    assert page.locator("th[data-column=held_out]").get_attribute("aria-sort") == "descending"
    page.get_by_label("Search").fill("gru rosen")
    list_runs.wait_names(f"shown.length === {sum('rosenbrock-gru' in name for name in SHIPPED)}")
    list_runs.pick("origin", "own")
    list_runs.wait_names("shown.length === 0")
    assert "sort=-held_out" in page.url and "origin=own" in page.url and "text=gru+rosen" in page.url
    page.get_by_role("button", name="Show everything").click()
    list_runs.wait_names(f"shown.length === {len(SHIPPED) + 1}")
    for name, value, count in (
        ("task", "two_moons", sum(name.startswith("two_moons") for name in SHIPPED)),
        ("cell", "lstm", 0),
        ("task", "any", 1),
        ("state", "failed", 0),
    ):
        list_runs.pick(name, value)
        list_runs.wait_names(f"shown.length === {count}")
    other = list_runs.open("?cell=lstm&open=zoo/linear_regression-lstm64&sort=title")
    other.wait_names("shown.length === 1")
    assert other.names == ["zoo/linear_regression-lstm64"]
    page.locator("tr[data-details]").wait_for()


def test_details_and_links(list_runs: Shelf) -> None:
    page = list_runs.open("?theme=dark").page
    found = list_runs.unfold("zoo/rosenbrock-gru64")
    text = found.inner_text()
    assert "--task rosenbrock" in text and "adaptation pinned" in text and "815" in text and "torch" in text
    assert found.get_by_role("button", name="Save").count() == found.get_by_role("button", name="Delete").count() == 0
    found.locator("summary").click()
    config = Run(zoo.ROOT / "rosenbrock-gru64").config.model_dump(mode="json")
    assert json.loads(found.locator("pre").inner_text()) == config
    href = found.get_by_role("link", name="Start a training from it").get_attribute("href")
    assert href == "/train?start=rosenbrock-gru64%401500"
    assert "theme=dark" in page.url and "open=zoo/rosenbrock-gru64" in page.url
    list_runs.explorer.goto(list_runs.address + href)
    page.wait_for_function(
        "document.querySelector('#train-from-text')?.textContent.includes('Starts from rosenbrock-gru64')"
    )
    page.wait_for_function(
        "document.querySelector('#train-command').textContent.includes('--start rosenbrock-gru64@1500')"
    )


def test_rename_note_delete_and_undo(list_runs: Shelf) -> None:
    page = list_runs.open().page
    found = list_runs.unfold("own/mine")
    found.get_by_label("Title").fill("My <b>best</b>")
    found.get_by_label("Note").fill("two units\nonly")
    found.get_by_role("button", name="Save").click()
    page.wait_for_function("document.querySelector('#library-notice').textContent === 'Saved.'")
    row = list_runs.row("own/mine")
    assert "My <b>best</b>" in row.inner_text() and "two units" in row.inner_text() and "mine" in row.inner_text()
    page.locator('tr[data-details="own/mine"]').get_by_role("button", name="Delete").click()
    list_runs.wait_names("!shown.includes('own/mine')")
    page.locator("#library-notice").get_by_text("My <b>best</b> is in the trash.").wait_for()
    assert "30 days" in page.locator("#library-trash").inner_text()
    page.get_by_role("button", name="Undo").click()
    list_runs.wait_names("shown.includes('own/mine')")
    assert page.locator("#library-trash").is_hidden()
    list_runs.unfold("own/mine").get_by_role("button", name="Delete").click()
    list_runs.wait_names("!shown.includes('own/mine')")
    page.get_by_role("button", name="Empty the trash").click()
    page.get_by_role("button", name="Remove permanently").click()
    page.wait_for_function("document.querySelector('#library-notice').textContent === 'The trash is empty.'")
    assert page.locator("#library-trash").is_hidden()


def test_downloads(list_runs: Shelf, tmp_path: Path) -> None:
    page = list_runs.open().page
    found = list_runs.unfold("zoo/rosenbrock-gru64")
    found.get_by_label("Snapshot to download").select_option(label="outer step 815")
    for name, expected in (
        ("Weights (safetensors)", "rosenbrock-gru64-000815.safetensors"),
        ("Whole run (zip)", "rosenbrock-gru64.zip"),
    ):
        with page.expect_download() as download:
            found.get_by_role("link", name=name).click()
        assert download.value.suggested_filename == expected
        download.value.save_as(tmp_path / expected)
    list_runs.explorer.forgive("ERR_ABORTED")  # a download is no page
    run = import_weights(
        (tmp_path / "rosenbrock-gru64-000815.safetensors").read_bytes(), name="back", task="rosenbrock", root=tmp_path
    )
    shipped = Run(zoo.ROOT / "rosenbrock-gru64")
    assert run.config.architecture == shipped.config.architecture
    assert all(tensor.equal(shipped.optimizer(815).theta[name]) for name, tensor in run.optimizer().theta.items())
    with zipfile.ZipFile(io.BytesIO((tmp_path / "rosenbrock-gru64.zip").read_bytes())) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "unzipped")
    again = Run(tmp_path / "unzipped" / "rosenbrock-gru64")
    assert again.config == shipped.config and again.snapshots() == shipped.snapshots()


def test_imports_good_and_bad(list_runs: Shelf, weights: bytes, tmp_path: Path) -> None:
    page = list_runs.open().page
    page.locator("#library-import-card > summary").click()
    page.locator("#import-file").set_input_files(
        {"name": "a friend's.safetensors", "mimeType": "application/octet-stream", "buffer": weights}
    )
    page.wait_for_function("document.querySelector('#import-said').textContent.includes('nothing is missing')")
    assert page.locator("#import-name").input_value() == "a-friend-s" and page.locator("#import-cell").is_hidden()
    page.get_by_role("button", name="Import", exact=True).click()
    list_runs.wait_names("shown.includes('own/a-friend-s')")
    page.locator('tr[data-details="own/a-friend-s"]').wait_for()
    assert "imported" in list_runs.row("own/a-friend-s").inner_text()
    bare = safetensors.torch.save(Run(zoo.ROOT / "linear_regression-lstm64").optimizer().theta)
    page.locator("#import-file").set_input_files(
        {"name": "bare.safetensors", "mimeType": "application/octet-stream", "buffer": bare}
    )
    page.wait_for_function("document.querySelector('#import-units').value === '64'")
    assert page.locator("#import-cell").input_value() == "lstm"
    page.locator("#import-cell").select_option("gru")
    page.get_by_role("button", name="Import", exact=True).click()
    page.wait_for_function("document.querySelector('#import-refusal').textContent.includes('of a GRU-64 has shape')")
    assert "own/bare" not in list_runs.names
    page.locator("#import-cell").select_option("lstm")
    page.get_by_role("button", name="Import", exact=True).click()
    list_runs.wait_names("shown.includes('own/bare')")
    page.locator("#import-file").set_input_files(
        {"name": "bad.safetensors", "mimeType": "application/octet-stream", "buffer": b"not tensors"}
    )
    page.wait_for_function(
        "document.querySelector('#import-said').textContent.includes('bad.safetensors is a JSON or text file')"
    )
    assert page.get_by_role("button", name="Import", exact=True).is_disabled()
    assert "own/bad" not in list_runs.names
    list_runs.explorer.forgive("400")  # the refusal


def test_it_fits_a_narrow_screen(explorers: Callable[..., Explorer]) -> None:
    list_runs = Shelf(explorers(width=390, height=800)).open("?open=zoo/rosenbrock-gru64")
    list_runs.page.locator("tr[data-details]").wait_for()
    assert list_runs.page.evaluate("document.documentElement.scrollWidth") == 390
    assert list_runs.page.evaluate(
        "document.querySelector('.library .table-room').scrollWidth <= document.querySelector('.library .table-room').clientWidth"
    )
    assert "train one" in list_runs.page.locator("#library-after").inner_text()
    list_runs.page.evaluate("history.replaceState(null, '', '/nowhere')")
