import numba
import numpy as np
import pytest
import scipy.special

from core.outer.kernels.elementary import sigmoid, tanh


@numba.njit
def both(x, low, high):
    for i in range(x.size):
        low[i] = sigmoid(x[i])
        high[i] = tanh(x[i])


def evaluated(x):
    low, high = np.empty_like(x), np.empty_like(x)
    both(x, low, high)
    return low, high


@pytest.mark.parametrize("dtype, relative, absolute", [(np.float32, 5e-6, 3e-7), (np.float64, 1e-14, 1e-15)])
def test_values(dtype, relative, absolute):
    x = np.linspace(-80, 80, 40001).astype(dtype)
    low, high = evaluated(x)
    assert low.dtype == high.dtype == dtype
    np.testing.assert_allclose(low, scipy.special.expit(x.astype(np.float64)), rtol=relative, atol=0)
    np.testing.assert_allclose(high, np.tanh(x.astype(np.float64)), rtol=0, atol=absolute)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_not_finite(dtype):
    low, high = evaluated(np.array([np.nan, np.inf, -np.inf], dtype))
    assert np.isnan(low[0]) and np.isnan(high[0])
    np.testing.assert_allclose(low[1:], [1, 0], atol=1e-30)
    np.testing.assert_allclose(high[1:], [1, -1], rtol=1e-6)
