"""LSTM, as `torch.nn.LSTMCell`: one step forward, one step back. The state's two vectors are h and c."""

from typing import NamedTuple

import numpy as np

from core.outer.kernels.elementary import kernel, sigmoid, tanh
from core.outer.kernels.products import add_product, product

TAPE = 5  # input gate, forget gate, cell input, output gate, tanh of the new cell


class LSTMWeights(NamedTuple):
    """The weights in the form of `forward` and `backward`."""

    w_in_t: np.ndarray
    w_rec_t: np.ndarray
    w_rec: np.ndarray
    b_in: np.ndarray
    b_rec: np.ndarray


def prepare(theta):  # type: ignore[no-untyped-def]
    """From θ as NumPy arrays."""
    return LSTMWeights(
        np.ascontiguousarray(theta["weight_ih"].T),
        np.ascontiguousarray(theta["weight_hh"].T),
        theta["weight_hh"],
        theta["bias_ih"],
        theta["bias_hh"],
    )


@kernel
def forward(weights, state, z, next_state, tape, scratch):  # type: ignore[no-untyped-def]
    """state [2, n, units], z [n, inputs] -> next_state [2, n, units], tape [5, n, units]; scratch [n, 4 units]."""
    w_in, w_rec_t, _, b_in, b_rec = weights
    h, c = state[0], state[1]
    h_next, c_next = next_state[0], next_state[1]
    n, units = h.shape
    product(h, w_rec_t, scratch)
    bias = b_in + b_rec
    base = np.empty_like(b_in)
    for i in range(n):
        base[:] = bias
        for q in range(z.shape[1]):
            zi = z[i, q]
            for j in range(4 * units):
                base[j] += w_in[q, j] * zi
        for j in range(units):
            enter = sigmoid(base[j] + scratch[i, j])
            forget = sigmoid(base[units + j] + scratch[i, units + j])
            cell = tanh(base[2 * units + j] + scratch[i, 2 * units + j])
            out = sigmoid(base[3 * units + j] + scratch[i, 3 * units + j])
            carried = forget * c[i, j] + enter * cell
            squashed = tanh(carried)
            tape[0, i, j] = enter
            tape[1, i, j] = forget
            tape[2, i, j] = cell
            tape[3, i, j] = out
            tape[4, i, j] = squashed
            c_next[i, j] = carried
            h_next[i, j] = out * squashed


@kernel
def backward(weights, state, next_state, z, tape, adjoint, dz, totals, scratch, spare):  # type: ignore[no-untyped-def]
    """Replace the adjoint of next_state by that of state, in place; writes dz [n, inputs] and adds to totals (float64)."""
    w_in, _, w_rec, _, _ = weights
    t_in, t_rec, tb_in, tb_rec = totals
    h, c = state[0], state[1]
    ah, ac = adjoint[0], adjoint[1]
    n, units = h.shape
    one = w_in.dtype.type(1)
    d_in, d_bias = np.zeros_like(w_in), np.zeros_like(w_in[0])
    for i in range(n):
        for j in range(units):
            enter, forget, cell = tape[0, i, j], tape[1, i, j], tape[2, i, j]
            out, squashed = tape[3, i, j], tape[4, i, j]
            d = ah[i, j]
            carried = ac[i, j] + d * out * (one - squashed * squashed)
            scratch[i, j] = carried * cell * enter * (one - enter)
            scratch[i, units + j] = carried * c[i, j] * forget * (one - forget)
            scratch[i, 2 * units + j] = carried * enter * (one - cell * cell)
            scratch[i, 3 * units + j] = d * squashed * out * (one - out)
            ac[i, j] = carried * forget
        for j in range(4 * units):
            d_bias[j] += scratch[i, j]
        for q in range(z.shape[1]):
            zi = z[i, q]
            s = zi * 0
            for j in range(4 * units):
                s += scratch[i, j] * w_in[q, j]
                d_in[q, j] += scratch[i, j] * zi
            dz[i, q] = s
    product(scratch, w_rec, ah)
    add_product(scratch.T, h, t_rec)
    for j in range(4 * units):
        for q in range(z.shape[1]):
            t_in[j, q] += d_in[q, j]
        tb_in[j] += d_bias[j]
        tb_rec[j] += d_bias[j]
