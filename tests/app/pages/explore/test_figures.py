"""The figures of the Explore page hold the bundle's numbers, whatever the task, subject, theme and axis."""

import dataclasses
import json
import warnings
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from flask import Flask
from plotly.io import to_json

from app.pages.explore.figures import Drawing
from app.pages.explore.panels import PANELS
from app.shared.catalog import TITLES, reference_rate
from app.shared.style import DARK, LIGHT, OPTIMIZER_COLORS, component_colors, finite, symlog_ticks
from core.bundle import Bundle
from tests.app.conftest import Shown

MODES = [(LIGHT, False), (DARK, True)]  # each theme and each axis once


def drawing(shown: Shown, theme: Any = LIGHT, symlog: bool = True, bundle: Bundle | None = None) -> Drawing:
    view, bundle = shown.view, bundle or shown.bundle
    names, components = bundle.about["optimizers"], view.components
    rate = reference_rate(view.task)
    return Drawing(bundle, "a key", theme, names, components, symlog, rate, TITLES, OPTIMIZER_COLORS, [bundle])


@pytest.fixture(params=MODES, ids=lambda mode: f"{mode[0].name}-{'symlog' if mode[1] else 'linear'}")
def d(shown: Shown, request: pytest.FixtureRequest) -> Drawing:
    return drawing(shown, *request.param)


def make(name: str, d: Drawing) -> go.Figure:
    """A figure, made without a warning, that can be sent to a browser."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = PANELS[name].figure(d)
    json.loads(to_json(figure), parse_constant=pytest.fail)  # NaN and Infinity are no JSON
    return figure


def traces(figure: go.Figure) -> dict[str, Any]:
    by_name = {trace.name: trace for trace in figure.data}
    assert len(by_name) == len(figure.data)
    return by_name


def whole_range(axis: Any) -> tuple[float, float]:
    low, high = axis.range
    assert np.isfinite([low, high]).all()
    assert low < high
    return low, high


def test_every_figure_has_the_frame_of_its_theme(d: Drawing) -> None:
    for name in PANELS:
        figure = make(name, d)
        assert figure.layout.meta == {"key": "a key", "theme": d.theme.name}
        assert figure.layout.font.color == d.theme.text
        if figure.data:
            assert figure.layout.xaxis.title.text
            assert figure.layout.yaxis.title.text


def test_loss(d: Drawing) -> None:
    figure = make("loss", d)
    losses = d.bundle.arrays["losses"]
    assert [trace.name for trace in figure.data] == [TITLES[name] for name in d.optimizers]
    low, high = whole_range(figure.layout.yaxis)
    for row, (name, trace) in enumerate(zip(d.optimizers, figure.data, strict=True)):
        np.testing.assert_array_equal(trace.y, np.where(losses[row] > 0, losses[row], np.nan))
        np.testing.assert_array_equal(trace.x, np.arange(201))
        assert trace.line.color == OPTIMIZER_COLORS[name]
    assert figure.layout.yaxis.type == "log"
    assert low <= np.log10(losses[0, 0]) <= high
    first, last = whole_range(figure.layout.xaxis)
    assert first < 0
    assert last > 200


def test_landscape(d: Drawing) -> None:
    figure = make("landscape", d)
    about, arrays = d.bundle.about, d.bundle.arrays
    assert [list(figure.layout.xaxis.range), list(figure.layout.yaxis.range)] == about["plane_window"]
    if about["landscape"] == "field":
        marks = traces(figure)
        for label in (0, 1):
            trace = marks[f"class {label}"]
            points = np.stack([trace.x, trace.y], 1)
            assert 200 < len(points) < 600
            mine = {tuple(point) for point in arrays["points"][arrays["labels"] == label]}
            assert {tuple(point) for point in points} <= mine
        return
    contours = figure.data[0]
    np.testing.assert_array_equal(contours.x, arrays["surface_x"])
    np.testing.assert_array_equal(contours.y, arrays["surface_y"])
    drawn = arrays["surface"] > 10**contours.contours.start
    assert drawn.mean() > 0.5  # what lies below the lowest contour is one colour
    np.testing.assert_allclose(10.0 ** contours.z[drawn], arrays["surface"][drawn], rtol=1e-5)
    assert contours.contours.start >= np.log10(max(about["surface_floor"], 1e-12)) - 1e-9
    star = traces(figure)["minimum"]
    assert [star.x[0], star.y[0]] == about["minimum"]


def test_state_space(d: Drawing) -> None:
    figure = make("state", d)
    about, arrays = d.bundle.about, d.bundle.arrays
    marks = traces(figure)
    for index, color in zip(d.components, component_colors(len(d.components), d.theme), strict=True):
        trace = marks[about["components"][index]]
        np.testing.assert_array_equal(np.stack([trace.x, trace.y], 1), arrays["state"][index])
        assert trace.line.color == color
    stars = [name for name in marks if name in ("fixed point", "slowest point found")]
    assert len(stars) == (about["fixed_point"] is not None)
    if about["fixed_point"] is not None:
        assert stars[0] == ("fixed point" if about["fixed_point"]["converged"] else "slowest point found")
        np.testing.assert_allclose([marks[stars[0]].x[0], marks[stars[0]].y[0]], arrays["fixed_point"])
    assert f"{100 * about['explained'][0]:.1f} %" in figure.layout.xaxis.title.text


def test_update_function(d: Drawing) -> None:
    figure = make("update", d)
    low, high = whole_range(figure.layout.xaxis)
    assert low == -high
    _, reach = whole_range(figure.layout.yaxis)
    assert reach > 0
    sgd = traces(figure)["SGD"]
    assert sgd.line.color == OPTIMIZER_COLORS["sgd"]
    assert sgd.line.dash == "dash"
    gradients = d.scale * np.sinh(sgd.x) if d.symlog else sgd.x
    np.testing.assert_allclose(sgd.y, -d.sgd_rate * gradients)
    seen = d.spread(np.abs(d.bundle.arrays["gradient"][list(d.components)]))
    assert np.mean(seen <= high * (1 + 1e-6)) > (0.999 if d.symlog else 0.9)


def test_gradients(d: Drawing) -> None:
    figure = make("gradient", d)
    assert len(figure.data) == 1
    outline = figure.data[0]
    widths = np.diff(outline.x[::2], append=outline.x[-1])[: len(outline.y) // 2]
    np.testing.assert_allclose(outline.y[::2] @ widths, 1, rtol=1e-4)  # a density
    np.testing.assert_array_equal(outline.y[::2], outline.y[1::2])
    update = make("update", d)
    assert figure.layout.xaxis.range == update.layout.xaxis.range
    assert figure.layout.xaxis.tickvals == update.layout.xaxis.tickvals
    if d.symlog:
        positions, labels = symlog_ticks(d.scale, float(d.bundle.arrays["gradient_grid"][-1]))
        assert (list(figure.layout.xaxis.tickvals), list(figure.layout.xaxis.ticktext)) == (positions, labels)
    else:
        assert figure.layout.xaxis.ticktext is None


def test_rates(d: Drawing) -> None:
    figure = make("rate", d)
    arrays, names = d.bundle.arrays, d.bundle.about["components"]
    marks = traces(figure)
    for index, color in zip(d.components, component_colors(len(d.components), d.theme), strict=True):
        np.testing.assert_array_equal(marks[names[index]].y, finite(arrays["rate"][index]))
        assert marks[names[index]].line.color == color
    for row, name in enumerate(d.optimizers[1:]):
        np.testing.assert_array_equal(marks[TITLES[name]].y, finite(arrays["rate_reference"][row]))
        assert marks[TITLES[name]].line.color == OPTIMIZER_COLORS[name]
    low, high = whole_range(figure.layout.yaxis)
    settled = arrays["rate"][list(d.components), 1:]
    if figure.layout.yaxis.type == "log":
        low, high = 10.0**low, 10.0**high
    assert low <= settled.min()
    assert settled.max() <= high
    assert ("secant" in figure.layout.yaxis.title.text) == (not d.bundle.about["smooth"])


@pytest.mark.parametrize("name", PANELS)
def test_only_what_is_shown_is_drawn(shown: Shown, name: str) -> None:
    every = drawing(shown)
    alone = dataclasses.replace(every, optimizers=every.optimizers[:1], components=(1,), sgd_rate=None)
    titles = {TITLES[other] for other in every.optimizers[1:]}
    assert not titles & set(traces(make(name, alone)))
    if name in ("state", "rate"):
        components = {trace.name for trace in make(name, alone).data} & set(shown.bundle.about["components"])
        assert components == {shown.bundle.about["components"][1]}
    if name == "update":
        assert len(make(name, alone).data) == 0


def spoiled(bundle: Bundle, value: float, start: int) -> Bundle:
    """A copy in which everything is ``value`` from one step on, as after a divergence."""
    arrays = {key: array.copy() for key, array in bundle.arrays.items()}
    for key in ("losses", "gradient", "applied", "rate", "rate_reference"):
        if key in arrays:
            arrays[key][:, start:] = value
    for key in ("state", "update", "paths"):
        if key in arrays:
            arrays[key][:, start:, :] = value
    return Bundle(arrays, bundle.about)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan], ids=str)
@pytest.mark.parametrize("start", [1, 100])
def test_a_divergence_breaks_no_figure(shown: Shown, value: float, start: int) -> None:
    for symlog in (False, True):
        d = drawing(shown, symlog=symlog, bundle=spoiled(shown.bundle, value, start))
        for name in PANELS:
            figure = make(name, d)
            if name == "loss":
                whole_range(figure.layout.yaxis)
                assert np.isnan(figure.data[0].y[start:]).all()
                np.testing.assert_array_equal(figure.data[0].y[:start], shown.bundle.arrays["losses"][0, :start])


def test_one_that_runs_away_does_not_hide_the_others(shown: Shown) -> None:
    arrays = dict(shown.bundle.arrays)
    arrays["losses"] = arrays["losses"].copy()
    arrays["losses"][-1] *= np.float32(10) ** np.linspace(0, 25, 201, dtype=np.float32)
    d = drawing(shown, bundle=Bundle(arrays, shown.bundle.about))
    _, high = whole_range(make("loss", d).layout.yaxis)
    assert high < np.log10(arrays["losses"][0, 0]) + 4.5


def test_an_optimizer_has_one_colour_on_every_panel(server: Flask) -> None:
    d = drawing(Shown(server, "task=rosenbrock"))
    figures = {name: PANELS[name].at_step(d, 5) for name in ("loss", "landscape", "rate")}
    colors = {
        name: {
            trace.name: trace.line.color for trace in figure.data if trace.name in TITLES.values() and trace.line.color
        }
        for name, figure in figures.items()
    }
    assert colors["loss"] == colors["landscape"]
    assert colors["rate"].items() <= colors["loss"].items()
    assert set(colors["loss"]) == {TITLES[name] for name in d.optimizers}
