"""Exact derivatives of a step, against torch.func and central differences."""

import pytest
import torch

from core.analysis.jacobians import Derivatives, derivatives, moving_entries, update_slope
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import SGD, Adam, Momentum, RMSProp
from tests.core.helpers import learned

OPTIMIZERS = {
    "gru": learned(cell="gru", units=5, features="symlog", feature_scale=3.0),
    "gru, two features": learned(cell="gru", units=4, features="log_sign"),
    "gru, reset before": learned(cell="gru", units=5, reset="before"),
    "lstm": learned(cell="lstm", units=4),
    "vanilla": learned(cell="vanilla", units=3, features="scaled", feature_scale=2.0),
    "one unit": learned(cell="gru", units=1),
    "momentum": Momentum(0.1, 0.9),
    "rmsprop": RMSProp(0.1, 0.9),
    "adam": Adam(0.1),
}
every = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
GRADIENTS = torch.linspace(-2, 2, 7, dtype=torch.float64) + 0.1


def states(optimizer: Optimizer, rows: int = 7) -> torch.Tensor:
    source = torch.Generator().manual_seed(3)
    return torch.rand(rows, optimizer.state_size, generator=source, dtype=torch.float64) + 0.5


@every
def test_derivatives_are_those_of_torch_func(optimizer: Optimizer) -> None:
    h = states(optimizer)

    def step(state: torch.Tensor, g: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        following, update = optimizer.step(state[None], g[None])
        return following[0], update[0]

    (j_h, j_g), (u_h, u_g) = torch.func.vmap(torch.func.jacrev(step, argnums=(0, 1)))(h, GRADIENTS)
    expected = Derivatives(*optimizer.step(h, GRADIENTS), j_h, j_g, u_h, u_g)
    torch.testing.assert_close(vars(derivatives(optimizer, h, GRADIENTS)), vars(expected), rtol=1e-12, atol=1e-14)


@every
def test_derivatives_are_central_differences(optimizer: Optimizer) -> None:
    h, width = states(optimizer), 1e-5
    slopes = derivatives(optimizer, h, GRADIENTS)
    for i in range(optimizer.state_size):
        shift = width * torch.eye(optimizer.state_size, dtype=torch.float64)[i]
        (right, up), (left, down) = (optimizer.step(h + sign * shift, GRADIENTS) for sign in (1, -1))
        torch.testing.assert_close(slopes.j_h[:, :, i], (right - left) / (2 * width), rtol=1e-6, atol=1e-8)
        torch.testing.assert_close(slopes.u_h[:, i], (up - down) / (2 * width), rtol=1e-6, atol=1e-8)
    (right, up), (left, down) = (optimizer.step(h, GRADIENTS + sign * width) for sign in (1, -1))
    torch.testing.assert_close(slopes.j_g, (right - left) / (2 * width), rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(slopes.u_g, (up - down) / (2 * width), rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(update_slope(optimizer, h, GRADIENTS), slopes.u_g, rtol=1e-12, atol=1e-14)


def test_without_a_state_only_the_update_has_a_slope() -> None:
    slopes = derivatives(SGD(0.3), torch.zeros(7, 0, dtype=torch.float64), GRADIENTS)
    assert slopes.j_h.shape == (7, 0, 0)
    assert slopes.j_g.shape == slopes.u_h.shape == (7, 0)
    torch.testing.assert_close(slopes.u_g, torch.full_like(GRADIENTS, -0.3))


def test_the_clock_does_not_move() -> None:
    assert moving_entries(Adam(0.1)) == [0, 1]
    assert moving_entries(Momentum(0.1, 0.9)) == [0]
    assert moving_entries(SGD(0.1, learning_rate_decay=0.1)) == []
