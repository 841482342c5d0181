"""Figures of Explore at one inner step hold the bundle's numbers of that step."""

import json
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from flask import Flask
from plotly.io import to_json

from app.pages.explore.figures import Drawing
from app.pages.explore.panels import PANELS
from app.shared.catalog import TITLES
from app.shared.style import OPTIMIZER_COLORS, finite
from tests.app.conftest import Shown
from tests.app.pages.explore.test_figures import drawing

STEP = 23


@pytest.fixture
def d(shown: Shown) -> Drawing:
    return drawing(shown)


def added(name: str, d: Drawing) -> list[Any]:
    """Traces of what moves, without those that stand still."""
    figure = PANELS[name].at_step(d, STEP)
    to_json(figure)
    still = len(PANELS[name].figure(d).data)
    return list(figure.data[still:])


def test_what_moves_in_every_panel_is_drawn_and_described(d: Drawing) -> None:
    for name, panel in PANELS.items():
        assert added(name, d) or panel.at_step(d, STEP).layout.shapes
        described = panel.describe(d)
        json.dumps(described, allow_nan=False)
        assert [mark["kind"] for mark in described["marks"]] == [mark.kind for mark in panel.marks(d)]
        owners = {(chip.get("component"), chip.get("optimizer")) for chip in described["legend"]}
        for mark in described["marks"]:
            assert "reading" not in mark or (mark.get("component"), mark.get("optimizer")) in owners


def test_dots_stand_on_the_curves(d: Drawing) -> None:
    losses = [(trace.x[0], trace.y[0]) for trace in added("loss", d)]
    assert losses == [(STEP, float(d.bundle.arrays["losses"][d.row(name), STEP])) for name in reversed(d.optimizers)]
    rates = [(trace.x[0], trace.y[0]) for trace in added("rate", d)]
    assert rates == [(STEP, float(d.bundle.arrays["rate"][index, STEP])) for index in d.components]
    (cursor,) = PANELS["rate"].at_step(d, STEP).layout.shapes
    assert (cursor.x0, cursor.x1) == (STEP, STEP)


def test_paths_are_faint_beyond_the_step(d: Drawing) -> None:
    if d.bundle.about["landscape"] != "plane":
        return
    for name in d.optimizers:
        lines = [trace for trace in added("landscape", d) if trace.name == TITLES[name]]
        assert {trace.line.color for trace in lines} == {OPTIMIZER_COLORS[name]}
        whole, so_far = lines
        path = finite(d.bundle.arrays["paths"][d.row(name)])
        np.testing.assert_array_equal(np.stack([whole.x, whole.y], 1), path)
        np.testing.assert_array_equal(np.stack([so_far.x, so_far.y], 1), path[: STEP + 1])
        assert (whole.opacity < so_far.opacity, whole.showlegend) == (True, False)


def test_the_path_so_far_ends_at_the_state(d: Drawing) -> None:
    walked = added("state", d)[: len(d.components)]
    for trace, index in zip(walked, d.components, strict=True):
        np.testing.assert_array_equal(np.stack([trace.x, trace.y], 1), d.bundle.arrays["state"][index][: STEP + 1])
    named = [trace.name for trace in PANELS["state"].at_step(d, STEP).data if trace.showlegend is not False]
    assert len(set(named)) == len(named)  # each path once in the legend


def test_the_update_function_is_this_steps(d: Drawing) -> None:
    curves = added("update", d)[: len(d.components)]
    for trace, index in zip(curves, d.components, strict=True):
        np.testing.assert_array_equal(trace.y, d.bundle.arrays["update"][index, STEP])
        np.testing.assert_allclose(d.scale * np.sinh(trace.x), d.bundle.arrays["gradient_grid"], rtol=1e-5, atol=1e-9)


def test_the_density_is_of_the_gradients_met_so_far(d: Drawing) -> None:
    area, *ticks = added("gradient", d)
    widths = np.diff(d.spread(d.bundle.arrays["histogram_edges"].astype(np.float64)))
    np.testing.assert_allclose(area.y[::2] * widths, d.bundle.arrays["histogram"][STEP], rtol=1e-5, atol=1e-12)
    top = PANELS["gradient"].figure(d).layout.yaxis.range[1]
    places = d.spread(d.bundle.arrays["gradient"][list(d.components), STEP].astype(np.float64))
    np.testing.assert_allclose([trace.x[0] for trace in ticks], places[np.isfinite(places)])
    np.testing.assert_allclose([trace.y for trace in ticks], [[0, 0.16 * top]] * len(ticks))


def test_a_classifiers_decision_is_that_of_the_step(server: Flask) -> None:
    d = drawing(Shown(server, "task=two_moons"))
    field, *boundaries = added("landscape", d)
    logits = d.bundle.arrays["logits"]
    assert isinstance(field, go.Heatmap)
    np.testing.assert_array_equal(np.sign(field.z), np.sign(logits[0, STEP]))
    for trace, name in zip(boundaries, reversed(d.optimizers), strict=True):
        np.testing.assert_array_equal(trace.z, logits[d.row(name), STEP])
        assert [[trace.x[0], trace.x[-1]], [trace.y[0], trace.y[-1]]] == d.bundle.about["plane_window"]
