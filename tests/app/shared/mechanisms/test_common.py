"""Both sides of a view stand at the same place."""

import numpy as np
import pytest

from app.pages.mechanisms.draw import draw
from app.pages.mechanisms.view import parse
from app.shared.mechanisms.adaptation import crossings
from app.shared.mechanisms.drawing import common_of
from app.shared.style import LIGHT
from core.bundle import Bundle


def bundle(scale: float, reach: float, **arrays: np.ndarray) -> Bundle:
    return Bundle({"gradients": np.array([-reach, 0, reach]), **arrays}, {"scale": scale})


def test_the_scales_are_those_of_both_sides() -> None:
    rates = np.array([0.1, 20.0])
    common = common_of([bundle(0.01, 3.0, rates=rates), bundle(1.0, 50.0, rates=np.array([0.5, -1.0]))])
    assert (common.scale, common.reach) == (pytest.approx(0.1), 50.0)
    assert "rates" not in common.positive and "rates" in common.wide  # one side is negative: both axes are linear
    assert "rates" in common_of([bundle(0.01, 3.0, rates=rates)]).positive


def test_a_fold_has_every_state_at_a_gradient_the_stable_ones_first() -> None:
    g = np.array([0.0, 2.0, 3.0, 1.0, 0.5, 4.0])
    unstable = np.array([0, 0, 1, 1, 1, 0])
    folded = Bundle({"g": g, "unstable": unstable}, {"breaks": [6]})
    at_one, beyond = crossings(folded, np.array([1.9, 9.0]))
    assert at_one[0] == 1 and set(at_one) == {1, 3, 4}
    assert (beyond == -1).all()


@pytest.mark.parametrize("view", ["adaptation", "clipping"])
def test_the_slider_is_at_the_same_gradient_on_both_sides(app: object, view: str) -> None:
    with app.server.app_context():
        sides = draw(parse(f"task=rosenbrock&view={view}&versus=adam")[0], LIGHT)
    texts = [side.frames.texts["position"] for side in sides]
    assert len(texts[0]) == len(texts[1])
    for one, other in zip(*texts, strict=True):
        assert one.partition(",")[0] == other.partition(",")[0]
    axes = [side.figures["update"].layout.xaxis for side in sides]
    assert axes[0].range == axes[1].range and axes[0].tickvals == axes[1].tickvals


def test_a_figure_of_an_earlier_snapshot_has_the_axes_of_the_last(app: object) -> None:
    with app.server.app_context():
        early, last = (
            draw(parse(f"task=rosenbrock&view=momentum&versus=none&outer_step={step}")[0], LIGHT)[0]
            for step in (815, 1500)
        )
    for name in ("state", "update"):
        low, high = last.figures[name].layout.yaxis.range
        own = early.figures[name].layout.yaxis.range
        assert own[0] <= low and own[1] >= high and own[1] - own[0] <= 2 * (high - low) * (1 + 1e-9)
