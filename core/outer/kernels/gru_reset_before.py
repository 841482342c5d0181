"""GRU, reset gate before the recurrent product (Cho et al. 2014; renn): one step forward, one step back.

h' = c + u (h − c),  c = tanh(W_in z + W (r h) + b).
"""

from typing import NamedTuple

import numpy as np

from core.outer.kernels.elementary import kernel, sigmoid, tanh
from core.outer.kernels.products import add_product, product

TAPE = 4  # reset gate, update gate, candidate, reset · h


class GRUBeforeWeights(NamedTuple):
    """The weights in the form of `forward` and `backward`."""

    w_in_t: np.ndarray
    w_gates_t: np.ndarray
    w_candidate_t: np.ndarray
    w_gates: np.ndarray
    w_candidate: np.ndarray
    b_in: np.ndarray
    b_rec: np.ndarray


def prepare(theta):  # type: ignore[no-untyped-def]
    """From θ as NumPy arrays."""
    weight = theta["weight_hh"]
    gates = 2 * weight.shape[1]
    return GRUBeforeWeights(
        np.ascontiguousarray(theta["weight_ih"].T),
        np.ascontiguousarray(weight[:gates].T),
        np.ascontiguousarray(weight[gates:].T),
        np.ascontiguousarray(weight[:gates]),
        np.ascontiguousarray(weight[gates:]),
        theta["bias_ih"],
        theta["bias_hh"],
    )


@kernel
def forward(weights, state, z, next_state, tape, scratch):  # type: ignore[no-untyped-def]
    """state [1, n, units], z [n, inputs] -> next_state [1, n, units], tape [4, n, units]; scratch [n, 3 units]."""
    w_in, w_gates_t, w_candidate_t, _, _, b_in, b_rec = weights
    h, out = state[0], next_state[0]
    n, units = h.shape
    gates = np.empty((n, 2 * units), h.dtype)
    product(h, w_gates_t, gates)
    bias = b_in + b_rec
    for i in range(n):
        for j in range(3 * units):
            scratch[i, j] = bias[j]
        for q in range(z.shape[1]):
            zi = z[i, q]
            for j in range(3 * units):
                scratch[i, j] += w_in[q, j] * zi
        for j in range(units):
            reset = sigmoid(scratch[i, j] + gates[i, j])
            tape[0, i, j] = reset
            tape[1, i, j] = sigmoid(scratch[i, units + j] + gates[i, units + j])
            tape[3, i, j] = reset * h[i, j]
    product(tape[3], w_candidate_t, out)
    for i in range(n):
        for j in range(units):
            candidate = tanh(scratch[i, 2 * units + j] + out[i, j])
            tape[2, i, j] = candidate
            out[i, j] = candidate + tape[1, i, j] * (h[i, j] - candidate)


@kernel
def backward(weights, state, next_state, z, tape, adjoint, dz, totals, scratch, spare):  # type: ignore[no-untyped-def]
    """Replace the adjoint of next_state by that of state, in place; writes dz [n, inputs] and adds to totals (float64)."""
    w_in, _, _, w_gates, w_candidate, _, _ = weights
    t_in, t_rec, tb_in, tb_rec = totals
    h, a = state[0], adjoint[0]
    n, units = h.shape
    one = w_in.dtype.type(1)
    d_in, d_bias = np.zeros_like(w_in), np.zeros_like(w_in[0])
    d_candidate = np.empty_like(h)
    d_gates = np.empty((n, 2 * units), h.dtype)
    for i in range(n):
        for j in range(units):
            update, candidate, d = tape[1, i, j], tape[2, i, j], a[i, j]
            d_candidate[i, j] = d * (one - update) * (one - candidate * candidate)
            d_gates[i, units + j] = d * (h[i, j] - candidate) * update * (one - update)
            a[i, j] = d * update
    product(d_candidate, w_candidate, spare)  # adjoint of reset · h
    for i in range(n):
        for j in range(units):
            reset = tape[0, i, j]
            a[i, j] += spare[i, j] * reset
            d_gates[i, j] = spare[i, j] * h[i, j] * reset * (one - reset)
        scratch[i, : 2 * units] = d_gates[i]
        scratch[i, 2 * units :] = d_candidate[i]
        for j in range(3 * units):
            d_bias[j] += scratch[i, j]
        for q in range(z.shape[1]):
            zi = z[i, q]
            s = zi * 0
            for j in range(3 * units):
                s += scratch[i, j] * w_in[q, j]
                d_in[q, j] += scratch[i, j] * zi
            dz[i, q] = s
    add_product(d_gates, w_gates, a)
    add_product(d_gates.T, h, t_rec[: 2 * units])
    add_product(d_candidate.T, tape[3], t_rec[2 * units :])
    t_in += d_in.T
    tb_in += d_bias
    tb_rec += d_bias
