"""Figures of Explore at one inner step hold the bundle's numbers of that step."""

from typing import Any

import numpy as np
import pytest
from plotly.io import to_json

from app.pages.explore.figures import FIGURES, Drawing
from app.pages.explore.figures_at_step import MOMENTS, at_step
from tests.app.conftest import Shown
from tests.app.pages.explore.test_figures import drawing

STEP = 23


@pytest.fixture
def d(shown: Shown) -> Drawing:
    return drawing(shown)


def added(name: str, d: Drawing) -> list[Any]:
    """Traces of the moment, without those that stand still."""
    figure = at_step(name, d, STEP)
    to_json(figure)
    still = len(FIGURES[name](d).data)
    return list(figure.data[still:])


def test_every_panel_has_its_moment(d: Drawing) -> None:
    assert list(MOMENTS) == list(FIGURES)
    for name in MOMENTS:
        assert len(at_step(name, d, STEP).data) > len(FIGURES[name](d).data)


def test_dots_stand_on_the_curves(d: Drawing) -> None:
    losses = [(trace.x[0], trace.y[0]) for trace in added("loss", d)]
    assert losses == [(STEP, float(d.bundle.arrays["losses"][d.row(name), STEP])) for name in reversed(d.optimizers)]
    rates = [(trace.x[0], trace.y[0]) for trace in added("rate", d)]
    assert rates == [(STEP, float(d.bundle.arrays["rate"][index, STEP])) for index in d.components]


def test_the_path_so_far_ends_at_the_state(d: Drawing) -> None:
    walked = added("state", d)[: len(d.components)]
    for trace, index in zip(walked, d.components, strict=True):
        np.testing.assert_array_equal(np.stack([trace.x, trace.y], 1), d.bundle.arrays["state"][index][: STEP + 1])


def test_the_update_function_is_this_steps(d: Drawing) -> None:
    curves = added("update", d)[: len(d.components)]
    for trace, index in zip(curves, d.components, strict=True):
        np.testing.assert_array_equal(trace.y, d.bundle.arrays["update"][index, STEP])
        np.testing.assert_allclose(d.scale * np.sinh(trace.x), d.bundle.arrays["gradient_grid"], rtol=1e-5, atol=1e-9)


def test_the_density_is_of_the_gradients_met_so_far(d: Drawing) -> None:
    area = added("gradient", d)[0]
    widths = np.diff(d.spread(d.bundle.arrays["histogram_edges"].astype(np.float64)))
    np.testing.assert_allclose(area.y[::2] * widths, d.bundle.arrays["histogram"][STEP], rtol=1e-5, atol=1e-12)
