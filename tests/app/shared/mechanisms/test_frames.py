"""Frames: what moves stands where the mode and the slider say."""

import numpy as np
import plotly.graph_objects as go
import pytest

from app.shared.mechanisms import MECHANISMS
from app.shared.mechanisms.drawing import common_of
from app.shared.mechanisms.frames import LAST, Along, Frames, Moving, static_figure
from core.mechanisms.context import Context
from core.optimizers.hand_designed import make_hand_designed
from core.tasks import make_task

SMOOTH = Along(np.array([[[0.0, 0.0], [2.0, 4.0]], [[1.0, 1.0], [5.0, 9.0]]]), ("mode", "position"), smooth=True)
KNOTS = Along(np.array([[1.0], [2.0], [3.0]]), ("position",))


@pytest.mark.parametrize(
    ("along", "mode", "position", "expected"),
    [
        (SMOOTH, 2, 250, [2, 3]),
        (SMOOTH, 1, LAST, [2, 4]),
        (SMOOTH, 9, 0, [1, 1]),
        (KNOTS, 1, 200, [1]),
        (KNOTS, 1, 250, [2]),
    ],
)
def test_a_coordinate_at_a_place(along: Along, mode: int, position: int, expected: list[float]) -> None:
    assert along.at(mode, position).tolist() == expected


def test_the_text_names_the_mode_and_the_nearest_knot() -> None:
    frames = Frames({}, {"mode": ["first", "second"], "position": ["start", "middle", "end"]})
    assert frames.text(9, 740) == "second, middle"
    assert Frames({}, {"mode": [], "position": []}).text(1, 3) == ""


def test_the_browser_gets_four_digits_and_no_nan() -> None:
    assert Along(np.array([1.23456, np.nan])).as_json() == {"values": [1.235, None], "over": [], "smooth": False}


def test_a_static_figure_has_what_moves_at_its_place() -> None:
    figure = go.Figure(
        [go.Scatter(x=[], y=[], name="moving", showlegend=False), go.Scatter(x=[1], y=[1], name="still")]
    )
    drawn = static_figure(
        "a", figure, Frames({"a": {"moving": Moving(KNOTS, KNOTS)}}, {"mode": [], "position": []}), 1, LAST
    )
    assert list(drawn.data[0].x) == [3] and not drawn.data[0].showlegend and drawn.data[1].showlegend
    assert figure.data[0].x == ()


@pytest.mark.parametrize("name", [name for name, row in MECHANISMS.items() if row.handle])
def test_every_moving_trace_is_one_of_the_figure(name: str) -> None:
    mechanism = MECHANISMS[name]
    context = Context(make_hand_designed("adam", {"learning_rate": 0.1}), make_task("rosenbrock"))
    bundle = mechanism.measure(context)
    frames = mechanism.frames(bundle, common_of([bundle]))
    assert set(frames.figures) <= {figure.name for figure in mechanism.figures}
    lengths = {
        len(along.at(1, position)) == len(moving.x.at(1, position))
        for traces in frames.figures.values()
        for moving in traces.values()
        for along in moving.coordinates().values()
        for position in (0, 333, LAST)
    }
    assert lengths == {True} and frames.text(1, 500)


def test_momentum_shifts_its_update_function_along_its_mode() -> None:
    context = Context(
        make_hand_designed("momentum", {"learning_rate": 0.1, "momentum": 0.9}), make_task("linear_regression")
    )
    bundle = MECHANISMS["momentum"].measure(context)
    moving = MECHANISMS["momentum"].frames(bundle, common_of([bundle])).figures["update"]["moving"].y
    low, middle, high = (moving.at(1, position) for position in (0, LAST // 2, LAST))
    np.testing.assert_allclose(middle, (low + high) / 2, rtol=1e-5, atol=1e-6)
    assert np.ptp(high - low) < 1e-4 * abs(high - low).max()  # the same shift at every gradient


def test_the_threshold_of_clipping_runs_from_the_smallest_to_the_largest_gradient() -> None:
    context = Context(make_hand_designed("clipped_sgd", {"threshold": 1.0}), make_task("linear_regression"))
    bundle = MECHANISMS["clipping"].measure(context)
    corner = MECHANISMS["clipping"].frames(bundle, common_of([bundle])).figures["slope"]["moving"].x
    first, largest = bundle.arrays["sizes"][0], bundle.arrays["gradients"][-1]
    assert corner.at(1, 0)[1] == pytest.approx(first, rel=1e-5) and corner.at(1, LAST)[1] == pytest.approx(
        largest, rel=1e-5
    )
    assert corner.at(1, 500)[1] == pytest.approx((first * largest) ** 0.5, rel=1e-4)
