"""GRU, reset gate after the recurrent product (PyTorch's convention): one step forward, one step back.

With rᵢ, uᵢ, cᵢ the reset gate, update gate and candidate:  h' = c + u (h − c),  c = tanh(W_in z + b + r (W_h h + b')).
Every gate has its own block of weights and its own array, so that all loops but those over inputs run over whole arrays.
"""

from typing import NamedTuple

import numpy as np

from core.outer.kernels.elementary import kernel, sigmoid, tanh
from core.outer.kernels.products import add_product, affine, product

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
    w_in_t, w_rec_t, _, bias = weights
    h, out = state[0], next_state[0]
    n, units = h.shape
    pre, from_input = scratch.reshape(3, n, units), np.empty_like(h)
    at_reset, at_update, from_state = pre[0], pre[1], pre[2]
    reset, update, candidate, recurrent = tape[0], tape[1], tape[2], tape[3]
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
def _to_inputs(pre, w_in_t, dz):  # type: ignore[no-untyped-def]
    """dz [n, inputs] from the adjoints of what gates and candidate are functions of, [3, n, units]."""
    gates, n, units = pre.shape
    for i in range(n):
        for q in range(dz.shape[1]):
            s = w_in_t.dtype.type(0)
            for gate in range(gates):
                for j in range(units):
                    s += pre[gate, i, j] * w_in_t[gate, q, j]
            dz[i, q] = s


@kernel
def backward(weights, state, next_state, z, tape, adjoint, dz, totals, scratch, spare):  # type: ignore[no-untyped-def]
    """Replace the adjoint of next_state by that of state, in place; writes dz [n, inputs] and adds to totals (float64).

    scratch [n, 3 units] and spare [n, units] are working memory: adjoints of what the gates, the candidate and its recurrent part are functions of.
    """
    w_in_t, _, w_rec, _ = weights
    t_in, t_rec, tb_in, tb_rec = totals
    h, a = state[0], adjoint[0]
    n, units = h.shape
    one = w_rec.dtype.type(1)
    pre = scratch.reshape(3, n, units)
    d_reset, d_update, d_candidate = pre[0], pre[1], pre[2]
    reset, update, candidate, recurrent = tape[0], tape[1], tape[2], tape[3]
    for i in range(n):  # several short loops, as above
        for j in range(units):
            d_update[i, j] = a[i, j] * (h[i, j] - candidate[i, j]) * update[i, j] * (one - update[i, j])
        for j in range(units):
            d_candidate[i, j] = a[i, j] * (one - update[i, j]) * (one - candidate[i, j] * candidate[i, j])
        for j in range(units):
            a[i, j] *= update[i, j]
        for j in range(units):
            spare[i, j] = d_candidate[i, j] * reset[i, j]
        for j in range(units):
            d_reset[i, j] = spare[i, j] * recurrent[i, j] * (one - reset[i, j])
    _to_inputs(pre, w_in_t, dz)
    ones, d_in, d_bias = np.ones((1, n), h.dtype), np.empty_like(w_in_t[0]), np.empty((1, units), h.dtype)
    for gate in range(3):
        at_state, first = spare if gate == 2 else pre[gate], gate * units
        add_product(at_state, w_rec[gate], a)
        add_product(at_state.T, h, t_rec[first : first + units])
        product(z.T, pre[gate], d_in)
        product(ones, pre[gate], d_bias)
        for j in range(units):
            for q in range(z.shape[1]):
                t_in[first + j, q] += d_in[q, j]
            tb_in[first + j] += d_bias[0, j]
        if gate == 2:
            product(ones, spare, d_bias)
        for j in range(units):
            tb_rec[first + j] += d_bias[0, j]
