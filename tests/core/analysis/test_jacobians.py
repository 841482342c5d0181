"""Exact derivatives of a step, against torch.func and central differences."""

import pytest
import torch

from core.analysis.jacobians import state_jacobian, update_slope
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import Adam, Momentum, RMSProp
from tests.core.helpers import learned

OPTIMIZERS = [learned(cell="gru", units=5), learned(cell="lstm", units=4), learned(cell="vanilla", units=3)]
OPTIMIZERS += [Momentum(0.1, 0.9), RMSProp(0.1, 0.9), Adam(0.1)]


def states(optimizer: Optimizer, rows: int) -> torch.Tensor:
    source = torch.Generator().manual_seed(3)
    return torch.rand(rows, optimizer.state_size, generator=source, dtype=torch.float64) + 0.5


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: optimizer.name)
def test_the_state_jacobian_is_that_of_torch_func(optimizer: Optimizer) -> None:
    state, g = states(optimizer, 1)[0], torch.tensor([0.3], dtype=torch.float64)
    expected = torch.func.jacrev(lambda h: optimizer.step(h[None], g)[0][0])(state)
    torch.testing.assert_close(state_jacobian(optimizer, state, 0.3), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: optimizer.name)
def test_slopes_are_central_differences(optimizer: Optimizer) -> None:
    rows = states(optimizer, 7)
    g, width = torch.linspace(-2, 2, 7, dtype=torch.float64) + 0.1, 1e-5
    with torch.no_grad():
        expected = (optimizer.step(rows, g + width)[1] - optimizer.step(rows, g - width)[1]) / (2 * width)
    torch.testing.assert_close(update_slope(optimizer, rows, g), expected, rtol=1e-6, atol=1e-8)
