"""The bundles behind the views, on optimizers whose answers are known and on learned ones."""

import itertools

import numpy as np
import pytest
import torch

from core.bundle import Bundle
from core.mechanisms.adaptation import adaptation_view
from core.mechanisms.clipping import clipping_view
from core.mechanisms.closed_loop import closed_loop_view
from core.mechanisms.context import Context, grid
from core.mechanisms.momentum import momentum_view
from core.mechanisms.schedule import schedule_view
from core.optimizers import make_hand_designed
from core.seeds import Purpose, generator
from core.tasks import make_task
from core.unroll import unroll
from tests.cases import some_always
from tests.core.helpers import SMALL_MOONS, learned

VIEWS = (momentum_view, clipping_view, schedule_view, adaptation_view, closed_loop_view)
TASK = make_task("linear_regression")


def hand_designed(name, **values):
    return Context(make_hand_designed(name, values), TASK)


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "rmsprop", "adam", "adam_cosine", "clipped_sgd"])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_every_optimizer_can_be_kept_and_read(name, view):
    bundle = view(hand_designed(name, learning_rate=0.1))
    again = Bundle.decode(bundle.encode())
    assert again.about == bundle.about and again.arrays.keys() == bundle.arrays.keys()
    assert all(array.dtype == np.float32 for array in again.arrays.values())


def assert_every_view_is_whole(context):
    for view in VIEWS:
        bundle = Bundle.decode(view(context).encode())
        told = bundle.about.get("report", {}).get("reason") if view is closed_loop_view else ""
        assert bool(told) != bool({"g", "updates", "rates"} & bundle.arrays.keys())
        assert [name for name, array in bundle.arrays.items() if not np.isfinite(array).all()] == []


@pytest.mark.parametrize(
    "cell, features",
    some_always(
        itertools.product(["gru", "lstm", "vanilla"], ["raw", "symlog", "log_sign"]),
        [("gru", "symlog"), ("lstm", "raw"), ("vanilla", "log_sign")],
    ),
)
def test_every_view_of_a_learned_optimizer(cell, features):
    assert_every_view_is_whole(Context(learned(dtype=torch.float32, cell=cell, features=features), TASK))


@pytest.mark.long
def test_one_unit_and_a_large_task():
    assert_every_view_is_whole(Context(learned(dtype=torch.float32, units=1), make_task("two_moons", SMALL_MOONS)))


def test_momentums_mode_is_momentum():
    bundle = momentum_view(hand_designed("momentum", learning_rate=0.2, momentum=0.9))
    np.testing.assert_allclose(bundle.arrays["eigenvalues"], [[0.9, 0]], rtol=1e-6)
    np.testing.assert_allclose(bundle.arrays["rates"], [[0.2, 0]], rtol=1e-6)
    shifts, updates = bundle.arrays["shifts"], bundle.arrays["updates"][0]
    middle = updates.shape[1] // 2
    reach = bundle.about["reach"][0]
    np.testing.assert_allclose(np.abs(updates[:, middle]), 0.2 * 0.9 * reach * np.abs(shifts), rtol=1e-5, atol=1e-7)
    slopes = updates[:, -1] - updates[:, 0]
    np.testing.assert_allclose(slopes, slopes[0], rtol=1e-4)  # it shifts, it does not turn


def test_what_is_met_is_the_tasks():
    context = hand_designed("sgd", learning_rate=0.1)
    observed = context.observed
    problems = TASK.sample(16, generator(Purpose.VIEW, 0))
    seen = unroll(context.optimizer, problems, 200, record=("gradients",)).gradients.double().reshape(-1)
    torch.testing.assert_close(observed.gradients, seen)
    assert observed.scale == pytest.approx(float(seen.abs().median()), rel=1e-2)
    assert observed.scale < observed.typical < observed.largest == pytest.approx(float(seen.abs().max()))


def test_the_grid_holds_zero_and_both_ends():
    context = hand_designed("sgd", learning_rate=0.1)
    points = grid(context, 21)
    assert points[10] == 0 and points[-1] == pytest.approx(context.observed.largest) and points[0] == -points[-1]


def test_the_density_is_a_share():
    bundle = clipping_view(hand_designed("adam", learning_rate=0.1))
    assert bundle.arrays["density"].sum() == pytest.approx(1, abs=0.01)
    assert (np.diff(bundle.arrays["edges"]) > 0).all()


def test_a_clipped_sgd_drops_at_its_threshold():
    bundle = clipping_view(hand_designed("clipped_sgd", learning_rate=0.1, threshold=0.5))
    sizes, slopes = bundle.arrays["sizes"], bundle.arrays["slopes"][0]
    np.testing.assert_allclose(slopes[:, sizes < 0.5], 0.1, rtol=1e-6)
    assert not slopes[:, sizes > 0.5].any()


def test_the_schedule_of_adam_is_drawn():
    bundle = schedule_view(hand_designed("adam", learning_rate=0.01, beta1=0.9, epsilon=1e-3))
    k = np.arange(201)
    np.testing.assert_allclose(bundle.arrays["rates"], 0.01 * 0.1 / (1 - 0.9 ** (k + 1)) / 1e-3, rtol=1e-5)
    assert bundle.about["clock"] is True


def test_rmsprops_curve_is_its_states_rate():
    bundle = adaptation_view(hand_designed("rmsprop", learning_rate=0.01, decay=0.9, epsilon=1e-3))
    g, rates = bundle.arrays["g"].astype(float), bundle.arrays["rates"]
    np.testing.assert_allclose(rates, 0.01 / (0.9**0.5 * np.abs(g) + 1e-3), rtol=1e-4)
    assert not bundle.arrays["unstable"].any() and not len(bundle.arrays["folds"])
    assert adaptation_view(hand_designed("sgd")).about["why"] == "it has no state, so nothing can adapt"


def test_a_jump_at_zero_is_followed_on_both_sides():
    bundle = adaptation_view(Context(learned(dtype=torch.float32, features="log_sign"), TASK))
    if bundle.about["why"]:
        pytest.fail(bundle.about["why"])
    g = bundle.arrays["g"]
    assert g.min() < 0 < g.max() and len(bundle.about["breaks"]) == 2
