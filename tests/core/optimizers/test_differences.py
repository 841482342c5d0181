"""Difference quotients find the slopes of closed forms at any scale, and say where there is none."""

import pytest
import torch
from torch import Tensor

from core.optimizers.differences import difference_quotients, slopes_along

RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


def adam(state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Adam's first step, written plainly."""
    m = BETA1 * state[:, 0] + (1 - BETA1) * gradient
    v = BETA2 * state[:, 1] + (1 - BETA2) * gradient**2
    return torch.stack([m, v], 1), -RATE * (m / (1 - BETA1)) / ((v / (1 - BETA2)).sqrt() + EPSILON)


@pytest.mark.parametrize("g", [1e-8, 1e-3, 1.0, 1e4, 1e8])
def test_adams_slopes_are_the_closed_form_at_every_scale(g: float) -> None:
    state = torch.tensor([[0.3 * g, 0.7 * g * g]], dtype=torch.float64)
    gradient = torch.tensor([-0.4 * g], dtype=torch.float64)
    found = difference_quotients(adam, state, gradient, [0, 1, 2])

    def together(row: Tensor) -> Tensor:
        following, update = adam(row[None, :2], row[None, 2])
        return torch.cat([following[0], update])

    exact = torch.autograd.functional.jacobian(together, torch.cat([state[0], gradient]))
    torch.testing.assert_close(found.values[0], exact, rtol=1e-7, atol=0)
    assert bool(((found.values[0] - exact).abs() <= 1e3 * found.errors[0] + 1e-9 * exact.abs()).all())


def test_the_slope_at_rest_is_found_where_a_graph_has_none() -> None:
    nothing = torch.zeros(1, 2, dtype=torch.float64)
    found = difference_quotients(adam, nothing, nothing[0, :1], [0, 1, 2])
    by_m, by_v, by_g = found.values[0, 2].tolist()
    assert by_g == pytest.approx(-RATE / EPSILON, rel=1e-9) and by_m == pytest.approx(
        -RATE * BETA1 / (1 - BETA1) / EPSILON, rel=1e-9
    )
    assert by_v == 0  # √v has no slope at 0, but nothing is divided by it there


SHAPES = {
    "jump": (lambda g: -0.01 * g.sign() - 0.5 * g, -0.5, True),
    "root": (lambda g: g.abs().sqrt() * g.sign(), float("nan"), False),
    "corner": (lambda g: g.abs() + 2 * g, 2.0, False),
    "constant": (lambda g: 0 * g + 3.3, 0.0, False),
    "single": (lambda g: (-0.1 * g.float()).double(), -0.1, False),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_at_0(shape: str) -> None:
    function, slope, jumps = SHAPES[shape]
    none = torch.zeros(1, 0, dtype=torch.float64)
    found = difference_quotients(lambda h, g: (h, function(g)), none, none.new_zeros(1), [0])
    assert float(found.values[0, 0, 0]) == pytest.approx(slope, rel=1e-6, nan_ok=True)
    assert bool(found.jumps[0, 0, 0]) is jumps


def test_single_precision_is_not_taken_for_a_staircase() -> None:
    state, gradient = torch.zeros(1, 0, dtype=torch.float64), torch.tensor([0.7], dtype=torch.float64)
    found = difference_quotients(lambda h, g: (h, (-0.1 * g.float()).double()), state, gradient, [0])
    assert float(found.values[0, 0, 0]) == pytest.approx(-0.1, rel=1e-5)


def test_several_outputs_along_one_number() -> None:
    found = slopes_along(
        lambda shift: torch.stack([(2 + shift) ** 2, shift.sin(), torch.zeros_like(shift)], 1), 2.0, 1.0
    )
    torch.testing.assert_close(found, torch.tensor([4.0, 1.0, 0.0], dtype=torch.float64), rtol=1e-9, atol=1e-12)


def test_half_precision_is_unknown_and_not_0() -> None:
    found = slopes_along(lambda shift: (1 + shift).bfloat16().double()[:, None] * 1.1, 1.0, 1.0)
    assert bool(torch.isnan(found[0])) or float(found[0]) == pytest.approx(1.1, rel=0.05)


def test_below_a_clip_others_do_not_answer_and_in_half_precision_nothing_is_known() -> None:
    def clipped(shift: torch.Tensor) -> torch.Tensor:
        both = torch.stack([0.5 + shift, torch.full_like(shift, 0.5)], 1)
        return both / both.norm(dim=1, keepdim=True).clamp(min=0.75)

    torch.testing.assert_close(slopes_along(clipped, 0.5, 1.0), torch.tensor([4 / 3, 0.0], dtype=torch.float64))

    def weak(shift: torch.Tensor) -> torch.Tensor:
        return torch.stack([0.5 + shift, 0.5 + 0.01 * shift], 1).bfloat16().double() * 1.1

    assert bool(torch.isnan(slopes_along(weak, 0.5, 1.0)[1]))
