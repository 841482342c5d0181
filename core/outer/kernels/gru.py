"""GRU, reset gate after the recurrent product (PyTorch's convention): one step forward, one step back.

With rᵢ, uᵢ, cᵢ the reset gate, update gate and candidate:  h' = c + u (h − c),  c = tanh(W_in z + b + r (W_h h + b')).
"""

from typing import NamedTuple

import numpy as np

from core.outer.kernels.elementary import kernel, sigmoid, tanh

TAPE = 4  # reset gate, update gate, candidate, the candidate's recurrent part


class GRUWeights(NamedTuple):
    """The weights in the form of `forward` and `backward`."""

    w_in_t: np.ndarray
    w_rec_t: np.ndarray
    w_rec: np.ndarray
    b_in: np.ndarray
    b_rec: np.ndarray


def prepare(theta):  # type: ignore[no-untyped-def]
    """From θ as NumPy arrays."""
    return GRUWeights(
        np.ascontiguousarray(theta["weight_ih"].T),
        np.ascontiguousarray(theta["weight_hh"].T),
        theta["weight_hh"],
        theta["bias_ih"],
        theta["bias_hh"],
    )


@kernel
def forward(weights, state, z, next_state, tape, scratch):  # type: ignore[no-untyped-def]
    """state [1, n, units], z [n, inputs] -> next_state [1, n, units], tape [4, n, units]; scratch [n, 3 units]."""
    w_in, w_rec_t, _, b_in, b_rec = weights
    h, out = state[0], next_state[0]
    n, units = h.shape
    np.dot(h, w_rec_t, scratch)
    base = np.empty_like(b_in)
    for i in range(n):
        base[:] = b_in
        for q in range(z.shape[1]):
            zi = z[i, q]
            for j in range(3 * units):
                base[j] += w_in[q, j] * zi
        for j in range(units):
            reset = sigmoid(base[j] + (scratch[i, j] + b_rec[j]))
            update = sigmoid(base[units + j] + (scratch[i, units + j] + b_rec[units + j]))
            recurrent = scratch[i, 2 * units + j] + b_rec[2 * units + j]
            candidate = tanh(base[2 * units + j] + reset * recurrent)
            tape[0, i, j] = reset
            tape[1, i, j] = update
            tape[2, i, j] = candidate
            tape[3, i, j] = recurrent
            out[i, j] = candidate + update * (h[i, j] - candidate)


@kernel
def backward(weights, state, next_state, z, tape, adjoint, dz, totals, scratch, spare):  # type: ignore[no-untyped-def]  # noqa: PLR0912 - loops
    """Replace the adjoint of next_state by that of state, in place; writes dz [n, inputs] and adds to totals (float64)."""
    w_in, _, w_rec, _, _ = weights
    t_in, t_rec, tb_in, tb_rec = totals
    h, a = state[0], adjoint[0]
    n, units = h.shape
    inputs = z.shape[1]
    one = w_in.dtype.type(1)
    d_in, d_bin, d_brec = np.zeros_like(w_in), np.zeros_like(w_in[0]), np.zeros_like(w_in[0])
    at_input = np.empty_like(w_in[0])
    for i in range(n):  # several short loops: LLVM vectorizes one only if it touches few arrays
        hi, ai, si = h[i], a[i], scratch[i]
        reset_i, update_i, candidate_i, recurrent_i = tape[0, i], tape[1, i], tape[2, i], tape[3, i]
        for j in range(units):
            update, candidate = update_i[j], candidate_i[j]
            d = ai[j]
            at_input[units + j] = d * (hi[j] - candidate) * update * (one - update)
            at_input[2 * units + j] = d * (one - update) * (one - candidate * candidate)
            ai[j] = d * update
        for j in range(units):
            reset = reset_i[j]
            d_candidate = at_input[2 * units + j]
            at_input[j] = d_candidate * recurrent_i[j] * reset * (one - reset)
            si[2 * units + j] = d_candidate * reset
        for j in range(2 * units):
            si[j] = at_input[j]
        for j in range(units):
            d_brec[2 * units + j] += si[2 * units + j]
        for j in range(3 * units):
            d_bin[j] += at_input[j]
        for q in range(inputs):
            zi = z[i, q]
            s = zi * 0
            for j in range(3 * units):
                s += at_input[j] * w_in[q, j]
            dz[i, q] = s
            for j in range(3 * units):
                d_in[q, j] += at_input[j] * zi
    np.dot(scratch, w_rec, spare)
    for i in range(n):
        for j in range(units):
            a[i, j] += spare[i, j]
    d_rec = np.dot(scratch.T, h)
    for j in range(3 * units):
        for k in range(units):
            t_rec[j, k] += d_rec[j, k]
        for q in range(inputs):
            t_in[j, q] += d_in[q, j]
        tb_in[j] += d_bin[j]
        tb_rec[j] += d_bin[j] if j < 2 * units else d_brec[j]
