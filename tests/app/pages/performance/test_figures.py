"""The figures of the Performance page show the numbers they are given."""

import numpy as np
import pytest

from app.pages.performance.data import Curve
from app.pages.performance.figures.curves import curves_figure
from app.pages.performance.figures.outer import FIRST, outer_figure
from app.pages.performance.figures.shift import ABOVE, DIVERGED, row_height, shift_figure
from app.pages.performance.figures.tuning import sort_draws, tuning_figure
from app.shared.catalog import HeldOut, Subject
from app.shared.numbers import running_median
from app.shared.pictures import Data, Surface, picture_figure
from app.shared.style import DARK, LIGHT, OPTIMIZER_COLORS, log_axis, translucent
from core.optimizers.hand_designed import BASELINES
from tests.app.pages.performance.samples import STEPS, draws, evaluation, generalization, tuned

ALL = ("learned", *BASELINES)
SUBJECT = Subject("ours", "learned", "Ours", "", (0, 2, 10), None, {}, held_out={10: HeldOut(0.2, 0.01, 128, 0)})


def mine(figure: object, name: str) -> list[object]:
    """The traces that the legend shows and hides with an optimizer."""
    return [trace for trace in figure.data if trace.legendgroup == name]


def test_curves_hold_means_and_bands() -> None:
    scores = evaluation(0.05)
    figure = curves_figure(LIGHT, scores, ALL, "Ours")
    for name, score in scores.optimizers.items():
        band, mean = mine(figure, name)
        np.testing.assert_allclose(mean.y, score.curve_mean)
        np.testing.assert_array_equal(mean.x, np.arange(STEPS + 1))
        assert mean.line.color == OPTIMIZER_COLORS[name]
        assert band.fillcolor == translucent(OPTIMIZER_COLORS[name], 0.22)
        up, back = np.split(np.asarray(band.y), 2)
        np.testing.assert_allclose(up, np.array(score.curve_mean) + 0.001)
        np.testing.assert_allclose(back[::-1], np.array(score.curve_mean) - 0.001)
    assert figure.data[-1].legendgroup == "learned"  # drawn on top
    low, high = figure.layout.yaxis.range
    assert low < np.log10(0.05) < np.log10(1) < high


def test_a_band_wider_than_its_mean_stays_on_the_log_axis() -> None:
    scores = evaluation(0.05)
    scores.optimizers["adam"].curve_sem = [5.0] * (STEPS + 1)
    band, _ = mine(curves_figure(LIGHT, scores, ALL, "Ours"), "adam")
    assert min(band.y) > 0


def test_where_a_problem_diverges_the_mean_ends_and_the_median_goes_on() -> None:
    scores = evaluation(0.05, adam=None)
    median, band, mean = mine(curves_figure(LIGHT, scores, ALL, "Ours"), "adam")
    assert np.isfinite(mean.y).sum() == np.isfinite(band.y).sum() / 2 == STEPS // 2
    np.testing.assert_allclose(median.y, scores.optimizers["adam"].curve_median)
    assert "median" in median.hovertemplate


def test_long_curves_stand_at_their_own_steps() -> None:
    scores = evaluation(0.05)
    scores.optimizers["learned"].curve_steps = list(range(0, 5 * (STEPS + 1), 5))
    assert mine(curves_figure(LIGHT, scores, ALL, "Ours"), "learned")[-1].x[-1] == 5 * STEPS


def test_hidden_optimizers_are_there_and_hidden() -> None:
    for figure in (
        curves_figure(LIGHT, evaluation(), ("adam",), "Ours"),
        shift_figure(LIGHT, generalization(), ("adam",), "Ours"),
        outer_figure(LIGHT, SUBJECT, curve(), {0: "/"}, evaluation(), ("adam",)),
    ):
        assert {trace.legendgroup for trace in figure.data} >= set(ALL)
        assert all(trace.visible == (trace.legendgroup == "adam") for trace in figure.data)


def test_other_seeds_are_thin_lines_of_the_learned_colour() -> None:
    figure = curves_figure(LIGHT, evaluation(0.05), ALL, "Ours", {"another": evaluation(0.07)})
    thin = [trace for trace in mine(figure, "learned") if trace.name == "another"]
    assert len(thin) == 1
    assert thin[0].y[-1] == pytest.approx(0.07)
    assert thin[0].line.width < 1.5


def curve() -> Curve:
    """Ten outer steps."""
    losses = np.linspace(1, 0.1, 10)
    losses[4] = np.inf
    return Curve(np.arange(1, 11), losses, running_median(losses), 0)


def test_outer_training_has_snapshots_that_lead_to_explore() -> None:
    snapshots = {0: "/?outer_step=0", 2: "/?outer_step=2", 10: "/"}
    figure = outer_figure(LIGHT, SUBJECT, curve(), snapshots, evaluation(adam=None), ALL, [curve()])
    (dots,) = [trace for trace in figure.data if trace.name == "snapshots, held out"]
    assert [link for link, _ in dots.customdata] == list(snapshots.values())
    assert list(dots.x) == [FIRST, 2, 10]
    np.testing.assert_allclose(dots.y, [curve().smooth[0], curve().smooth[2], 0.2])  # held out where it is known
    np.testing.assert_allclose(dots.error_y.array, [0, 0, 0.01])
    (median,) = [trace for trace in figure.data if trace.name == "running median"]
    assert median.hoverinfo == "skip"  # or it would take the snapshots' clicks
    for name in BASELINES:
        (level,) = mine(figure, name)
        wanted = evaluation(adam=None).optimizers[name].meta_loss.mean
        np.testing.assert_array_equal(level.y, [np.nan if wanted is None else wanted] * 2)


def test_draws_are_sorted_by_what_became_of_them() -> None:
    kinds = sort_draws(draws())
    assert kinds.inside.tolist() == [True, True, True, False, False, False]
    assert kinds.above.tolist() == [False, False, False, True, False, False]
    assert kinds.diverged.tolist() == [False] * 4 + [True, True]
    assert kinds.fewer.tolist() == [False, False, True, False, False, False]
    assert not kinds.bound.any()
    given_up = sort_draws(draws() | {"steps": np.array([200, 9, 200, 200, 30, 200])})
    assert given_up.bound.tolist() == [False, True, False, False, False, False]  # what diverged is no bound
    assert given_up.whole.tolist() == [True, False, False, False, False, False]


def test_draws_given_up_early_are_triangles() -> None:
    pruned = draws() | {"steps": np.array([200, 9, 200, 200, 30, 200])}
    bounds, fewer, whole, *_ = tuning_figure(LIGHT, tuned(), pruned, None, "Learned").data
    assert (list(bounds.y), bounds.marker.symbol) == ([0.21], "triangle-up")
    assert "at least" in bounds.hovertemplate
    assert (list(fewer.y), list(whole.y)) == ([0.9], [0.2])
    assert whole.marker.symbol == "circle"


def test_every_draw_is_a_point_and_the_chosen_one_a_star() -> None:
    figure = tuning_figure(LIGHT, tuned(), draws(), 0.05, "Learned")
    bounds, small, large, above, diverged, level, star = figure.data
    assert len(bounds.x) == 0
    assert (list(small.y), list(large.y)) == ([0.9], [0.2, 0.21])
    np.testing.assert_allclose(large.marker.color, [1.0, 0.0])  # −log10(1 − β)
    np.testing.assert_allclose(large.customdata, [0.9, 0.0])
    assert (list(above.x), list(diverged.x)) == ([1.0], [10.0, 50.0])
    assert min(above.y) > 2
    assert max(above.y) < min(diverged.y) < max(diverged.y) < 10 ** figure.layout.yaxis.range[1]
    assert level.y[0] == 0.05
    assert (star.x[0], star.y[0], star.marker.symbol) == (0.1, 0.2, "star")
    assert [note.text for note in figure.layout.annotations] == ["above 2: 1", "diverged: 2", "Learned"]
    low, _ = figure.layout.yaxis.range
    assert low < np.log10(0.05)


def test_a_search_without_a_memory_has_no_colour_scale() -> None:
    plain = {name: values for name, values in draws().items() if name != "momentum"}
    figure = tuning_figure(DARK, tuned(optimizer="sgd", hyperparameters={"learning_rate": 0.1}), plain, None, "Learned")
    assert figure.data[2].marker.color == DARK.muted
    assert figure.data[-1].marker.symbol == "star"
    assert "Learned" not in [trace.name for trace in figure.data]


def test_out_of_distribution_marks_where_it_fails() -> None:
    results = generalization()
    figure = shift_figure(LIGHT, results, ALL, "Ours")
    (ours,) = mine(figure, "learned")
    np.testing.assert_allclose(ours.x, [0.05, 0.04, 0.1015, 0.4, DIVERGED])
    assert ours.marker.symbol[-1] == "x"
    assert "diverges on 2 of 10 problems" in ours.text[-1]
    assert mine(figure, "adam")[0].x[-1] == ABOVE
    heights = [mine(figure, name)[0].y[0] for name in ALL]
    assert heights[0] == 0  # the learned one in the middle of its row, the baselines above and below
    assert len(set(heights)) == len(ALL)
    assert max(map(abs, heights)) < 0.5
    assert min(heights) < 0 < max(heights)
    assert mine(figure, "nesterov")[0].x[-1] == DIVERGED
    assert [note.text for note in figure.layout.annotations] == [
        "lower",
        "lower",
        "tied",
        "<b>worse</b>",
        "<b>worse</b>",
    ]
    rows = [(s.y0, s.y1) for s in figure.layout.shapes if s.fillcolor == translucent(OPTIMIZER_COLORS["learned"], 0.11)]
    assert rows == [(2.5, 3.5), (3.5, 4.5)]
    assert list(figure.layout.yaxis.ticktext) == [condition.name for condition in results.conditions]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # the first condition on top
    assert row_height(5) > row_height(4)


def test_pictures() -> None:
    grid = np.linspace(-1, 1, 5)
    loss = grid[None] ** 2 + grid[:, None] ** 2
    path = np.array([[1.0, 1.0], [0.5, 0.2], [0.0, 0.0]])
    figure = picture_figure(LIGHT, Surface(grid, grid, loss, path, (0.0, 0.0)))
    assert [trace.type for trace in figure.data] == ["contour", "scatter", "scatter", "scatter"]
    np.testing.assert_array_equal(figure.data[1].x, path[:, 0])
    assert not figure.layout.xaxis.visible
    points = np.arange(16.0).reshape(8, 2)
    dots = picture_figure(DARK, Data(points, np.array([0, 1] * 4)))
    assert [len(trace.x) for trace in dots.data] == [2, 2]  # every second point of each class
    assert len(picture_figure(LIGHT, None).data) == 0


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.03, 1.0], ["0.05", "0.1", "0.2", "0.5", "1"]),
        ([1e-5, 1.0], ["10<sup>−5</sup>", "10<sup>−4</sup>", "10<sup>−3</sup>", "10<sup>−2</sup>", "0.1", "1"]),
    ],
)
def test_ticks_are_plain(values: list[float], labels: list[str]) -> None:
    axis = log_axis(np.array(values))
    assert list(axis["ticktext"]) == labels
    low, high = axis["range"]
    assert all(low <= np.log10(tick) <= high for tick in axis["tickvals"])


def test_many_decades_have_few_ticks() -> None:
    assert 4 <= len(log_axis(np.array([1e-12, 1.0]))["tickvals"]) <= 8
