"""Instruments that go back to a step of a run: known answers of hand-designed optimizers, and the same by both ways back."""

import pytest
import torch

from core.analysis.general import coupling_along, decay_along, kernel_along, meet, update_functions
from core.optimizers.hand_designed import make_hand_designed
from core.optimizers.torch_class import TorchClass
from core.optimizers.wrapping import _whole, wrap
from core.seeds import Purpose, generator
from core.tasks import make_task

STEPS, AT = 30, 12


def problem(task: str = "linear_regression"):
    return make_task(task).sample(1, generator(Purpose.VIEW, 0), torch.float64)


def whole(torch_class, **settings):
    """A class of torch taken whole, although it could be taken component by component."""
    return _whole(TorchClass("whole", torch_class, settings), "for a test")()


MOMENTUM = {
    "ours": lambda: make_hand_designed("momentum", {"learning_rate": 0.01, "momentum": 0.9}),
    "whole": lambda: whole(torch.optim.SGD, lr=0.01, momentum=0.9),
}


@pytest.mark.parametrize("way", MOMENTUM)
def test_the_kernel_of_momentum_is_its_closed_form(way):
    met = meet(MOMENTUM[way](), problem(), STEPS, [AT])
    wanted = 0.01 * 0.9 ** torch.arange(9, dtype=torch.float64)
    torch.testing.assert_close(kernel_along(met, AT, 2, 8), wanted, rtol=1e-9, atol=0)
    assert len(kernel_along(met, AT, 2, 100)) == STEPS - AT  # the run ends


@pytest.mark.parametrize("way", [wrap("adamw_", torch.optim.AdamW), lambda: whole(torch.optim.AdamW)])
def test_weight_decay_of_adamw_is_rate_times_decay(way):
    met = meet(way(), problem(), STEPS, [AT])
    assert decay_along(met, AT, 1) == pytest.approx(1e-3 * 1e-2, rel=1e-8)
    assert coupling_along(met, AT, 1) == pytest.approx(0, abs=1e-12)


def test_both_ways_back_find_the_same_update_functions():
    grid = torch.linspace(-2, 2, 5, dtype=torch.float64)
    found = [
        update_functions(meet(one, problem(), STEPS, [0, AT]), k, [0, 3], grid)
        for one in (wrap("adamw_", torch.optim.AdamW)(), whole(torch.optim.AdamW))
        for k in (0, AT)
    ]
    torch.testing.assert_close(found[0], found[2])
    torch.testing.assert_close(found[1], found[3])


def test_an_update_over_its_norm_couples_components():
    """u = −α g / ‖g‖ of one tensor: ∂u_i/∂g_j = −α (δ_ij − g_i g_j / ‖g‖²) / ‖g‖."""

    class Normed(torch.optim.SGD):
        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.sub_(group["lr"] * parameter.grad / parameter.grad.norm())

    made = wrap("normed", Normed, lr=0.01)()
    met = meet(made, problem(), STEPS, [AT])
    g = met.gradients[AT] / met.gradients[AT].norm()
    column = (torch.eye(len(g))[:, 0].double() - g * g[0]).abs()
    assert coupling_along(met, AT, 0) == pytest.approx(float(1 - column[0] / column.sum()), rel=1e-6)


def test_tensors_have_the_task_s_shapes():
    seen = []

    class Looks(torch.optim.SGD):
        def __init__(self, params, lr=0.01):
            super().__init__(params, lr=lr)
            seen.append([tuple(p.shape) for p in self.param_groups[0]["params"]])

    fitted = whole(Looks).fitted(problem("two_moons"))
    assert seen[-1][:3] == [(2, 64), (64,), (64, 64)] and fitted.together == problem("two_moons").dimension
