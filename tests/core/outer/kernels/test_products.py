"""Matrix products in tiles against NumPy's: every size beside a tile's, transposes, and sums in double precision."""

import numba
import numpy as np
import pytest

from core.outer.kernels.products import AT_A_TIME, ROWS, VECTOR_BYTES, VECTORS, add_product, affine, product

WIDTH = VECTORS * VECTOR_BYTES // 4
SIZES = [  # rows, inner size, columns
    (ROWS, 5, WIDTH),
    (2 * ROWS + 3, 7, WIDTH + 1),
    (1, 1, 1),
    (ROWS - 1, 3, WIDTH - 1),
    (5 * ROWS, 24, 72),
    (ROWS + 1, 64, 2 * WIDTH),
    (3, 0, 4),  # a sum of nothing
    (AT_A_TIME + ROWS + 1, 2 * AT_A_TIME + 3, 5),
]


def matrix(rows, columns, dtype, seed):
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(dtype)


def room(rows, columns, dtype):
    """Where a product goes, within an array that it must leave alone."""
    around = np.full((rows + 2, columns), np.nan, dtype)
    return around, around[1:-1]


@pytest.mark.parametrize("dtype, error", [(np.float32, 2e-6), (np.float64, 1e-14)])
@pytest.mark.parametrize("rows, inner, columns", SIZES)
@pytest.mark.parametrize("transposed", [False, True])
def test_products(rows, inner, columns, transposed, dtype, error):
    a, b, bias = matrix(rows, inner, dtype, 0), matrix(inner, columns, dtype, 1), matrix(1, columns, dtype, 2)[0]
    z, w = matrix(rows, 2, dtype, 3), matrix(2, columns, dtype, 4)
    given = np.ascontiguousarray(a.T).T if transposed else a
    exact = a.astype(np.float64) @ b.astype(np.float64)
    near = {"rtol": error, "atol": error * max(1, inner) ** 0.5 * 4}
    around, out = room(rows, columns, dtype)
    product(given, b, out)
    np.testing.assert_allclose(out, exact, **near)
    affine(bias, (z, w, given, b), out)
    np.testing.assert_allclose(out, exact + bias + z.astype(np.float64) @ w, **near)
    add_product(given, b, out)
    np.testing.assert_allclose(out, 2 * exact + bias + z.astype(np.float64) @ w, **near)
    assert np.isnan(around[[0, -1]]).all()


def test_totals_are_summed_in_double_precision():
    a, b, total = (
        matrix(ROWS + 1, 8, np.float32, 0),
        matrix(8, WIDTH + 3, np.float32, 1),
        np.full((ROWS + 1, WIDTH + 3), 1e8),
    )
    expected = total + a.astype(np.float64) @ b
    add_product(a, b, total)
    np.testing.assert_allclose(
        total - 1e8, expected - 1e8, atol=1e-5
    )  # in single precision nothing would be left of it


def test_what_is_not_finite_stays_so():
    a, b, out = np.ones((2, 2), np.float32), np.ones((2, 3), np.float32), np.empty((2, 3), np.float32)
    a[0, 1], b[1, 2] = np.nan, np.inf
    product(a, b, out)
    assert np.isnan(out[0]).all() and out[1, :2].tolist() == [2, 2] and out[1, 2] == np.inf


def test_columns_that_are_not_contiguous_are_refused():
    a, b = np.ones((2, 2), np.float32), np.asfortranarray(np.ones((2, 3), np.float32))
    with pytest.raises(numba.TypingError, match="contiguous rows"):
        product(a, b, np.empty((2, 3), np.float32))
