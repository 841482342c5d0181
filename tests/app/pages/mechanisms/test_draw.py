"""Every view of the Mechanisms page, drawn on the server."""

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
from dash import Dash

from app.pages.mechanisms.data import measured
from app.pages.mechanisms.draw import SECOND, Side, draw
from app.pages.mechanisms.view import parse
from app.shared.catalog import subjects
from app.shared.mechanisms import MECHANISMS
from app.shared.mechanisms.adaptation import rates_zero_and_typical
from app.shared.mechanisms.clipping import half_slopes
from app.shared.mechanisms.frames import LIT, MOVING
from app.shared.mechanisms.momentum import LIT_NEAR_ONE, PLACES
from app.shared.mechanisms.references import best_momentum, references_of
from app.shared.style import DARK, LIGHT, OPTIMIZER_COLORS
from core.analysis.clipping import share_beyond
from core.mechanisms.context import Context
from core.tasks import make_task
from tests.cases import some_always


def drawn(app: Dash, query: str) -> list[Side]:
    """The sides of a link."""
    view, wrong = parse(query)
    assert wrong == []
    with app.server.app_context():
        return draw(view, LIGHT)


@pytest.mark.parametrize("view", MECHANISMS)
@pytest.mark.parametrize(
    "optimizer",
    some_always(
        ["linear_regression-gru64", "linear_regression-vanilla2", "momentum", "adam"],
        ["linear_regression-vanilla2", "adam"],
    ),
)
def test_both_sides_are_drawn(app: Dash, view: str, optimizer: str) -> None:
    first, second = drawn(app, f"view={view}&optimizer={optimizer}&versus=rmsprop")
    for side in (first, second):
        assert list(side.figures) == list(side.captions) == [figure.name for figure in MECHANISMS[view].figures]
        assert all(isinstance(figure, go.Figure) for figure in side.figures.values())
        for name, caption in side.captions.items():
            assert caption and all(
                sentence.endswith(".") and "nan" not in sentence and "{" not in sentence for sentence in caption
            ), name
    assert second.color == OPTIMIZER_COLORS["rmsprop"] != first.color


def test_two_learned_ones_have_two_colors(app: Dash) -> None:
    first, second = drawn(app, "versus=linear_regression-lstm64")
    assert (first.color, second.color) == (OPTIMIZER_COLORS["learned"], SECOND)
    assert SECOND not in OPTIMIZER_COLORS.values()


def test_nothing_beside_it(app: Dash) -> None:
    assert len(drawn(app, "versus=none")) == 1


def test_an_early_snapshot_differs(app: Dash) -> None:
    view = parse("versus=none")[0]
    with app.server.app_context():
        late, early = (draw(replace(view, outer_step=step), LIGHT)[0] for step in (view.outer_step, 0))
    assert late.frames.texts["mode"] != early.frames.texts["mode"]


def test_what_moves_is_there_by_name(app: Dash) -> None:
    (side,) = drawn(app, "versus=none")
    names = {trace.name for figure in side.figures.values() for trace in figure.data}
    assert {MOVING, LIT, LIT_NEAR_ONE, PLACES, "shifted by −100 %", "at h*", "eigenvalues", "modes"} <= names
    moving = {(name, trace) for name, traces in side.frames.figures.items() for trace in traces}
    assert moving == {
        (name, trace.name)
        for name, figure in side.figures.items()
        for trace in figure.data
        if len(trace.x) == 0 or (name == "update" and trace.name.startswith(("shifted", "at h*")))
    }


def test_the_themes_differ(app: Dash) -> None:
    with app.server.app_context():
        dark = draw(parse("versus=none")[0], DARK)[0]
    assert dark.figures["state"].layout.font.color == DARK.text


def test_the_best_momentum_is_polyaks() -> None:
    rate, beta = best_momentum("linear_regression") or (0, 0)
    low, high = 1e-3, 1.0
    kappa = (high / low) ** 0.5
    assert beta == pytest.approx(((kappa - 1) / (kappa + 1)) ** 2)
    assert rate == pytest.approx((2 / (low**0.5 + high**0.5)) ** 2)
    assert best_momentum("rosenbrock") is None
    tuned = subjects("rosenbrock")["momentum"].hyperparameters
    assert references_of("rosenbrock") == {"tuned momentum": (tuned["learning_rate"], tuned["momentum"])}


def test_numbers_in_captions_are_those_of_the_bundle(app: Dash) -> None:
    with app.server.app_context():
        bundle = measured("linear_regression", "adam", None, "clipping")
        curve = measured("linear_regression", "rmsprop", None, "adaptation")
    (half, _) = half_slopes(bundle)
    assert half is not None
    sizes, slopes = bundle.arrays["sizes"].astype(float), bundle.arrays["slopes"][0, 0].astype(float)
    assert np.interp(half, sizes, slopes / bundle.arrays["slope_at_zero"][0]) == pytest.approx(0.5, abs=0.05)
    observed = Context(
        subjects("linear_regression")["adam"].optimizer(None), make_task("linear_regression")
    ).observed.gradients
    assert share_beyond(observed, 0) == pytest.approx(1, abs=0.01) and share_beyond(observed, 1e9) == 0
    assert bundle.about["saturation"][0]["share_beyond"] == share_beyond(observed, half)
    near, far = rates_zero_and_typical(curve) or (0, 0)
    assert near > far > 0
