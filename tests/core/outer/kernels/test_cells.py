"""Compiled steps against the cells they compile. Their ways back are tested with the outer gradient."""

import numpy as np
import pytest
import torch

from core.optimizers import RecurrentOptimizer
from core.outer.compiled import CompiledOptimizer, Workspace
from core.unroll import unroll
from tests.core.helpers import learned, small_problems

CELLS = [{"cell": "gru"}, {"reset": "before"}, {"cell": "lstm"}, {"cell": "vanilla"}]


def one_step(optimizer, state, gradient):
    """Next state [n, S] and update [n] by compiled code."""
    compiled = CompiledOptimizer(optimizer)
    n, units = len(gradient), optimizer.architecture.units
    h = np.ascontiguousarray(state.numpy().reshape(n, -1, units).transpose(1, 0, 2))
    following, tape = np.empty_like(h), np.empty((compiled.kernel.TAPE, n, units), h.dtype)
    z = compiled.features.map(gradient, optimizer.architecture.feature_scale).contiguous().numpy()
    compiled.kernel.forward(compiled.weights, h, z, following, tape, np.empty((n, compiled.gates), h.dtype))
    return torch.from_numpy(following.transpose(1, 0, 2).reshape(n, -1))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("features", ["raw", "log_sign"])
@pytest.mark.parametrize("dtype, rtol", [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_a_step_is_the_cells(cell, features, dtype, rtol):
    optimizer = learned(features=features, dtype=dtype, **cell)
    source = torch.Generator().manual_seed(0)
    state = torch.randn(700, optimizer.state_size, generator=source, dtype=dtype)
    gradient = 3 * torch.randn(700, generator=source, dtype=dtype)
    expected = optimizer.step(state, gradient)[0]
    torch.testing.assert_close(one_step(optimizer, state, gradient), expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("where", ["state", "gradient"])
def test_a_nan_stays_one(cell, where):
    optimizer = learned(dtype=torch.float32, **cell)
    state, gradient = torch.zeros(2, optimizer.state_size), torch.zeros(2)
    (state[0] if where == "state" else gradient[:1])[:] = torch.nan
    stepped = one_step(optimizer, state, gradient)
    assert stepped[0].isnan().all() and stepped[1].isfinite().all()


@pytest.mark.parametrize("cell", CELLS)
def test_an_unroll_is_the_same_with_and_without_a_tape_and_by_plain_steps(cell):
    optimizer, problems = learned(**cell), small_problems("two_moons")
    compiled, space = CompiledOptimizer(optimizer), Workspace()
    start = compiled.initial_state(problems.x0.numel())
    expected = unroll(optimizer, problems, 7)
    with torch.no_grad():
        recorded = compiled.forward(problems, problems.x0, start, 7, space)
        losses, x, state = compiled.advance(problems, problems.x0, start.copy(), 7, Workspace())
    torch.testing.assert_close(recorded.losses, expected.losses, rtol=1e-12, atol=0)
    torch.testing.assert_close(recorded.gradients, expected.gradients, rtol=1e-10, atol=1e-13)
    assert torch.equal(losses, recorded.losses) and torch.equal(x, recorded.x[-1])
    assert np.array_equal(state, recorded.final_state)


def test_theta_is_read_where_it_lies():
    optimizer = learned()
    other = RecurrentOptimizer(optimizer.architecture, {n: 2 * t for n, t in optimizer.theta.items()})
    state, gradient = torch.ones(2, 5, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    assert not torch.equal(one_step(optimizer, state, gradient), one_step(other, state, gradient))
