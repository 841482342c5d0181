"""Elman network, as `torch.nn.RNNCell`: h' = tanh(W_in z + W h + b). One step forward, one step back."""

from typing import NamedTuple

import numpy as np

from core.outer.kernels.elementary import kernel, tanh
from core.outer.kernels.products import add_product, product

TAPE = 0  # the next state is enough


class VanillaWeights(NamedTuple):
    """The weights in the form of `forward` and `backward`."""

    w_in_t: np.ndarray
    w_rec_t: np.ndarray
    w_rec: np.ndarray
    b_in: np.ndarray
    b_rec: np.ndarray


def prepare(theta):  # type: ignore[no-untyped-def]
    """From θ as NumPy arrays."""
    return VanillaWeights(
        np.ascontiguousarray(theta["weight_ih"].T),
        np.ascontiguousarray(theta["weight_hh"].T),
        theta["weight_hh"],
        theta["bias_ih"],
        theta["bias_hh"],
    )


@kernel
def forward(weights, state, z, next_state, tape, scratch):  # type: ignore[no-untyped-def]
    """state [1, n, units], z [n, inputs] -> next_state [1, n, units]; scratch [n, units]."""
    w_in, w_rec_t, _, b_in, b_rec = weights
    h, out = state[0], next_state[0]
    n, units = h.shape
    product(h, w_rec_t, scratch)
    bias = b_in + b_rec
    for i in range(n):
        for j in range(units):
            scratch[i, j] += bias[j]
        for q in range(z.shape[1]):
            zi = z[i, q]
            for j in range(units):
                scratch[i, j] += w_in[q, j] * zi
        for j in range(units):
            out[i, j] = tanh(scratch[i, j])


@kernel
def backward(weights, state, next_state, z, tape, adjoint, dz, totals, scratch, spare):  # type: ignore[no-untyped-def]
    """Replace the adjoint of next_state by that of state, in place; writes dz [n, inputs] and adds to totals (float64)."""
    w_in, _, w_rec, _, _ = weights
    t_in, t_rec, tb_in, tb_rec = totals
    h, out, a = state[0], next_state[0], adjoint[0]
    n, units = h.shape
    one = w_in.dtype.type(1)
    d_in, d_bias = np.zeros_like(w_in), np.zeros_like(w_in[0])
    for i in range(n):
        for j in range(units):
            d = a[i, j] * (one - out[i, j] * out[i, j])
            scratch[i, j] = d
            d_bias[j] += d
        for q in range(z.shape[1]):
            zi = z[i, q]
            s = zi * 0
            for j in range(units):
                s += scratch[i, j] * w_in[q, j]
                d_in[q, j] += scratch[i, j] * zi
            dz[i, q] = s
    product(scratch, w_rec, a)
    add_product(scratch.T, h, t_rec)
    for j in range(units):
        for q in range(z.shape[1]):
            t_in[j, q] += d_in[q, j]
        tb_in[j] += d_bias[j]
        tb_rec[j] += d_bias[j]
