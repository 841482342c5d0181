"""Starting where the landscape is clicked, and what a classifier decides."""

import numpy as np
import pytest

from tests.browser.conftest import Explorer


def place(explorer: Explorer, x: float, y: float) -> tuple[float, float]:
    """Where a point of the landscape is on the page."""
    found = explorer.page.evaluate(
        """([x, y]) => {
            const graph = probe.graph("landscape"), box = graph.getBoundingClientRect();
            const { xaxis, yaxis } = graph._fullLayout;
            return [box.left + xaxis._offset + xaxis.d2p(x), box.top + yaxis._offset + yaxis.d2p(y)];
        }""",
        [x, y],
    )
    return found[0], found[1]


@pytest.mark.long
def test_all_start_where_it_is_clicked(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock&step=3").page
    for x, y in ((-1.1, 2.2), (1.5, -0.4)):
        before = explorer.query
        explorer.after(
            lambda x=x, y=y: page.mouse.click(*place(explorer, x, y)),
            f"location.search.includes('start=') && location.search !== '?{before}'",
        )
        start = [float(page.get_by_label(f"Start {name}").input_value()) for name in "xy"]
        np.testing.assert_allclose(start, [x, y], atol=0.02)  # two pixels
        assert explorer.query == f"task=rosenbrock&start={start[0]:g},{start[1]:g}&step=3"
        paths = explorer.bundle().arrays["paths"]
        np.testing.assert_allclose(paths[:, 0], [start] * len(paths), atol=1e-6)
    explorer.after(
        lambda: page.get_by_role("button", name="Back to the seed's start").click(),
        "!location.search.includes('start')",
    )
    assert page.get_by_label("Start x").input_value() == ""
    page.get_by_label("Start x").fill("-1.2")  # typed numbers start there, too
    page.get_by_label("Start y").fill("1")
    explorer.after(lambda: page.keyboard.press("Tab"), "location.search.includes('start=-1.2,1')")
    paths = explorer.bundle().arrays["paths"]
    np.testing.assert_allclose(paths[:, 0], [[-1.2, 1]] * len(paths), rtol=1e-6)


def test_a_zoom_is_no_click(explorer: Explorer) -> None:
    page = explorer.open("?task=rosenbrock&step=30").page
    before, picture = (
        page.evaluate("probe.graph('landscape')._fullLayout.xaxis.range"),
        explorer.pictures()["landscape"],
    )
    x, y = place(explorer, -0.5, 0.2)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 6, y)  # too short for Plotly's zoom
    page.mouse.up()
    explorer.settle()
    assert page.get_by_label("Start x").input_value() == ""
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(*place(explorer, 0.9, 2.4), steps=5)
    page.mouse.up()
    page.wait_for_function("range => probe.graph('landscape')._fullLayout.xaxis.range[0] > range[0] + 1", arg=before)
    explorer.settle()
    assert explorer.query == "task=rosenbrock&step=30"
    assert explorer.pictures()["landscape"] != picture  # drawn again on the new axes


@pytest.mark.long
def test_other_landscapes_are_not_clicked(explorer: Explorer) -> None:
    page = explorer.open("?task=linear_regression").page
    page.mouse.click(*place(explorer, 1, 1))
    explorer.settle()
    assert "start" not in explorer.query  # there, a click goes to the step that is under it
    assert page.locator("#start-x").is_visible() is False


@pytest.mark.long
def test_the_decision_of_a_classifier_follows_the_step(explorer: Explorer) -> None:
    page = explorer.open("?task=two_moons&optimizer=adam").page
    fields, boundaries = [], []
    for step in (0, 10, 60, 200):
        explorer.seek(step)
        now = explorer.pictures()
        fields.append(now["field"])
        boundaries.append(now["landscape"])
    assert len(set(fields)) == len(set(boundaries)) == 4
    # Colour by the sign of the logit: left and right of the boundary differ, and both agree with the bundle.
    bundle = explorer.bundle()
    logits = bundle.arrays["logits"][0, 200]
    (x0, x1), (y0, y1) = bundle.about["plane_window"]
    rows, columns = logits.shape
    for sign in (-1, 1):
        r, c = np.argwhere(sign * logits.astype(int) > 120)[0]
        x, y = x0 + (x1 - x0) * c / (columns - 1), y0 + (y1 - y0) * r / (rows - 1)
        red, _, blue, alpha = page.evaluate(
            """([x, y]) => {
                const { xaxis, yaxis } = probe.graph("landscape")._fullLayout;
                const { data } = probe.alpha("landscape", "under"), { width } = probe.canvas("landscape", "under");
                const inside = (axis, value) => Math.min(Math.max(axis.d2p(value), 2), axis._length - 3);
                const [i, j] = [xaxis, yaxis].map((axis, k) => Math.round(axis._offset + inside(axis, [x, y][k])));
                return Array.from(data.slice(4 * (j * width + i), 4 * (j * width + i) + 4));
            }""",
            [x, y],
        )
        assert alpha > 80
        assert (red > blue) == (sign > 0)
    explorer.seek(0)
    assert explorer.pictures()["field"] == fields[0]
