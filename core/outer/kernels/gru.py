"""GRU, reset gate after the recurrent product (PyTorch's convention): one step forward, one step back.

With rᵢ, uᵢ, cᵢ the reset gate, update gate and candidate:  h' = c + u (h − c),  c = tanh(W_in z + b + r (W_h h + b')).
Every gate has its own block of weights and its own array, so that all loops but those over inputs run over whole arrays.
"""

from typing import NamedTuple

import numpy as np

from core.outer.kernels.elementary import kernel, sigmoid, tanh
from core.outer.kernels.products import AT_A_TIME, add_product, affine, product

TAPE = 4  # reset gate, update gate, candidate, the candidate's recurrent part


class GRUWeights(NamedTuple):
    """The weights in the form of `forward` and `backward`, by gate: [3, inputs, units], [3, units, units] twice, and biases [4, units].

    ``w_rec`` is that of θ, ``w_in_t`` and ``w_rec_t`` have transposed blocks; the biases are of reset gate, update gate, candidate and its recurrent part.
    """

    w_in_t: np.ndarray
    w_rec_t: np.ndarray
    w_rec: np.ndarray
    bias: np.ndarray


def prepare(theta):  # type: ignore[no-untyped-def]
    """From θ as NumPy arrays."""
    units = theta["weight_hh"].shape[1]
    w_in, w_rec = (theta[name].reshape(3, units, -1) for name in ("weight_ih", "weight_hh"))
    b_in, b_rec = (theta[name].reshape(3, units) for name in ("bias_ih", "bias_hh"))
    w_in_t, w_rec_t = (np.ascontiguousarray(blocks.transpose(0, 2, 1)) for blocks in (w_in, w_rec))
    return GRUWeights(w_in_t, w_rec_t, w_rec, np.stack([*(b_in + b_rec)[:2], b_in[2], b_rec[2]]))


@kernel
def forward(weights, state, z, next_state, tape, scratch):  # type: ignore[no-untyped-def]
    """state [1, n, units], z [n, inputs] -> next_state [1, n, units], tape [4, n, units]; scratch [n, 3 units]."""
    n, units = state[0].shape
    from_input = np.empty((min(n, AT_A_TIME), units), state.dtype)
    pre = scratch.reshape(3 * n, units)
    for first in range(0, n, AT_A_TIME):
        rows = slice(first, min(first + AT_A_TIME, n))
        tapes = tape[0, rows], tape[1, rows], tape[2, rows], tape[3, rows]
        _forward(weights, state[0, rows], z[rows], next_state[0, rows], tapes, pre, from_input)


@kernel
def _forward(weights, h, z, out, tapes, pre, from_input):  # type: ignore[no-untyped-def]
    """`forward` for some rows; pre [3 rows or more, units] and from_input [rows or more, units] are working memory."""
    w_in_t, w_rec_t, _, bias = weights
    reset, update, candidate, recurrent = tapes
    n, units = h.shape
    at_reset, at_update, from_state, from_input = pre[:n], pre[n : 2 * n], pre[2 * n : 3 * n], from_input[:n]
    affine(bias[0], (z, w_in_t[0], h, w_rec_t[0]), at_reset)
    affine(bias[1], (z, w_in_t[1], h, w_rec_t[1]), at_update)
    affine(bias[2], (z, w_in_t[2]), from_input)
    affine(bias[3], (h, w_rec_t[2]), from_state)
    for i in range(n):  # several short loops: LLVM vectorizes one only if it touches few arrays
        for j in range(units):
            reset[i, j] = sigmoid(at_reset[i, j])
        for j in range(units):
            update[i, j] = sigmoid(at_update[i, j])
        for j in range(units):
            recurrent[i, j] = from_state[i, j]
        for j in range(units):
            candidate[i, j] = tanh(from_input[i, j] + reset[i, j] * from_state[i, j])
        for j in range(units):
            out[i, j] = candidate[i, j] + update[i, j] * (h[i, j] - candidate[i, j])


@kernel
def _to_inputs(d_reset, d_update, d_candidate, w_in_t, dz):  # type: ignore[no-untyped-def]
    """dz [n, inputs] from the adjoints of what gates and candidate are functions of, [n, units] each."""
    n, units = d_reset.shape
    for i in range(n):
        for q in range(dz.shape[1]):
            s = w_in_t.dtype.type(0)
            for j in range(units):
                s += d_reset[i, j] * w_in_t[0, q, j] + d_update[i, j] * w_in_t[1, q, j]
            for j in range(units):
                s += d_candidate[i, j] * w_in_t[2, q, j]
            dz[i, q] = s


@kernel
def backward(weights, state, next_state, z, tape, adjoint, dz, totals, scratch, spare):  # type: ignore[no-untyped-def]
    """Replace the adjoint of next_state by that of state, in place; writes dz [n, inputs] and adds to totals (float64).

    scratch [n, 3 units] and spare [n, units] are working memory.
    """
    n, units = state[0].shape
    pre = scratch.reshape(3 * n, units)
    for first in range(0, n, AT_A_TIME):
        rows = slice(first, min(first + AT_A_TIME, n))
        tapes = tape[0, rows], tape[1, rows], tape[2, rows], tape[3, rows]
        _backward(weights, state[0, rows], z[rows], tapes, adjoint[0, rows], dz[rows], totals, pre, spare)


@kernel
def _backward(weights, h, z, tapes, a, dz, totals, pre, spare):  # type: ignore[no-untyped-def]
    """`backward` for some rows. Working memory: adjoints of what the gates, the candidate (pre) and its recurrent part (spare) are functions of."""
    w_in_t, _, w_rec, _ = weights
    t_in, t_rec, tb_in, tb_rec = totals
    reset, update, candidate, recurrent = tapes
    n, units = h.shape
    one = w_rec.dtype.type(1)
    d_reset, d_update, d_candidate, d_recurrent = pre[:n], pre[n : 2 * n], pre[2 * n : 3 * n], spare[:n]
    for i in range(n):  # several short loops, as above
        for j in range(units):
            d_update[i, j] = a[i, j] * (h[i, j] - candidate[i, j]) * update[i, j] * (one - update[i, j])
        for j in range(units):
            d_candidate[i, j] = a[i, j] * (one - update[i, j]) * (one - candidate[i, j] * candidate[i, j])
        for j in range(units):
            a[i, j] *= update[i, j]
        for j in range(units):
            d_recurrent[i, j] = d_candidate[i, j] * reset[i, j]
        for j in range(units):
            d_reset[i, j] = d_recurrent[i, j] * recurrent[i, j] * (one - reset[i, j])
    _to_inputs(d_reset, d_update, d_candidate, w_in_t, dz)
    ones, d_in, d_bias = np.ones((1, n), h.dtype), np.empty_like(w_in_t[0]), np.empty((1, units), h.dtype)
    for gate in range(3):
        at_input = pre[gate * n : (gate + 1) * n]
        at_state, first = d_recurrent if gate == 2 else at_input, gate * units
        add_product(at_state, w_rec[gate], a)
        add_product(at_state.T, h, t_rec[first : first + units])
        product(z.T, at_input, d_in)
        product(ones, at_input, d_bias)
        for j in range(units):
            for q in range(z.shape[1]):
                t_in[first + j, q] += d_in[q, j]
            tb_in[first + j] += d_bias[0, j]
        if gate == 2:
            product(ones, at_state, d_bias)
        for j in range(units):
            tb_rec[first + j] += d_bias[0, j]
