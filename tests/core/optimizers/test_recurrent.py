import itertools

import pytest
import torch
from pydantic import ValidationError

from core.errors import InputError
from core.optimizers import Architecture, RecurrentOptimizer
from core.optimizers.cells import CELLS
from core.optimizers.features import FEATURES
from core.seeds import Purpose, generator
from tests.core.helpers import learned

CASES = list(itertools.product(CELLS, FEATURES))


@pytest.mark.parametrize("cell, features", CASES)
def test_initial_theta_has_the_shapes_it_says(cell, features):
    shape = Architecture(cell=cell, units=3, features=features)
    theta = shape.initial_theta(generator(Purpose.INITIALIZE, 0))
    again = shape.initial_theta(generator(Purpose.INITIALIZE, 0))
    other = shape.initial_theta(generator(Purpose.INITIALIZE, 1))
    assert {name: tuple(tensor.shape) for name, tensor in theta.items()} == shape.shapes()
    assert all(tensor.dtype == torch.float32 for tensor in theta.values())
    assert all(torch.equal(theta[name], again[name]) for name in theta)
    assert not torch.equal(theta["weight_hh"], other["weight_hh"])


@pytest.mark.parametrize("cell", CELLS)
def test_initial_recurrent_blocks_are_orthogonal(cell):
    theta = Architecture(cell=cell, units=6).initial_theta(generator(Purpose.INITIALIZE, 0))
    for block in theta["weight_hh"].split(6):
        torch.testing.assert_close(block @ block.T, torch.eye(6), rtol=0, atol=1e-5)


@pytest.mark.parametrize("cell, features", CASES)
def test_step_is_cell_then_readout(cell, features):
    optimizer = learned(cell=cell, features=features, feature_scale=2.0, output_scale=0.3)
    theta, units = optimizer.theta, optimizer.architecture.units
    g = torch.tensor([-3.0, 0.1, 0.0], dtype=torch.float64)
    state = optimizer.initial_state(3, torch.float64)
    following, update = optimizer.step(state, g)
    expected = CELLS[cell].step(theta, state, FEATURES[features].map(g, 2.0))
    torch.testing.assert_close(following, expected, rtol=0, atol=0)
    for row in range(3):
        readout = sum(
            w * h for w, h in zip(theta["readout_weight"].tolist(), expected[row, :units].tolist(), strict=True)
        )
        assert update[row].item() == pytest.approx(0.3 * (readout + theta["readout_bias"].item()), rel=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_initial_state_is_learned(cell):
    optimizer = learned(cell=cell)
    state = optimizer.initial_state(4, torch.float64)
    assert state.shape == (4, optimizer.state_size) == (4, len(optimizer.state_names))
    for row in state:
        assert torch.equal(row, optimizer.theta["initial_state"])
    theta = {name: tensor.clone().requires_grad_() for name, tensor in optimizer.theta.items()}
    _, update = optimizer.with_theta(theta).step(
        optimizer.with_theta(theta).initial_state(4, torch.float64), torch.ones(4, dtype=torch.float64)
    )
    gradients = torch.autograd.grad(update.sum(), list(theta.values()))
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


def test_components_do_not_touch_each_other():
    optimizer = learned()
    g = torch.tensor([0.3, -2.0, 5.0], dtype=torch.float64)
    together = optimizer.step(optimizer.initial_state(3, torch.float64), g)
    alone = optimizer.step(optimizer.initial_state(1, torch.float64), g[1:2])
    for both, single in zip(together, alone, strict=True):
        torch.testing.assert_close(both[1:2], single, rtol=1e-13, atol=1e-15)


def test_output_scale_scales_the_update_alone():
    small, large = learned(output_scale=0.1), learned(output_scale=0.5)
    g = torch.tensor([0.3, -2.0], dtype=torch.float64)
    (h1, u1), (h5, u5) = (o.step(o.initial_state(2, torch.float64), g) for o in (small, large))
    assert torch.equal(h1, h5)
    torch.testing.assert_close(5 * u1, u5, rtol=1e-13, atol=0)


def test_reset_convention_is_used():
    g = torch.ones(2, dtype=torch.float64)
    updates = [o.step(o.initial_state(2, torch.float64), g)[1] for o in (learned(), learned(reset="before"))]
    assert (updates[0] - updates[1]).abs().max() > 1e-8


def test_to_changes_the_precision():
    optimizer = learned().to(torch.float32)
    state, update = optimizer.step(optimizer.initial_state(2), torch.ones(2))
    assert state.dtype == update.dtype == torch.float32


@pytest.mark.parametrize(
    "cell, units, label, states",
    [("gru", 2, "GRU-2", ("h1", "h2")), ("lstm", 1, "LSTM-1", ("h1", "c1")), ("vanilla", 1, "RNN-1", ("h1",))],
)
def test_names(cell, units, label, states):
    optimizer = learned(cell=cell, units=units)
    assert optimizer.name == label and optimizer.state_names == states and optimizer.clock is None
    assert optimizer.smooth and not learned(features="log_sign").smooth


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda t: t.pop("bias_hh"), "missing or unknown: bias_hh"),
        (lambda t: t.update(extra=torch.zeros(1)), "missing or unknown: extra"),
        (lambda t: t.update(readout_bias=torch.zeros(1)), "readout_bias of a GRU-5 has shape [], not [1]"),
        (lambda t: t.update(weight_ih=torch.zeros(15, 2)), "weight_ih of a GRU-5 has shape [15, 1], not [15, 2]"),
        (lambda t: t.update(initial_state=torch.zeros(10)), "initial_state of a GRU-5 has shape [5], not [10]"),
    ],
)
def test_theta_that_does_not_fit_is_refused(change, words):
    theta = dict(learned().theta)
    change(theta)
    with pytest.raises(InputError) as caught:
        RecurrentOptimizer(Architecture(units=5), theta)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "field, value",
    [
        ("cell", "rnn"),
        ("units", 0),
        ("units", 5000),
        ("features", "sign"),
        ("output_scale", 0.0),
        ("output_scale", float("inf")),
        ("feature_scale", -1),
        ("reset", "never"),
        ("layers", 2),
    ],
)
def test_architecture_refuses(field, value):
    with pytest.raises(ValidationError, match=field):
        Architecture(**{field: value})
