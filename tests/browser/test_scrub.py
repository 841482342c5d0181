"""Scrubbing: what is drawn at each step, that nobody is asked for it, keys and playing."""

import itertools
from typing import Any

import numpy as np
import pytest

from app.shared.numbers import number
from app.shared.problem import STEPS
from tests.browser.conftest import PANELS, Explorer


def value_of(text: str) -> float:
    """A readout as a number."""
    plain = text.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return float(plain.replace(" × 10", "e").replace("−", "-").replace("∞", "inf"))


def same(text: str, value: float) -> bool:
    """Whether a readout is a value, rounded."""
    if not np.isfinite(value):
        return text in ("NaN", "∞", "−∞")
    coarse = value != 0 and not 1e-3 <= abs(value) < 1e4  # two digits instead of three
    return bool(np.isclose(value_of(text), value, rtol=0.051 if coarse else 0.0051, atol=0))


def test_every_panel_follows_the_step(explorer: Explorer) -> None:
    explorer.open("?task=rosenbrock&seed=1")
    seen: list[dict[str, str]] = []
    for step in (0, 1, 60, 200):
        assert explorer.seek(step) == step
        seen.append(explorer.pictures())  # drawn before seek returns: no waiting
        assert explorer.step == step
        page = explorer.page
        assert page.evaluate("document.body.dataset.step") == str(step)
        assert page.locator("#inner-step").input_value() == str(step)
        assert page.locator("#inner-step").get_attribute("aria-valuetext") == f"step {step} of 200"
    for one, other in itertools.combinations(seen, 2):
        assert [name for name in PANELS if one[name] == other[name]] == []
    explorer.seek(0)
    assert explorer.pictures() == seen[0]
    for wanted, found in ((-5, 0), (1000, 200), (3.4, 3), (3.6, 4)):
        assert explorer.seek(wanted) == explorer.step == found
    for wrong in ("NaN", "'x'", "undefined"):
        attempt = f"(() => {{ try {{ loptscope.seek({wrong}); }} catch (e) {{ return e.name; }} }})()"
        assert explorer.page.evaluate(attempt) == "TypeError"
    assert explorer.step == 4


@pytest.mark.parametrize("link", ["?task=rosenbrock&seed=1", "?task=linear_regression&optimizer=adam&axis=linear"])
def test_readouts_are_the_bundles_numbers(explorer: Explorer, link: str) -> None:
    explorer.open(link)
    bundle = explorer.bundle()
    optimizers = explorer.page.evaluate("loptscope.view.optimizers")
    components = explorer.page.evaluate("loptscope.view.components")
    assert [o["name"] for o in optimizers] == bundle.about["optimizers"]
    for step in (0, 7, 200):
        explorer.seek(step)
        found = explorer.readout("loss")
        losses = bundle.arrays["losses"].astype(np.float64)
        scores = [number(one, 2) for one in np.mean(losses / losses[:, :1], axis=1).tolist()]
        assert list(found) == [f"{o['title']} ({score})" for o, score in zip(optimizers, scores, strict=True)]
        for row, text in enumerate(found.values()):
            assert same(text, bundle.arrays["losses"][row, step]), (text, step, row)
        for name, array in (("update", "applied"), ("gradient", "gradient"), ("rate", "rate")):
            found = explorer.readout(name)
            for component in components:
                value = float(bundle.arrays[array][component["index"], step])
                assert same(found[component["name"]], value), (name, step, found, value)


COLUMNS = """([name, ratio]) => {
    const { xaxis, yaxis } = probe.graph(name)._fullLayout;
    const { data } = probe.alpha(name), { width } = probe.canvas(name);
    const [top, bottom] = [yaxis._offset + 2, yaxis._offset + yaxis._length - 2].map((y) => Math.round(ratio * y));
    const shares = Array.from({ length: width }, (_, x) => {
        let filled = 0;
        for (let y = top; y < bottom; y++) filled += data[4 * (y * width + x) + 3] > 0;
        return filled / (bottom - top);
    });
    return [shares, xaxis._offset + xaxis.d2p(loptscope.step)];
}"""


@pytest.mark.parametrize("ratio", [2])
def test_the_cursor_is_where_the_axis_says(explorers: Any, ratio: int) -> None:
    explorer = explorers(device_scale_factor=ratio).open("?task=rosenbrock&seed=1")
    for name, step in itertools.product(["loss", "rate"], [20, 111, 199]):
        explorer.seek(step)
        shares, place = explorer.page.evaluate(COLUMNS, [name, ratio])
        drawn = [x for x, share in enumerate(shares) if share > 0.95]
        assert drawn, (name, step, max(shares), place)
        assert len(drawn) <= ratio + 1
        middle = (drawn[0] + drawn[-1] + 1) / 2 / ratio
        assert abs(middle - place) <= 1, (name, step, middle, place)


def test_points_are_where_the_axes_say(explorer: Explorer) -> None:
    explorer.open("?task=rosenbrock&seed=1&baselines=none&components=1")
    bundle = explorer.bundle()
    for step in (0, 35, 200):
        explorer.seek(step)
        points = {"loss": (step, bundle.arrays["losses"][0, step]), "landscape": bundle.arrays["paths"][0, step]}
        points["state"] = bundle.arrays["state"][0, step]
        for name, (x, y) in points.items():
            alpha = explorer.page.evaluate(
                """([name, x, y]) => {
                    const { xaxis, yaxis } = probe.graph(name)._fullLayout;
                    const place = [xaxis._offset + xaxis.d2p(x), yaxis._offset + yaxis.d2p(y)].map(Math.round);
                    return [[0, 0], [2, 0], [0, 2], [-2, 0], [0, -2]].map(([i, j]) => probe.alpha(name).at(place[0] + i, place[1] + j));
                }""",
                [name, float(x), float(y)],
            )
            assert alpha == [255] * 5, (name, step)  # a filled dot


def test_gradients_fill_up_to_the_whole_run(explorer: Explorer) -> None:
    explorer.open("?task=rosenbrock&seed=1&components=1")
    filled = []
    for step in (0, 20, 100, 200):
        explorer.seek(step)
        filled.append(explorer.page.evaluate("probe.filled('gradient')"))
    assert filled == sorted(set(filled))
    assert filled[-1] > 2 * filled[0]


def test_scrubbing_asks_nobody_and_leaves_plotly_alone(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock").page
    page.evaluate(
        """() => {
            window.drawn = [];
            for (const graph of document.querySelectorAll(".js-plotly-plot"))
                for (const event of ["plotly_afterplot", "plotly_redraw", "plotly_relayout", "plotly_restyle"])
                    graph.on(event, (what) => window.drawn.push([graph.parentElement.id, event, what ?? null]));
        }"""
    )
    figures, before = explorer.figures(), len(explorer.requests)
    page.evaluate("for (let k = 0; k <= loptscope.steps; k++) loptscope.seek(k)")
    page.evaluate("for (let k = loptscope.steps; k >= 100; k--) loptscope.seek(k)")
    page.wait_for_function("location.search.includes('step=100')")  # the address follows a little later
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("window.drawn") == []
    page.keyboard.press("Space")  # the address follows while it plays, too
    page.wait_for_function("loptscope.step > 140")
    page.evaluate("loptscope.pause()")
    page.wait_for_function("location.search.includes(`step=${loptscope.step}`)")
    assert explorer.requests[before:] == []  # of any kind, not even for the icon of the tab
    assert explorer.figures() == figures


def test_a_click_goes_to_the_step_and_the_box_tells_every_value(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock&seed=1").page
    bundle = explorer.bundle()
    x, y = page.evaluate(
        """() => { const plot = probe.graph("loss"), { xaxis, yaxis } = plot._fullLayout, box = plot.getBoundingClientRect();
            return [box.x + xaxis._offset + xaxis.d2p(120), box.y + yaxis._offset + yaxis._length / 2]; }"""
    )
    page.mouse.move(x - 20, y)
    page.mouse.move(x, y)
    page.wait_for_function("document.querySelector('#tip b')?.textContent === 'step 120'")
    rows = page.evaluate(
        "[...document.querySelectorAll('#tip div')].map((row) => [...row.querySelectorAll('span')].map((one) => one.textContent))"
    )
    optimizers = page.evaluate("loptscope.view.optimizers")
    assert [name for name, _ in rows] == [one["title"] for one in optimizers]
    explorer.hold(numbers="#shared/numbers.mjs")
    wanted = [float(bundle.arrays["losses"][one["row"], 120]) for one in optimizers]
    assert [value for _, value in rows] == page.evaluate(
        "(values) => values.map((one) => numbers.readable(one))", wanted
    )
    page.mouse.click(x, y)
    assert explorer.step == 120


def test_steps_by_keys_and_buttons(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock&step=5").page
    for key, step in (("End", STEPS), ("ArrowRight", STEPS), ("Home", 0), ("ArrowLeft", 0)):
        page.keyboard.press(key)
        assert explorer.step == step
    page.evaluate("loptscope.seek(5)")
    for key, step in (("ArrowRight", 6), ("ArrowRight", 7), ("ArrowLeft", 6)):
        page.keyboard.press(key)
        assert explorer.step == step
    page.get_by_role("button", name="One step forward").click()
    assert explorer.step == 7
    page.get_by_role("button", name="One step back").click()
    assert explorer.step == 6
    page.locator("#inner-step").focus()
    for key, step in (("ArrowRight", 7), ("ArrowLeft", 6), ("ArrowLeft", 5)):
        page.keyboard.press(key)
        assert explorer.step == step
    page.locator("#nav-explore").focus()  # space presses no link
    page.keyboard.press("Space")
    assert page.evaluate("loptscope.playing")
    page.keyboard.press("Space")
    assert not page.evaluate("loptscope.playing")
    page.evaluate("loptscope.seek(5)")
    page.get_by_label("Problem seed").focus()  # keys in a field belong to the field
    for key in ("ArrowLeft", "ArrowRight", "Home", "End", "Space"):
        page.keyboard.press(key)
        assert explorer.step == 5
    assert not page.evaluate("loptscope.playing")
    page.get_by_role("slider", name="Outer step").focus()
    page.keyboard.press("End")  # it is there already
    assert explorer.step == 5
    page.keyboard.press("Control+ArrowRight")
    assert explorer.step == 5


def test_playing_advances_pauses_and_stops_at_the_end(explorer: Explorer) -> None:
    page = explorer.open(
        "?task=rosenbrock&speed=5"
    ).page  # slow: it is far from its end whatever comes between two looks
    page.keyboard.press("Space")
    assert page.evaluate("loptscope.playing")
    page.wait_for_function("loptscope.step > 0")
    page.evaluate("loptscope.pause()")
    paused = explorer.step
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert explorer.step == paused
    page.evaluate("loptscope.seek(loptscope.steps)")
    page.evaluate("loptscope.play()")  # from the end, it begins again
    assert page.evaluate("loptscope.step < loptscope.steps && loptscope.playing")
    page.locator("#play").focus()
    page.keyboard.press("Space")  # pauses once: the button is not pressed as well
    assert not page.evaluate("loptscope.playing")
    page.evaluate("loptscope.seek(0) || loptscope.play()")
    page.locator("#inner-step").fill("120")  # dragging the slider pauses, too
    assert explorer.step == 120
    assert not page.evaluate("loptscope.playing")
    explorer.open("?task=rosenbrock&step=170&speed=120")
    page.get_by_role("button", name="Play (space)").click()
    page.wait_for_function("loptscope.step === loptscope.steps && !loptscope.playing")
    assert page.get_by_role("button", name="Play (space)").count() == 1
    assert explorer.settle().query == "task=rosenbrock&step=200&speed=120"
