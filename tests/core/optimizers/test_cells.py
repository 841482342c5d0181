import numpy as np
import pytest
import torch

from core.optimizers.cells import CELLS, GRU_RESETS, gru, gru_reset_before

N, UNITS = 6, 5
TORCH = {"gru": torch.nn.GRUCell, "lstm": torch.nn.LSTMCell, "vanilla": torch.nn.RNNCell}


def cell_of_torch(name, inputs):
    torch.manual_seed(0)
    return TORCH[name](inputs, UNITS, dtype=torch.float64)


def draw(*shape):
    return torch.from_numpy(np.random.default_rng(sum(shape)).normal(size=shape))


@pytest.mark.parametrize("inputs", [1, 2])
@pytest.mark.parametrize("name", CELLS)
def test_twenty_steps_are_those_of_torch_nn(name, inputs):
    reference = cell_of_torch(name, inputs)
    theta = {key: tensor.detach() for key, tensor in reference.named_parameters()}
    cell = CELLS[name]
    state = draw(N, cell.vectors * UNITS)
    expected = tuple(part.contiguous() for part in state.chunk(2, 1)) if name == "lstm" else state
    for k in range(20):
        z = draw(N, inputs) * (k + 1)
        state = cell.step(theta, state, z)
        expected = reference(z, expected)
        next_state = torch.cat(expected, 1) if name == "lstm" else expected
        torch.testing.assert_close(state, next_state.detach(), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", CELLS)
def test_gates_and_vectors_give_torchs_shapes(name):
    reference = cell_of_torch(name, 2)
    assert reference.weight_hh.shape == (CELLS[name].gates * UNITS, UNITS)
    assert CELLS[name].vectors == (2 if name == "lstm" else 1)


@pytest.mark.parametrize("name", CELLS)
def test_derivatives_are_those_of_torch_nn(name):
    reference = cell_of_torch(name, 1)
    state, z = draw(N, CELLS[name].vectors * UNITS), draw(N, 1)
    leaves = {key: t.detach().clone().requires_grad_() for key, t in reference.named_parameters()}
    weights = draw(N, CELLS[name].vectors * UNITS)
    next_state = torch.autograd.grad((CELLS[name].step(leaves, state, z) * weights).sum(), list(leaves.values()))
    output = reference(z, tuple(state.chunk(2, 1)) if name == "lstm" else state)
    total = torch.cat(output, 1) if name == "lstm" else output
    expected = torch.autograd.grad((total * weights).sum(), list(reference.parameters()))
    for ours, theirs in zip(next_state, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_reset_before_is_the_handwritten_step():
    """Cho et al. 2014, eqs. 5-8: the reset gate scales h before its product with the weights."""
    theta = {key: tensor.detach() for key, tensor in cell_of_torch("gru", 2).named_parameters()}
    w, u = theta["weight_ih"].numpy(), theta["weight_hh"].numpy()
    bias = (theta["bias_ih"] + theta["bias_hh"]).numpy()
    h, z = draw(N, UNITS).numpy(), draw(N, 2).numpy()
    next_state = gru_reset_before(theta, torch.from_numpy(h), torch.from_numpy(z)).numpy()
    for row in range(N):
        r, u_gate, n = slice(0, UNITS), slice(UNITS, 2 * UNITS), slice(2 * UNITS, None)
        reset = sigmoid(w[r] @ z[row] + u[r] @ h[row] + bias[r])
        update = sigmoid(w[u_gate] @ z[row] + u[u_gate] @ h[row] + bias[u_gate])
        candidate = np.tanh(w[n] @ z[row] + u[n] @ (reset * h[row]) + bias[n])
        np.testing.assert_allclose(next_state[row], update * h[row] + (1 - update) * candidate, rtol=1e-12)


def test_the_two_resets_differ_and_are_named():
    theta = {key: tensor.detach() for key, tensor in cell_of_torch("gru", 1).named_parameters()}
    h, z = draw(N, UNITS), draw(N, 1)
    assert {"after": gru, "before": gru_reset_before} == GRU_RESETS
    assert (gru(theta, h, z) - gru_reset_before(theta, h, z)).abs().max() > 1e-3
