"""The whole loop of optimizers that see whole tensors: closed forms, plain differences, and what is refused."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core.analysis.curvature import hessians
from core.analysis.general import Met, meet
from core.analysis.whole_loop import loop_along, loop_matrix
from core.errors import InputError
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import make_hand_designed
from core.optimizers.module_tensors import TensorwiseModule
from core.optimizers.tensorwise import ProblemRun, as_row, as_tensors
from core.optimizers.torch_class import TorchClass
from core.optimizers.wrapping import _whole, wrap
from core.seeds import Purpose, generator
from core.tasks import Problems, make_task

AT = 12


class Hierarchy(nn.Module):
    """Cells of components under a cell of the problem, which tell each other their means."""

    def __init__(self, units: int = 3):
        super().__init__()
        torch.manual_seed(3)
        self.units = units
        self.component, self.problem = nn.GRUCell(1 + units, units), nn.GRUCell(units, units)
        self.readout = nn.Linear(units, 1)

    def initial_state(self, parameters: list[Tensor]) -> dict[str, Any]:
        like = parameters[0]
        return {
            "components": [like.new_zeros(p.numel(), self.units) for p in parameters],
            "problem": like.new_zeros(1, self.units),
        }

    def forward(self, state: dict[str, Any], gradients: list[Tensor], step: int) -> tuple[dict[str, Any], list[Tensor]]:
        told, components, updates = state["problem"], [], []
        for h, gradient in zip(state["components"], gradients, strict=True):
            flat = torch.asinh(gradient.reshape(-1, 1))
            components.append(self.component(torch.cat([flat, told.expand(len(flat), -1)], 1), h))
            updates.append(0.02 / (1 + step) * self.readout(components[-1]).view_as(gradient))
        problem = self.problem(torch.cat(components).mean(0, keepdim=True), told)
        return {"components": components, "problem": problem}, updates


def problem(task: str = "linear_regression") -> Problems:
    return make_task(task).sample(1, generator(Purpose.VIEW, 0), torch.float64)


def met_by(optimizer: Optimizer, one: Problems) -> Met:
    return meet(optimizer, one, 2 * AT, [AT])


def momentum() -> Optimizer:
    """Torch's momentum, taken whole."""
    return _whole(TorchClass("whole", torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}), "for a test")()


@pytest.mark.parametrize(
    "way", [momentum, lambda: make_hand_designed("momentum", {"learning_rate": 0.1, "momentum": 0.9})]
)
def test_momentum_has_the_roots_of_its_polynomial(way: Any) -> None:
    """z² − (1 + β − αλ) z + β at every curvature λ, by both kinds of optimizers."""
    one = problem()
    found = loop_along(met_by(way(), one), one, AT)
    curvatures = torch.linalg.eigvalsh(hessians(one, one.x0)[0])
    matrices = torch.stack(
        [torch.tensor([[1.9 - 0.1 * float(c), -0.9], [1.0, 0.0]], dtype=torch.float64) for c in curvatures]
    )
    known = torch.linalg.eigvals(matrices).flatten()
    distances = (found[:, None] - known).abs()
    assert len(found) == 10 and float(distances.amin(1).max()) < 1e-7 and float(distances.amin(0).max()) < 1e-7


def by_plain_differences(met: Met, one: Problems, width: float) -> Tensor:
    """The same matrix by central differences of one width, over every number that the state has."""
    place, size = met.places[AT], met.x.shape[1]
    assert isinstance(place, ProblemRun)
    shapes, columns = met.optimizer.shapes, []  # type: ignore[attr-defined]
    here = torch.cat([met.x[AT], place.numbers()])
    for i in range(len(here)):
        ends = []
        for sign in (1, -1):
            at = here.clone()
            at[i] += sign * width
            run = place.copied()
            run.set_numbers(at[size:])
            loss, gradient = one.loss_and_gradient(at[None, :size])
            update = run.step(
                as_tensors(gradient[0], shapes), as_tensors(at[:size], shapes), float(loss), AT, met.steps
            )
            ends.append(torch.cat([at[:size] + as_row(update), run.numbers()]))
        columns.append((ends[0] - ends[1]) / (2 * width))
    return torch.stack(columns, 1)


def test_a_hierarchy_of_cells_has_the_matrix_of_plain_differences() -> None:
    one = problem("rosenbrock")
    met = met_by(TensorwiseModule("hierarchy", Hierarchy()), one)
    found = loop_matrix(met, one, AT)
    assert found.shape == (2 + 2 * 3 + 3,) * 2
    torch.testing.assert_close(found, by_plain_differences(met, one, 1e-6), rtol=1e-5, atol=1e-6)


def test_adafactor_and_muon_have_a_loop() -> None:
    one = problem("rosenbrock")
    found = loop_along(met_by(wrap("whole", torch.optim.Adafactor)(), one), one, AT)
    assert len(found) == 4 and bool(
        torch.isfinite(found.abs()).all()
    )  # two parameters, two second moments; the counter is held
    found = loop_along(met_by(wrap("whole", torch.optim.Muon)(), one), one, AT)  # it orthogonalises in bfloat16
    assert len(found) == 4 and bool(torch.isfinite(found.abs()).all())


class Rated(torch.optim.Optimizer):
    """A rate in the parameter group that follows the gradient's size, as in Prodigy: a number that is no tensor."""

    def __init__(self, params: Any, lr: float = 0.01):
        super().__init__(params, {"lr": lr, "d": 1.0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                group["d"] = 0.9 * group["d"] + 0.1 * float(p.grad.norm())
                p.sub_(group["lr"] / (1 + group["d"]) * p.grad)


def test_numbers_in_a_group_belong_to_the_state() -> None:
    one = problem("rosenbrock")
    met = met_by(wrap("rated", Rated)(), one)
    matrix = loop_matrix(met, one, AT)
    assert matrix.shape == (3, 3) and float(matrix[2, 2]) == pytest.approx(0.9)


def test_a_large_problem_is_refused_with_its_size() -> None:
    one = problem("two_moons")
    with pytest.raises(InputError, match=r"[\d,]+ numbers together"):
        loop_along(meet(wrap("ada", torch.optim.Adafactor)(), one, 3, [1]), one, 1)
