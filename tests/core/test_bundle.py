"""Bundles: every array against a plain computation of what it says it is."""

import json
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from core.analysis.fixed_points import find_fixed_points
from core.bundle import FORMAT, Bundle
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import SGD, Adam, Momentum, Nesterov, RMSProp
from core.tasks import ClassifierProblems, PlanarProblems, Problems
from core.unroll import unroll
from core.view_bundle import BINS, GRID, LOGIT_RANGE, Recorded, make_bundle, record
from tests.core.helpers import learned, plain_losses, small_problems

TASKS = ["linear_regression", "rosenbrock", "two_moons"]
STEPS = 12
OTHERS = {"momentum": Momentum(1e-3, 0.9), "adam": Adam(0.02)}
SUBJECTS: dict[str, Optimizer] = {
    "learned": learned(dtype=torch.float32),
    "log_sign": learned(dtype=torch.float32, features="log_sign"),
    "lstm": learned(dtype=torch.float32, cell="lstm"),
    "sgd": SGD(1e-3),
    "nesterov": Nesterov(1e-4, 0.9),
    "rmsprop": RMSProp(1e-2),
    "adam": Adam(0.05),
    "momentum with a decay": Momentum(1e-4, 0.9, 0.1),
}


@cache
def problem(task: str, seed: int = 0) -> Problems:
    return small_problems(task, 1, seed, torch.float32)


@cache
def recorded(task: str, subject: str) -> dict[str, Recorded]:
    by_name = {subject: record(SUBJECTS[subject], problem(task), STEPS)}
    return by_name | {name: record(other, problem(task), STEPS) for name, other in OTHERS.items() if name != subject}


@cache
def bundle(task: str, subject: str = "learned") -> Bundle:
    return make_bundle(problem(task), recorded(task, subject))


every = pytest.mark.parametrize("task", TASKS)
subjects = pytest.mark.parametrize("subject", SUBJECTS)


def close(actual: np.ndarray, expected: Tensor, rtol: float = 1e-5, atol: float = 1e-7) -> None:
    np.testing.assert_allclose(actual, expected.detach().numpy(), rtol=rtol, atol=atol)


@every
@subjects
def test_a_bundle_reads_back_as_it_was(task: str, subject: str) -> None:
    made = bundle(task, subject)
    content = made.encode()
    read = Bundle.decode(content)
    assert read.about == made.about
    assert set(read.arrays) == set(made.arrays)
    for name, array in made.arrays.items():
        np.testing.assert_array_equal(read.arrays[name], array)
        assert read.arrays[name].dtype == array.dtype == (np.int8 if name == "logits" else np.float32)
        assert name in ("rate", "rate_reference") or np.isfinite(array).all(), name
    size = int.from_bytes(content[:8], "little")
    assert json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["about"])["format"] == FORMAT


@every
@subjects
def test_losses_are_those_of_a_separate_unroll(task: str, subject: str) -> None:
    made = bundle(task, subject)
    assert made.about["optimizers"] == list(recorded(task, subject))
    assert made.about["steps"] == STEPS
    assert set(made.about["first_nonfinite"].values()) == {None}
    for row, item in zip(made.arrays["losses"], recorded(task, subject).values(), strict=True):
        close(row, plain_losses(item.optimizer, problem(task), STEPS)[:, 0], rtol=1e-3, atol=1e-5)
        close(row, unroll(item.optimizer, problem(task), STEPS, record=()).losses[:, 0])


@every
@subjects
def test_curves_are_steps_of_the_optimizer_at_the_states_it_visits(task: str, subject: str) -> None:
    made, optimizer = bundle(task, subject), SUBJECTS[subject]
    watched = problem(task).watched_components()
    assert made.about["components"] == [problem(task).component_names()[i] for i in watched]
    run = unroll(optimizer, problem(task), STEPS)
    grid = torch.from_numpy(made.arrays["gradient_grid"])
    assert made.arrays["update"].shape == (len(watched), STEPS + 1, GRID)
    for k in (0, 1, STEPS):
        for position, component in enumerate(watched[:3]):
            state = run.states[k, 0, component].expand(GRID, -1)
            close(made.arrays["update"][position, k], optimizer.step(state, grid)[1], rtol=1e-3, atol=1e-6)
    gradient = run.gradients[:, 0, watched].T
    close(made.arrays["gradient"], gradient)
    close(made.arrays["applied"][:, :STEPS], run.updates[:, 0, watched].T, rtol=1e-4, atol=1e-7)


@every
@subjects
def test_gradients_are_spread_over_the_grid_and_counted(task: str, subject: str) -> None:
    made = bundle(task, subject)
    gradients = unroll(SUBJECTS[subject], problem(task), STEPS).gradients[:, 0].double().numpy()
    sizes = np.abs(gradients)
    middle = np.sort(sizes[sizes > 0])[(np.count_nonzero(sizes) - 1) // 2]  # the median, without averaging two
    np.testing.assert_allclose(made.about["gradient_scale"], middle, rtol=1e-5)
    grid = made.arrays["gradient_grid"]
    np.testing.assert_allclose(grid, -grid[::-1], rtol=1e-5)
    np.testing.assert_allclose(grid[-1], max(sizes.max(), 2 * made.about["gradient_scale"]), rtol=1e-5)
    assert (np.diff(grid) > 0).all()
    assert made.about["gradients"] == gradients.size
    assert made.about["nonfinite_gradients"] == 0
    histogram, edges = made.arrays["histogram"], made.arrays["histogram_edges"]
    assert histogram.shape == (STEPS + 1, BINS)
    assert edges.shape == (BINS + 1,)
    np.testing.assert_allclose(histogram[-1].sum(), 1, rtol=1e-5)
    np.testing.assert_allclose(histogram.sum(1), np.arange(1, STEPS + 2) / (STEPS + 1), rtol=1e-5)
    assert (np.diff(histogram, axis=0) >= 0).all()
    stretched = np.arcsinh(gradients / made.about["gradient_scale"])
    bins = np.linspace(-1, 1, BINS + 1) * np.arcsinh(float(grid[-1]) / made.about["gradient_scale"])
    plain = np.histogram(np.clip(stretched, bins[0], bins[-1]), bins)[0] / gradients.size
    assert np.abs(histogram[-1] - plain).sum() < 0.02  # a gradient on an edge may fall on either side


@every
def test_states_are_projected_and_rest_at_the_star(task: str) -> None:
    made, optimizer = bundle(task), SUBJECTS["learned"].to(torch.float64)
    watched = problem(task).watched_components()
    states = recorded(task, "learned")["learned"].trajectory.states[:, 0].transpose(0, 1).double()
    assert made.arrays["state"].shape == (len(watched), STEPS + 1, 2)
    flat = states.reshape(-1, states.shape[-1])
    _, singular, right = np.linalg.svd((flat - flat.mean(0)).numpy(), full_matrices=False)
    np.testing.assert_allclose(made.about["explained"], singular[:2] ** 2 / (singular**2).sum(), atol=1e-6)
    mine = ((states - flat.mean(0)).numpy() @ right[:2].T).reshape(-1, 2)
    np.testing.assert_allclose(np.abs(made.arrays["state"].reshape(-1, 2)), np.abs(mine), atol=1e-5)
    fixed_point = find_fixed_points(optimizer, states[0, -1:])
    assert made.about["fixed_point"] == {
        "speed": float(fixed_point.speeds[0]),
        "converged": bool(fixed_point.converged[0]),
    }
    spanned = np.array(made.about["explained"]) > 0  # a direction without variance is left out
    star = np.abs((fixed_point.states[0] - flat.mean(0)).numpy() @ right[:2].T) * spanned
    np.testing.assert_allclose(np.abs(made.arrays["fixed_point"]), star, atol=1e-5)


@every
def test_rates_of_hand_designed_optimizers_have_their_closed_forms(task: str) -> None:
    sgd, adam = bundle(task, "sgd"), bundle(task, "adam")
    np.testing.assert_allclose(sgd.arrays["rate"], 1e-3, rtol=1e-6)
    states = recorded(task, "adam")["adam"].trajectory.states[:, 0].transpose(0, 1).double()
    t = states[..., 2] + 1
    root = (0.999 * states[..., 1] / (1 - 0.999**t)).sqrt()
    close(adam.arrays["rate"], 0.05 / (1 - 0.9**t) * 0.1 / (root + 1e-8), rtol=1e-4)
    np.testing.assert_allclose(
        adam.arrays["rate_reference"][0], 1e-3, rtol=1e-6
    )  # momentum's α, median over components


@every
def test_rates_of_a_learned_optimizer_are_slopes_or_secants(task: str) -> None:
    for subject, smooth in (("learned", True), ("log_sign", False)):
        made = bundle(task, subject)
        assert made.about["smooth"] == smooth
        states = recorded(task, subject)[subject].trajectory.states[:, 0, 0].double()  # of the first component
        width = 1e-5 if smooth else made.about["gradient_scale"]
        optimizer = SUBJECTS[subject].to(torch.float64)
        right, left = (optimizer.step(states, torch.full((STEPS + 1,), g).double())[1] for g in (width, -width))
        close(made.arrays["rate"][0], (left - right) / (2 * width), rtol=1e-3, atol=1e-8)


def test_the_landscape_of_rosenbrock_is_the_function() -> None:
    made = bundle("rosenbrock")
    for path, item in zip(made.arrays["paths"], recorded("rosenbrock", "learned").values(), strict=True):
        np.testing.assert_array_equal(path, item.trajectory.x[:, 0].numpy())
    about, arrays = made.about, made.arrays
    assert (about["landscape"], about["startable"], about["minimum"]) == ("plane", True, [1, 1])
    x, y = np.meshgrid(arrays["surface_x"], arrays["surface_y"])
    np.testing.assert_allclose(arrays["surface"], (1 - x) ** 2 + 100 * (y - x**2) ** 2, rtol=1e-3, atol=1e-4)
    assert [[x[0, 0], x[0, -1]], [y[0, 0], y[-1, 0]]] == about["plane_window"]


def test_the_plane_of_a_regression_contains_the_minimum_at_its_origin() -> None:
    made, drawn = bundle("linear_regression"), problem("linear_regression")
    assert isinstance(drawn, PlanarProblems)
    about, arrays = made.about, made.arrays
    assert (about["landscape"], about["startable"], about["minimum"]) == ("plane", False, [0, 0])
    for low, high in about["plane_window"]:
        assert low < 0 < high
    minimum = drawn.minimum
    np.testing.assert_allclose(drawn.plane().project(minimum), [[0, 0]], atol=1e-5)
    assert float(drawn.loss(minimum)) == 0
    values = drawn.eigenvalues[0]
    a, b = np.meshgrid(arrays["surface_x"], arrays["surface_y"])
    quadratic = 0.5 * (float(values[0]) * a**2 + float(values[-1]) * b**2)
    np.testing.assert_allclose(arrays["surface"], quadratic, rtol=1e-2, atol=1e-4)
    inside = [(arrays["paths"][..., i] >= low) & (arrays["paths"][..., i] <= high)
              for i, (low, high) in enumerate(about["plane_window"])]  # fmt: skip
    assert np.mean(inside) > 0.5


def test_logits_are_the_classifiers_within_their_steps() -> None:
    made, drawn = bundle("two_moons"), problem("two_moons")
    assert isinstance(drawn, ClassifierProblems)
    logits, (columns, rows) = made.arrays["logits"], made.about["plane_window"]
    assert logits.shape[:2] == (3, STEPS + 1)
    x, y = np.meshgrid(np.linspace(*columns, logits.shape[3]), np.linspace(*rows, logits.shape[2]))
    grid = torch.from_numpy(np.stack([x, y], -1).reshape(-1, 2)).float()
    for row, item in enumerate(recorded("two_moons", "learned").values()):
        for k in (0, STEPS):
            expected = drawn.logits(item.trajectory.x[k], grid).view(logits.shape[2:]).clamp(-LOGIT_RANGE, LOGIT_RANGE)
            unit = made.arrays["logit_units"][row, k]
            close(logits[row, k] * unit, expected, rtol=0, atol=0.51 * unit)
            close(127 * unit, expected.abs().max())  # fine steps where all logits are small
    np.testing.assert_array_equal(made.arrays["points"], drawn.points)
    np.testing.assert_array_equal(made.arrays["labels"], drawn.labels)


@every
@pytest.mark.parametrize("rate", [1e3, 1e30])
def test_a_divergence_is_reported_and_breaks_nothing(task: str, rate: float) -> None:
    runaway = Momentum(rate, 0.9)
    for items in ({"momentum": runaway, "adam": Adam(0.02)}, {"adam": Adam(0.02), "momentum": runaway}):
        made = make_bundle(problem(task), {name: record(item, problem(task), 40) for name, item in items.items()})
        losses = made.arrays["losses"][list(items).index("momentum")]
        bad = np.flatnonzero(~np.isfinite(losses))
        assert made.about["first_nonfinite"]["momentum"] == (bad[0] if len(bad) else None)
        assert made.about["first_nonfinite"]["adam"] is None
        assert task == "two_moons" or len(bad)
        read = Bundle.decode(made.encode())
        for name in ("gradient_grid", "histogram", "histogram_edges"):
            assert np.isfinite(read.arrays[name]).all()
        if next(iter(items)) == "momentum":
            assert made.about["nonfinite_gradients"] == int((~np.isfinite(record(
                runaway, problem(task), 40).trajectory.gradients.numpy())).sum())  # fmt: skip
            np.testing.assert_allclose(read.arrays["histogram"][-1].sum(), 1, rtol=1e-4)


@subjects
def test_one_optimizer_alone(subject: str) -> None:
    made = make_bundle(problem("rosenbrock"), {subject: recorded("rosenbrock", subject)[subject]})
    assert "rate_reference" not in made.arrays
    assert made.arrays["losses"].shape == (1, STEPS + 1)
    assert Bundle.decode(made.encode()).about["optimizers"] == [subject]


def test_without_a_state_there_is_nothing_to_project() -> None:
    made = bundle("rosenbrock", "sgd")
    assert made.about["state_names"] == []
    assert made.about["fixed_point"] is None
    assert made.about["explained"] == [0, 0]
    assert (made.arrays["state"] == 0).all()


def test_a_clock_is_no_part_of_state_space() -> None:
    made = bundle("rosenbrock", "adam")
    assert made.about["state_names"] == ["m", "s"]
    np.testing.assert_allclose(sum(made.about["explained"]), 1, atol=1e-5)
    assert made.about["fixed_point"]["converged"]
    assert bundle("rosenbrock", "momentum with a decay").about["state_names"] == ["v"]


def test_a_start_at_the_minimum_has_no_gradient_at_all() -> None:
    still = problem("rosenbrock").starting_at(torch.ones(1, 2))
    made = make_bundle(still, {"adam": record(Adam(0.1), still, STEPS)})
    assert (made.arrays["losses"] == 0).all()
    assert (made.arrays["gradient"] == 0).all()
    assert (np.diff(made.arrays["gradient_grid"]) > 0).all()
    np.testing.assert_allclose(made.arrays["histogram"][-1].sum(), 1)
