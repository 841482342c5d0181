"""Where the dynamics come to rest: closed forms, scipy.optimize.root, and awkward systems."""

import math

import numpy as np
import pytest
import scipy.optimize
import torch

from core.analysis.fixed_points import CONVERGED, find_fixed_points, is_fixed_point, speed, stability_of
from core.errors import InputError
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import SGD, Adam, Momentum, Nesterov, RMSProp
from tests.core.analysis.systems import contracting, linear, one_unit, random_states, three_point_gru
from tests.core.helpers import learned

DOUBLE = torch.float64
CLOSED = {  # h*(g) without the clock, and the moduli of the eigenvalues
    "sgd": (SGD(0.1), lambda g: [], []),
    "momentum": (Momentum(0.1, 0.95), lambda g: [g / 0.05], [0.95]),
    "nesterov": (Nesterov(0.1, 0.8), lambda g: [g / 0.2], [0.8]),
    "rmsprop": (RMSProp(0.1, 0.99), lambda g: [g**2], [0.99]),
    "adam": (Adam(0.1, 0.9, 0.99), lambda g: [g, g**2], [0.99, 0.9]),
    "decayed": (Momentum(0.1, 0.9, 0.5), lambda g: [g / 0.1], [0.9]),
}


@pytest.mark.parametrize("gradient", [-2e6, -1e-6, 0.0, 0.5])
@pytest.mark.parametrize("free", [0, 100])
@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_at_a_constant_gradient(name: str, gradient: float, free: int) -> None:
    optimizer, expected, moduli = CLOSED[name]
    starts = torch.tensor([[3.0, 2.0, 7.0], [0.5, 1.0, 9.0]], dtype=DOUBLE)[:, : optimizer.state_size]
    points = find_fixed_points(optimizer, starts, gradient, free=free)
    assert points.status == ("converged", "converged")
    assert points.counts.tolist() == [2]
    assert points.stability == ("stable",)
    np.testing.assert_allclose(points.states[0, : len(moduli)], expected(gradient), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(points.eigenvalues.abs()[0], moduli, rtol=1e-12)
    if optimizer.clock is not None:
        assert points.states[0, optimizer.clock] in starts[:, optimizer.clock]


@pytest.mark.parametrize("cell", ["gru", "lstm", "vanilla"])
@pytest.mark.parametrize("gradient", [0.0, 0.7])
def test_a_cell_rests_where_scipy_finds_its_root(cell: str, gradient: float) -> None:
    optimizer = contracting(cell)
    g = torch.tensor([gradient], dtype=DOUBLE)

    def residual(h: np.ndarray) -> np.ndarray:
        state = torch.from_numpy(h)[None]
        return (optimizer.step(state, g)[0] - state)[0].numpy()

    expected = scipy.optimize.root(residual, np.zeros(optimizer.state_size), tol=1e-11)
    assert expected.success
    for free in (0, 20, 100):
        points = find_fixed_points(optimizer, random_states(optimizer, 6, 0.3), gradient, free=free)
        assert points.status == ("converged",) * 6
        assert points.counts.tolist() == [6]
        np.testing.assert_allclose(points.states[0], expected.x, atol=1e-9)
        np.testing.assert_allclose(points.speeds[0], 0.5 * (residual(points.states[0].numpy()) ** 2).sum(), atol=1e-30)


@pytest.mark.parametrize("cell", ["gru", "lstm", "vanilla"])
def test_points_of_a_random_cell_are_roots_of_scipy_too(cell: str) -> None:
    optimizer = learned(seed=3, cell=cell, units=6)
    points = find_fixed_points(optimizer, random_states(optimizer, 30), free=0)
    zero = torch.zeros(1, dtype=DOUBLE)
    within = points.converged & (points.states.abs() <= 1).all(
        1
    )  # beyond, the gates saturate: rest without a root nearby
    assert within.any()
    for point in points.states[within].numpy():
        exact = scipy.optimize.root(
            lambda h: (optimizer.step(torch.from_numpy(h)[None], zero)[0][0] - torch.from_numpy(h)).numpy(),
            point + 1e-4,
            tol=1e-12,
        )
        np.testing.assert_allclose(point, exact.x, atol=1e-7)


def test_every_start_is_accounted_for() -> None:
    optimizer = three_point_gru()
    starts = random_states(optimizer, 40)
    starts[7, 0] = torch.nan
    gradients = torch.where(torch.arange(40) % 2 == 0, 0.0, 2.0)
    points = find_fixed_points(optimizer, starts, gradients)
    assert points.status[7] == "failed"
    assert points.reasons[7] == "the start state is not finite"
    assert points.point[7] == -1
    assert points.counts.sum() == 39
    assert points.counts.tolist() == torch.bincount(points.point[points.point >= 0]).tolist()
    for i, status in enumerate(points.status):
        if i != 7:
            assert status == "converged"
            assert points.gradients[points.point[i]] == gradients[i]
    assert (speed(optimizer, points.states, points.gradients) <= CONVERGED).all()


@pytest.mark.parametrize(
    ("optimizer", "root"),
    [
        (one_unit(2.0), 0.9575040240772688),
        (three_point_gru(1), 0.9575040240772688),
        (three_point_gru(3), 0.9575040240772688),
    ],
    ids=["vanilla", "gru", "gru of three"],
)
def test_three_fixed_points_are_all_found(optimizer: Optimizer, root: float) -> None:
    assert math.isclose(math.tanh(2 * root), root, rel_tol=1e-12)
    starts = torch.zeros(21, optimizer.state_size, dtype=DOUBLE)
    starts[:, 0] = torch.linspace(-1, 1, 21)
    points = find_fixed_points(optimizer, starts, free=0)
    assert set(points.status) == {"converged"}
    kinds = dict(zip(points.states[:, 0].round(decimals=9).tolist(), points.stability, strict=True))
    assert kinds == {round(-root, 9): "stable", round(root, 9): "stable", 0.0: "unstable"}
    np.testing.assert_allclose(points.states[:, 1:], 0, atol=1e-12)
    followed = find_fixed_points(optimizer, starts)  # now each start goes where its own trajectory goes
    ends = followed.states[followed.point, 0]
    np.testing.assert_allclose(ends, torch.sign(starts[:, 0]) * root, atol=1e-9)


def test_rest_is_judged_by_speed_and_for_large_states_by_rounding() -> None:
    states = torch.tensor([[1.0], [1.0], [1e9], [1e9]], dtype=DOUBLE)
    speeds = torch.tensor([CONVERGED, 1.1 * CONVERGED, 1e-13, 1e-12], dtype=DOUBLE)  # ½ (4ε · 1e9)² = 3.9e-13
    assert is_fixed_point(Momentum(0.1, 0.9), states, speeds).tolist() == [True, False, True, False]


def test_no_fixed_point_within_reach_is_said() -> None:
    drift = find_fixed_points(linear([[1.0, 0.0], [0.0, 1.0]], offset=1.0), torch.zeros(3, 2, dtype=DOUBLE), free=10)
    assert drift.status == ("slow",) * 3
    np.testing.assert_allclose(drift.speeds[drift.point], 1.0)  # ½ (1² + 1²) everywhere
    assert not drift.converged.any()


def test_a_slow_point_lies_where_the_speed_is_least() -> None:
    optimizer = one_unit(2.0)
    gradient = 0.56  # just past the fold at 0.5328: the left arm has gone, and left a slow point
    starts = torch.tensor([[-0.75], [-0.7], [-0.65], [0.9]], dtype=DOUBLE)
    points = find_fixed_points(optimizer, starts, gradient, free=0)
    assert points.status == ("slow", "slow", "slow", "converged")
    assert points.counts.tolist() == [1, 3]  # the fixed point first
    assert points.reasons == ("",) * 4
    least = scipy.optimize.minimize_scalar(
        lambda h: 0.5 * (math.tanh(2 * h + gradient) - h) ** 2,
        bounds=(-0.95, -0.4),
        method="bounded",
        options={"xatol": 1e-12},
    )
    at = points.point[0]
    np.testing.assert_allclose(points.states[at, 0], least.x, atol=1e-4)
    np.testing.assert_allclose(points.speeds[at], least.fun, rtol=1e-6)
    assert not points.converged[at]


def test_weights_that_are_not_finite_fail_with_a_reason() -> None:
    optimizer = learned(units=4)
    broken = optimizer.with_theta({**optimizer.theta, "weight_hh": torch.nan * optimizer.theta["weight_hh"]})
    points = find_fixed_points(broken, torch.zeros(3, 4, dtype=DOUBLE))
    assert points.status == ("failed",) * 3
    assert points.reasons == ("the speed is not finite at this start",) * 3
    assert points.point.tolist() == [-1] * 3
    assert points.states.shape == (0, 4)
    assert points.eigenvalues.shape == (0, 4)


def test_unstable_systems_do_not_run_away() -> None:
    for rate in (1.5, 10.0):
        points = find_fixed_points(
            linear([[rate, 0.0], [0.0, rate]], offset=1.0), torch.ones(2, 2, dtype=DOUBLE), free=400
        )
        assert points.status == ("converged", "converged")
        np.testing.assert_allclose(points.states, [[1 / (1 - rate)] * 2], rtol=1e-9)
        assert points.stability == ("unstable",)


def test_marginal_points_are_named() -> None:
    held = find_fixed_points(linear([[1.0, 0.0], [0.0, 0.5]]), torch.tensor([[4.0, -3.0]], dtype=DOUBLE))
    assert held.stability == ("marginal",)
    np.testing.assert_allclose(
        held.states, [[4.0, 0.0]], atol=1e-12
    )  # a line of fixed points: it keeps its place on it
    pitchfork = find_fixed_points(one_unit(1.0), torch.tensor([[0.3], [-0.2]], dtype=DOUBLE))
    assert pitchfork.status == ("converged", "converged")
    assert pitchfork.stability == ("marginal",)
    for radius, kind in ((0.99, "stable"), (1 - 1e-7, "marginal"), (1 + 1e-7, "marginal"), (1.01, "unstable")):
        assert stability_of(torch.tensor([0.1, radius * np.exp(0.3j)])) == kind


@pytest.mark.parametrize("free", [0, 100])
def test_without_a_state_everything_rests(free: int) -> None:
    points = find_fixed_points(SGD(0.1), torch.zeros(2, 0, dtype=DOUBLE), free=free)
    assert points.status == ("converged", "converged")
    assert points.counts.tolist() == [2]
    only_clock = find_fixed_points(SGD(0.1, learning_rate_decay=0.1), torch.tensor([[3.0]], dtype=DOUBLE), free=free)
    assert only_clock.status == ("converged",)
    assert only_clock.states.tolist() == [[3.0]]


def test_no_starts_give_no_points() -> None:
    points = find_fixed_points(learned(units=3), torch.zeros(0, 3, dtype=DOUBLE))
    assert points.states.shape == (0, 3)
    assert points.status == ()


def test_the_starts_are_left_alone() -> None:
    for optimizer in (contracting(), Adam(0.1), linear([[0.5]], 1.0)):
        starts = random_states(optimizer, 4).abs()
        kept = starts.clone()
        find_fixed_points(optimizer, starts, 0.3)
        assert starts.equal(kept)


def test_256_units() -> None:
    optimizer = contracting(units=256, scale=0.5)
    points = find_fixed_points(optimizer, random_states(optimizer, 5, 0.3), 0.1)
    assert points.status == ("converged",) * 5
    assert points.counts.tolist() == [5]
    assert points.eigenvalues.shape == (1, 256)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(InputError, match=r"float64 of shape \[n, 1\]"):
        find_fixed_points(Momentum(0.1, 0.9), torch.zeros(2, 2, dtype=DOUBLE))
    with pytest.raises(InputError, match="float32"):
        find_fixed_points(Momentum(0.1, 0.9), torch.zeros(2, 1))
