"""Principal components against NumPy and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from core.analysis.projection import principal_components


def cloud(rows: int, size: int, seed: int = 0) -> torch.Tensor:
    """Correlated points away from the origin."""
    source = torch.Generator().manual_seed(seed)
    points = torch.randn(rows, size, generator=source, dtype=torch.float64)
    return points @ torch.randn(size, size, generator=source, dtype=torch.float64) + 3


@pytest.mark.parametrize("size", [2, 3, 20])
@pytest.mark.parametrize("rows", [5, 200])
def test_it_equals_scikit_learn(rows: int, size: int) -> None:
    states = cloud(rows, size)
    projection = principal_components(states)
    expected = PCA(n_components=2, svd_solver="full").fit(states.numpy())
    np.testing.assert_allclose(projection.mean, expected.mean_, rtol=1e-10)
    np.testing.assert_allclose(projection.explained, expected.explained_variance_ratio_, rtol=1e-10)
    np.testing.assert_allclose(projection.axes.abs(), np.abs(expected.components_), atol=1e-9)
    np.testing.assert_allclose(projection(states).abs(), np.abs(expected.transform(states.numpy())), atol=1e-9)


def test_it_equals_a_singular_value_decomposition() -> None:
    states = cloud(50, 6)
    projection = principal_components(states)
    _, singular, right = np.linalg.svd(states.numpy() - states.numpy().mean(0), full_matrices=False)
    np.testing.assert_allclose(projection.explained, singular[:2] ** 2 / (singular**2).sum(), rtol=1e-10)
    for axis, row in zip(projection.axes.numpy(), right, strict=False):
        np.testing.assert_allclose(abs(axis @ row), 1, rtol=1e-12)


def test_axes_are_orthonormal_and_their_signs_fixed() -> None:
    projection = principal_components(cloud(40, 7))
    torch.testing.assert_close(projection.axes @ projection.axes.T, torch.eye(2, dtype=torch.float64))
    for axis in projection.axes:
        assert axis[axis.abs().argmax()] > 0
    mirrored = principal_components(-cloud(40, 7))
    torch.testing.assert_close(mirrored.axes, projection.axes)


def test_two_dimensions_are_only_rotated() -> None:
    states = cloud(30, 2)
    projection = principal_components(states)
    torch.testing.assert_close(torch.pdist(projection(states)), torch.pdist(states))
    torch.testing.assert_close(projection.explained.sum(), torch.tensor(1.0, dtype=torch.float64))


@pytest.mark.parametrize("value", [torch.inf, -torch.inf, torch.nan])
def test_rows_that_are_not_finite_are_left_out(value: float) -> None:
    states = cloud(30, 4)
    spoiled = torch.cat([states, states[:3]])
    spoiled[-3:, 1] = value
    projection, expected = principal_components(spoiled), principal_components(states)
    torch.testing.assert_close(projection.axes, expected.axes)
    torch.testing.assert_close(projection.explained, expected.explained)
    assert not torch.isfinite(projection(spoiled)[-1]).all()  # what is not finite stays so


def test_states_on_a_line_have_one_component() -> None:
    direction = torch.tensor([3.0, 0.0, 4.0], dtype=torch.float64) / 5
    states = torch.linspace(-2, 5, 20, dtype=torch.float64)[:, None] * direction + 1
    projection = principal_components(states)
    torch.testing.assert_close(projection.axes, torch.stack([direction, torch.zeros(3, dtype=torch.float64)]))
    np.testing.assert_allclose(projection.explained, [1, 0])
    assert (projection(states)[:, 1] == 0).all()


@pytest.mark.parametrize(
    "states",
    [torch.zeros(10, 0), torch.zeros(0, 3), torch.ones(10, 3), torch.full((10, 3), torch.nan), torch.ones(1, 3)],
    ids=["no state", "no rows", "constant", "no finite row", "one row"],
)
def test_without_variance_there_is_no_axis(states: torch.Tensor) -> None:
    projection = principal_components(states)
    assert projection.axes.shape == (2, states.shape[1])
    assert (projection.axes == 0).all()
    assert projection.explained.tolist() == [0, 0]
    assert projection(torch.ones(4, states.shape[1], dtype=torch.float64)).shape == (4, 2)


def test_a_single_dimension() -> None:
    projection = principal_components(torch.tensor([[1.0], [2.0], [4.0]]))
    assert projection.axes.tolist() == [[1], [0]]
    assert projection.explained.tolist() == [1, 0]
    np.testing.assert_allclose(projection(torch.tensor([[10.0]]).double()), [[10 - 7 / 3, 0]])


def test_leading_dimensions_are_kept() -> None:
    states = cloud(24, 5).view(2, 3, 4, 5)
    projection = principal_components(states.reshape(-1, 5))
    assert projection(states).shape == (2, 3, 4, 2)
    torch.testing.assert_close(projection(states).reshape(-1, 2), projection(states.reshape(-1, 5)))
