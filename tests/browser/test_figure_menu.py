"""The menu of every figure: enlarge, hide, SVG, PNG, CSV and Python lines; and a view as one file."""

import csv
import re
import struct
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import HELPERS, LONGEST, Explorer, hold


def menu(explorer: Explorer, room: str, act: str) -> None:
    """Choose something from a figure's menu."""
    explorer.page.locator(f"{room} > .figure-button").click()
    explorer.page.get_by_role("menuitem", name=act).click()


def saved(explorer: Explorer, room: str, act: str, folder: Path) -> Path:
    """The file that something of a figure's menu saves."""
    with explorer.page.expect_download() as waiting:
        menu(explorer, room, act)
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_the_numbers_of_a_figure(explorer: Explorer, tmp_path: Path) -> None:
    explorer.open("?step=25")
    bundle = explorer.bundle()
    path = saved(explorer, "#loss-panel", "Data as CSV", tmp_path)
    assert path.name == "loptscope-explore-loss-step25.csv"
    rows = list(csv.DictReader(path.open()))
    own = [float(row["loss"]) for row in rows if row["series"] == rows[0]["series"]]
    np.testing.assert_allclose(own, bundle.arrays["losses"][0], rtol=1e-6)
    path = saved(explorer, "#update-panel", "Data as CSV", tmp_path)
    found = [row for row in csv.DictReader(path.open()) if row["series"] == "x1 at inner step 25"]
    np.testing.assert_allclose(
        [float(row["gradient"]) for row in found], bundle.arrays["gradient_grid"], rtol=1e-5, atol=1e-9
    )
    np.testing.assert_allclose(
        [float(row["update"]) for row in found], bundle.arrays["update"][0, 25], rtol=1e-5, atol=1e-12
    )


SVG = "{http://www.w3.org/2000/svg}"


def opened(explorer: Explorer, room: str) -> None:
    """The dialog that saves a figure, once it shows what would be saved."""
    menu(explorer, room, "Save figure")
    explorer.page.wait_for_selector("#export[data-drawn]")


def kept(explorer: Explorer, kind: str, folder: Path) -> Path:
    """The file that the dialog saves."""
    with explorer.page.expect_download() as waiting:
        explorer.page.get_by_role("button", name=f"Save as {kind}").click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def words(svg: ET.Element) -> str:
    """All text of a file."""
    return " ".join("".join(one.itertext()) for one in svg.iter(f"{SVG}text"))


def test_a_saved_figure_says_what_it_is(explorer: Explorer, tmp_path: Path) -> None:
    page = explorer.open("?task=rosenbrock&seed=1&step=25").page
    opened(explorer, "#loss-panel")
    drawn = ET.fromstring(kept(explorer, "SVG", tmp_path).read_text())
    assert (drawn.get("width"), drawn.get("height")) == ("89mm", "62.000mm")
    said = words(drawn)
    assert "Rosenbrock, Learned GRU-64 (seed 0), outer step 1,500, problem seed 1" in said
    for title in ("Learned GRU-64 (seed 0)", "Momentum", "RMSProp", "Adam", "Adam + cosine", "inner step", "loss"):
        assert title in said
    assert (
        "inner step 25" not in said and drawn.findall(f".//{SVG}g[@class='drawn']") == []
    )  # no cursor unless asked for
    page.locator("#export-marked").check()
    page.select_option("#export-size", "page")
    marked = ET.fromstring(kept(explorer, "SVG", tmp_path).read_text())
    assert marked.get("width") == "183mm" and "inner step 25" in words(marked)
    assert len(list(marked.findall(f".//{SVG}g[@class='drawn']")[-1])) >= 4  # the cursor, and a dot on every line
    path = kept(explorer, "PNG", tmp_path)
    width, _ = struct.unpack(">II", path.read_bytes()[16:24])
    assert abs(width - 183 / 25.4 * 600) < 8
    page.locator("#export-width").fill("5")
    page.wait_for_function("document.querySelector('#export .notice').textContent.includes('from 30 to 500 mm')")
    page.keyboard.press("Escape")


@pytest.mark.long
def test_all_panels_of_a_view_in_one_pdf(explorer: Explorer, tmp_path: Path) -> None:
    page = explorer.open("?task=two_moons&step=25&theme=dark").page
    opened(explorer, "#landscape-panel")
    page.select_option("#export-what", "all")
    page.select_option("#export-size", "page")
    drawn = ET.fromstring(kept(explorer, "SVG", tmp_path).read_text())
    said = words(drawn)
    panels = ("Loss", "Landscape", "State space", "Update function", "Gradients", "Effective learning rate")
    for letter, title in zip("abcdef", panels, strict=True):
        assert f"{letter}  {title}" in said or f"{letter} {title}" in said
    (field,) = drawn.findall(f".//{SVG}image")
    assert str(field.get("href")).startswith("data:image/png")
    content = kept(explorer, "PDF", tmp_path).read_bytes()
    assert content.startswith(b"%PDF-") and b"/FontFile2" in content  # letters stay letters
    (box,) = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", content)
    assert abs(float(box[0]) - 183 / 25.4 * 72) < 0.5
    page.keyboard.press("Escape")


def test_enlarging_hiding_and_the_keyboard(explorer: Explorer) -> None:
    page = explorer.open("?step=5").page
    by_keyboard(explorer)
    before = page.locator("#state-panel").bounding_box()
    menu(explorer, "#state-panel", "Enlarge")
    explorer.settle()
    large = page.locator("#state-panel").bounding_box()
    assert before and large
    assert large["width"] > 2 * before["width"]
    wide = "(least) => document.querySelector('#state-panel canvas.over').getBoundingClientRect().width > least"
    page.wait_for_function(wide, arg=2 * before["width"])  # the canvas follows the figure
    page.keyboard.press("ArrowRight")
    assert explorer.step == 6
    page.keyboard.press("Escape")
    explorer.settle()
    assert page.locator("#state-panel").bounding_box() == before
    menu(explorer, "#landscape-panel", "Hide")
    page.wait_for_function("location.search.includes('panels=loss,state,update,gradient,rate')")
    assert page.locator("#landscape-panel").get_attribute("data-hidden") is not None


COVERED = """() => [...document.querySelectorAll(".figure-button")].filter((one) => one.offsetParent).flatMap((one) => {
  one.scrollIntoView({ block: "center" });
  const { x, y, width, height } = one.getBoundingClientRect();
  const found = document.elementFromPoint(x + width / 2, y + height / 2);
  return found === one ? [] : [`${one.getAttribute("aria-label")} under ${found?.tagName}`];
})"""


@pytest.mark.long
@pytest.mark.parametrize(
    "link",
    [
        "",
        "mechanisms",
        "mechanisms?view=adaptation",
        "performance",
        "distil",
        "runs?runs=rosenbrock-gru64,two_moons-gru24",
    ],
)
def test_nothing_lies_over_the_button_of_a_menu(explorer: Explorer, link: str) -> None:
    page = explorer.visit(link)
    page.locator(".figure-button:visible").nth(1).wait_for()
    explorer.rest()
    assert page.evaluate(COVERED) == []


def by_keyboard(explorer: Explorer) -> None:
    """Through the menu and back, and the Python lines."""
    page = explorer.page
    page.locator("#rate-panel > .figure-button").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.textContent") == "Python lines"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.className") == "figure-button"
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    lines = page.locator("#python-lines code").inner_text()
    assert lines == 'import loptscope\n\nview = loptscope.explore("step=5")\nview.figure("rate").show()\n'
    assert explorer.step == 5
    page.keyboard.press("Escape")


OTHERS = [
    ("mechanisms", "#momentum-eigenvalues-0-card .room", "document.body.dataset.mechanism"),
    ("performance", "#performance-outer .room", "document.querySelector('#performance-outer .main-svg')"),
]


@pytest.mark.long
@pytest.mark.parametrize(("name", "room", "ready"), OTHERS)
def test_the_menu_is_on_other_pages_too(explorer: Explorer, tmp_path: Path, name: str, room: str, ready: str) -> None:
    page = explorer.page
    explorer.visit(f"{name}")
    page.wait_for_function(ready)
    page.locator(f"{room} > .figure-button").wait_for()
    rows = list(csv.reader(saved(explorer, room, "Data as CSV", tmp_path).open()))
    assert rows[0][0] == "series"
    assert len(rows) > 3
    opened(explorer, room)
    drawn = ET.fromstring(kept(explorer, "SVG", tmp_path).read_text())
    assert "Linear regression" in words(drawn) and "Learned GRU-64 (seed 0)" in words(drawn)
    page.keyboard.press("Escape")
    menu(explorer, room, "Python lines")
    assert f"loptscope.{name}(" in page.locator("#python-lines code").inner_text()
    page.keyboard.press("Escape")
    menu(explorer, room, "Hide")
    assert not page.locator(room).is_visible()
    page.locator("#put-away-bar").click()
    page.locator(room).wait_for(state="visible")


@pytest.mark.long
def test_a_view_as_one_file_scrubs_offline(explorer: Explorer, chromium: Browser, tmp_path: Path) -> None:
    page = explorer.open("?task=rosenbrock&compare=adam&step=12&panels=loss,landscape,update&seed=2").page
    explorer.hold(stage="#explore/stage.mjs")
    losses = "stage.stage.columns.map((one) => Array.from(one.bundle.arrays.losses.data))"
    wanted = page.evaluate(losses)
    with page.expect_download() as waiting:
        page.locator("#save-page").click()
    path = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(path)
    explorer.forgive("ERR_ABORTED")  # a download, to Chromium
    context = chromium.new_context(viewport={"width": 1300, "height": 900}, offline=True)
    context.set_default_timeout(1000 * LONGEST)
    context.add_init_script(HELPERS)
    other = Opened(context.new_page())
    other.page.goto(path.as_uri())
    other.page.wait_for_function("loptscope.ready.then(() => true)")
    assert other.page.evaluate("loptscope.step") == 12
    hold(other.page, stage="#explore/stage.mjs")
    assert other.page.evaluate(losses) == wanted
    pictures = [other.page.evaluate(f"probe.picture('{name}')") for name in ("loss", "landscape", "update")]
    other.page.keyboard.press("End")
    assert other.page.evaluate("loptscope.step") == other.page.evaluate("loptscope.steps")
    assert all(
        other.page.evaluate(f"probe.picture('{name}')") != before
        for name, before in zip(("loss", "landscape", "update"), pictures, strict=True)
    )
    other.page.locator("#play").click()
    other.page.wait_for_function("loptscope.step > 3 && loptscope.playing")
    assert other.page.locator("#board .panel:not([data-hidden])").count() == 6
    context.close()
    assert other.complaints == []


class Opened:
    """A page of a file, and what it complained of or asked for."""

    def __init__(self, page: Any):
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._ask(request.url))

    def _ask(self, url: str) -> None:
        if not url.startswith(("file:", "data:", "blob:")):
            self.complaints.append(url)


def test_the_link_is_copied(explorer: Explorer) -> None:
    explorer.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    explorer.open("?step=9")
    explorer.page.locator("#copy-link").click()
    explorer.page.wait_for_function("document.querySelector('#copy-link').textContent === 'Copied'")
    assert explorer.page.evaluate("navigator.clipboard.readText()") == explorer.page.url
