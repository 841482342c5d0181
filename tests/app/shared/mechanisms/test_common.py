"""Both sides of a view stand at the same place."""

import numpy as np
import pytest

from app.pages.mechanisms.draw import draw
from app.pages.mechanisms.view import parse
from app.shared.mechanisms import MECHANISMS
from app.shared.mechanisms.adaptation import crossings
from app.shared.mechanisms.drawing import MechanismDrawing, common_of
from app.shared.style import LIGHT
from core.bundle import Bundle
from core.evaluation.held_out import MetaLoss
from core.mechanisms.ablation import TITLES, Ablation, Ablations, Ratio


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


def test_an_interval_that_leaves_the_axis_ends_in_an_arrow_that_says_where(app: object) -> None:
    variants = {
        "whole": (1.0, 1.0, 1.0),
        "memoryless": (40.0, 20.0, 3000.0),
        "pinned": (2.0, 1.5, None),
        "unsaturated": (1.1, 1.0, 1.2),
    }
    listed = [
        Ablation(
            name=name,
            meta_loss=MetaLoss(mean=None, sem=None),
            median=None,
            ratio=Ratio(median=median, low=low, high=high, problems=8),
            diverged=0,
            curve=[1.0, 1e-14, None],
            steps=[0, 1, 2],
        )
        for name, (median, low, high) in variants.items()
    ]
    found = Ablations(task="rosenbrock", problems=8, seed=0, without={}, ablations=listed)
    about = {"ablations": found.model_dump(mode="json"), "scale": 1.0}
    drawing = MechanismDrawing(Bundle({}, about), "#123456", LIGHT, "key", {}, {}, common_of([Bundle({}, about)]))
    curves, ratios = (figure.draw(drawing) for figure in MECHANISMS["ablations"].figures)
    arrows = {trace.y[0]: trace.text[0] for trace in ratios.data if trace.text is not None}
    assert arrows == {TITLES["memoryless"]: "to × 3,000", TITLES["pinned"]: "no limit"}
    assert min(min(value for value in trace.y if value == value) for trace in curves.data) == 1e-14  # no floor
