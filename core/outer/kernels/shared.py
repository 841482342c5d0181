"""Shared code of all cells: the readout, its adjoint, and the clipping of adjoints."""

import numpy as np

from core.outer.kernels.elementary import kernel


@kernel
def read_out(h, weight, bias, scale, x, x_next):  # type: ignore[no-untyped-def]
    """x_next = x + scale (h · w + c); h [n, units], x [n]."""
    n, units = h.shape
    for i in range(n):
        s = bias[0]
        for j in range(units):
            s += h[i, j] * weight[j]
        x_next[i] = x[i] + scale[0] * s


@kernel
def read_out_backward(h, weight, scale, adjoint_x, adjoint_h, t_weight, t_bias):  # type: ignore[no-untyped-def]
    """Add the readout's part to the adjoint of h [n, units], in place, and to totals (float64)."""
    n, units = h.shape
    d_weight = np.zeros_like(weight)
    for i in range(n):
        d = scale[0] * adjoint_x[i]
        t_bias[0] += d
        for j in range(units):
            adjoint_h[i, j] += d * weight[j]
            d_weight[j] += d * h[i, j]
    for j in range(units):
        t_weight[j] += d_weight[j]


@kernel
def clip(adjoint, problems, largest):  # type: ignore[no-untyped-def]
    """Rescale each problem's adjoint [vectors, problems · rows, units] to a norm of at most ``largest``, in place.

    Non-finite entries become 0. Norms are summed in double precision: squares of large float32 numbers overflow.
    """
    vectors, n, units = adjoint.shape
    rows = n // problems
    for p in range(problems):
        total = 0.0
        for v in range(vectors):
            for i in range(p * rows, (p + 1) * rows):
                for j in range(units):
                    value = adjoint[v, i, j]
                    if not np.isfinite(value):
                        adjoint[v, i, j] = 0
                    else:
                        total += np.float64(value) * np.float64(value)
        if total > largest * largest:
            factor = adjoint.dtype.type(largest / np.sqrt(total))
            for v in range(vectors):
                for i in range(p * rows, (p + 1) * rows):
                    for j in range(units):
                        adjoint[v, i, j] *= factor
