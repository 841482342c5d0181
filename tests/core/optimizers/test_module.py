"""Somebody else's module as an optimizer: what it must do, and what is refused with a sentence."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core.analysis.jacobians import derivatives, moving_entries, update_slope
from core.errors import InputError
from core.optimizers import Architecture, RecurrentOptimizer
from core.optimizers.checks import check_optimizer
from core.optimizers.module import ModuleOptimizer


class Cell(nn.Module):
    """A GRU as torch has it, with a linear readout."""

    def __init__(self, units: int = 5):
        super().__init__()
        torch.manual_seed(0)
        self.state_size = units
        self.cell = nn.GRUCell(1, units)
        self.readout = nn.Linear(units, 1)

    def forward(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        following = self.cell(gradient[:, None], state)
        return following, self.readout(following)[:, 0]


def test_a_gru_of_torchs_is_our_gru() -> None:
    module = Cell()
    optimizer = ModuleOptimizer("cell", module)
    check_optimizer(optimizer)
    architecture = Architecture(cell="gru", units=5, features="raw", feature_scale=1.0, output_scale=1.0)
    theta = {
        "weight_ih": module.cell.weight_ih,
        "weight_hh": module.cell.weight_hh,
        "bias_ih": module.cell.bias_ih,
        "bias_hh": module.cell.bias_hh,
        "readout_weight": module.readout.weight[0],
        "readout_bias": module.readout.bias[0],
        "initial_state": torch.zeros(5),
    }
    ours = RecurrentOptimizer(architecture, {name: tensor.detach() for name, tensor in theta.items()})
    double, same = optimizer.to(torch.float64), ours.to(torch.float64)
    state, gradient = torch.randn(6, 5, dtype=torch.float64), torch.randn(6, dtype=torch.float64)
    slopes, wanted = derivatives(double, state, gradient), derivatives(same, state, gradient)
    for name in ("next_state", "update", "j_h", "j_g", "u_h", "u_g"):
        torch.testing.assert_close(getattr(slopes, name), getattr(wanted, name))


def test_the_module_is_copied_and_left_alone() -> None:
    module = Cell()
    optimizer = ModuleOptimizer("cell", module)
    with torch.no_grad():
        module.readout.bias.add_(1)
    assert not torch.equal(optimizer.module.readout.bias, module.readout.bias)  # type: ignore[union-attr]
    assert module.readout.bias.requires_grad
    assert module.training
    assert optimizer.state_names == ("h1", "h2", "h3", "h4", "h5")


def complain(*_: Tensor) -> Any:
    raise ValueError("no such\nthing")


WRONG: dict[str, Any] = {
    "mixing": lambda following, update: (following, update - update.mean()),
    "chance": lambda following, update: (following, update + torch.rand(1)),
    "detached": lambda following, update: (following.detach(), update.detach()),
    "nan": lambda following, update: (following, update * float("nan")),
    "raises": complain,
    "one": lambda following, update: (following, None),
    "float": lambda following, update: (following.float(), update.float()),
    "alone": lambda following, update: update,
    "named": lambda following, update: {"state": following, "update": update},
    "constant": lambda following, update: (following @ torch.eye(5), update),
}


class Broken(Cell):
    """A cell with one mistake."""

    def __init__(self, mistake: str):
        super().__init__()
        self.mistake = mistake

    def forward(self, state: Tensor, gradient: Tensor) -> Any:
        return WRONG[self.mistake](*super().forward(state, gradient))


MISTAKES = {
    "mixing": "components influence each other",
    "chance": "must be deterministic",
    "detached": "cannot be differentiated",
    "nan": "not finite",
    "raises": "fails in float64 with ValueError: no such thing",
    "one": "must return",
    "float": r"in the precision of the state, float64 \(it returns float32, float32\)",
    "alone": r"forward must return \(next state",
    "named": r"forward must return \(next state",
    "constant": "fails in float64 .* make constants in the state's precision",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_said(mistake: str) -> None:
    with pytest.raises(InputError, match=MISTAKES[mistake]):
        check_optimizer(ModuleOptimizer("broken", Broken(mistake)))


def test_a_module_must_say_its_state() -> None:
    with pytest.raises(InputError, match="state_size"):
        ModuleOptimizer("linear", nn.Linear(1, 1))


class Writing(nn.Module):
    """Writes into what it is given, and answers one step late; beside its momentum it keeps a constant and counts in thousandths."""

    state_names = ("m", "constant", "thousandths")
    differentiable = False

    def initial_state(self, n: int, dtype: torch.dtype) -> Tensor:
        return torch.tensor([0.0, 0.9, 0.0], dtype=dtype).repeat(n, 1)

    def forward(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        update = -0.1 * state[:, 0]
        gradient.clamp_(-1, 1)
        state[:, 2] += 0.001
        state[:, 0] = state[:, 1] * state[:, 0] + gradient
        return state, update


def test_what_is_written_into_what_counts_and_what_stays_are_dealt_with(monkeypatch: pytest.MonkeyPatch) -> None:
    optimizer = ModuleOptimizer("writing", Writing())
    check_optimizer(optimizer)
    assert optimizer.clocks == (2,) and optimizer.constants == (1,) and moving_entries(optimizer) == [0]
    precise = optimizer.to(torch.float64)
    state, gradient = precise.initial_state(3, torch.float64), torch.ones(3, dtype=torch.float64)
    assert update_slope(precise, state, gradient / 2).tolist() == [0, 0, 0]  # it remembers first, and answers later
    assert derivatives(precise, state, gradient / 2).j_g[:, 0].tolist() == pytest.approx([1, 1, 1])
    assert state[:, 0].tolist() == [0, 0, 0] and gradient.tolist() == [1, 1, 1]
    monkeypatch.setattr(Writing, "differentiable", True)
    with pytest.raises(InputError, match=r"torch cannot differentiate its step \(or say differentiable = False"):
        check_optimizer(ModuleOptimizer("writing", Writing()))


class Late(nn.Module):
    """Answers with what it remembers, and remembers afterwards."""

    state_size = 1

    def forward(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return 0.5 * state + gradient[:, None], -0.1 * state[:, 0]


def test_an_answer_may_come_one_step_late() -> None:
    optimizer = ModuleOptimizer("late", Late()).to(torch.float64)
    check_optimizer(optimizer)
    state, gradient = torch.ones(2, 1, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    assert update_slope(optimizer, state, gradient).tolist() == [0, 0]
    assert derivatives(optimizer, state, gradient).u_h[:, 0].tolist() == [-0.1, -0.1]
