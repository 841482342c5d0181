"""Wrapped optimizers are torch's own, step by step, and so are their derivatives."""

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor

from core.analysis.jacobians import derivatives
from core.baselines.search import search
from core.optimizers.hand_designed import HAND_DESIGNED, Adam, Momentum
from core.optimizers.torch_optimizer import TorchOptimizer
from core.optimizers.wrapping import Wrapped, wrap
from core.tasks import make_task
from core.unroll import unroll


class Heavy(torch.optim.Optimizer):
    """Momentum without torch's graph: v ← βv + g, x ← x − αv."""

    def __init__(self, params: Iterable[Tensor], lr: float = 0.1, momentum: float = 0.8):
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                v = self.state[parameter].setdefault("v", torch.zeros_like(parameter))
                v.mul_(group["momentum"]).add_(parameter.grad)
                parameter.sub_(group["lr"] * v)


class Signed(Heavy):
    """Steps of one size."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.sub_(group["lr"] * parameter.grad.sign())


@pytest.fixture
def gradients() -> Tensor:
    return torch.randn(40, 7, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


WRAPPED: dict[str, tuple[Any, dict[str, Any]]] = {
    "adamw": (torch.optim.AdamW, {"weight_decay": 0.0, "lr": 0.05}),
    "adagrad": (torch.optim.Adagrad, {"initial_accumulator_value": 0.3}),
    "adadelta": (torch.optim.Adadelta, {}),
    "radam": (torch.optim.RAdam, {"betas": (0.8, 0.95)}),
    "rmsprop_centred": (torch.optim.RMSprop, {"centered": True, "momentum": 0.5}),
    "nesterov": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "lr": 0.01}),
    "heavy": (Heavy, {}),
    "adamw_decaying": (torch.optim.AdamW, {"lr": 0.05, "weight_decay": 0.1}),
    "averaging": (torch.optim.ASGD, {"lr": 0.05}),
    "nadam": (torch.optim.NAdam, {}),
    "rprop": (torch.optim.Rprop, {}),
}


@pytest.mark.parametrize("name", WRAPPED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_equals_torch_step_by_step(name: str, dtype: torch.dtype, gradients: Tensor) -> None:
    torch_class, settings = WRAPPED[name]
    ours = wrap(name + "_", torch_class, **settings)()
    theirs = torch.zeros(7, dtype=dtype, requires_grad=True)
    optimizer = torch_class([theirs], **settings)
    x = torch.zeros(7, dtype=dtype)
    state = ours.state_at(x)
    for k, gradient in enumerate(gradients.to(dtype)):
        theirs.grad = gradient.clone()
        optimizer.step()
        state = ours.told(state, x[None], x.new_ones(1), k, 40)
        state, update = ours.step(state, gradient)
        x = x + update
        torch.testing.assert_close(x, theirs.detach(), rtol=1e-5 if dtype == torch.float32 else 1e-11, atol=1e-6)


def tried(ours: Wrapped, other: Any, gradients: Tensor, columns: list[int], tolerance: float) -> None:
    """Derivatives of a wrapped optimizer and of the closed form, after some steps."""
    state, known = ours.initial_state(7, torch.float64), other.initial_state(7, torch.float64)
    for gradient in gradients[:5]:
        state, known = ours.step(state, gradient)[0], other.step(known, gradient)[0]
    torch.testing.assert_close(state, known)
    slopes, exact = derivatives(ours, state, gradients[6]), derivatives(other, known, gradients[6])
    near = {"rtol": tolerance, "atol": tolerance}
    for part in ("update", "u_g"):
        torch.testing.assert_close(getattr(slopes, part), getattr(exact, part), **near)
    for part in ("j_g", "u_h"):
        torch.testing.assert_close(getattr(slopes, part)[:, columns], getattr(exact, part)[:, columns], **near)
    torch.testing.assert_close(slopes.j_h[:, columns][:, :, columns], exact.j_h[:, columns][:, :, columns], **near)


def test_derivatives_of_torchs_adam_are_ours(gradients: Tensor) -> None:
    tried(wrap("adam_", torch.optim.Adam)(), Adam(), gradients, [0, 1], 1e-9)


def test_derivatives_by_differences_are_the_closed_form(gradients: Tensor) -> None:
    made = wrap("heavy_", Heavy)
    assert issubclass(made, TorchOptimizer) and not made.exact
    tried(made(), Momentum(learning_rate=0.1, momentum=0.8), gradients, [0], 1e-8)


def test_a_jump_is_left_out_and_said() -> None:
    ours = wrap("signed_", Signed)()
    assert not ours.smooth
    slopes = derivatives(ours, ours.initial_state(4, torch.float64), torch.tensor([0.0, 1e-7, 2e-6, 0.5]).double())
    assert slopes.u_g.tolist() == [0, 0, 0, 0]
    assert wrap("heavy_", Heavy)().smooth
    assert wrap("adam_", torch.optim.Adam)().smooth


def test_rows_may_be_at_other_steps_and_have_other_hyperparameters(gradients: Tensor) -> None:
    cls = wrap("adam_", torch.optim.Adam)
    rates = torch.tensor([0.1, 0.2, 0.1, 0.3, 0.2, 0.1, 0.1], dtype=torch.float64)
    state = cls().initial_state(7, torch.float64)
    state[:, -1] = torch.tensor([0, 1, 5, 0, 1, 9, 5])
    state[:, 1] = 0.2
    together = cls(learning_rate=rates).step(state, gradients[0])  # type: ignore[call-arg]
    for row in range(7):
        alone = cls(learning_rate=float(rates[row])).step(state[row : row + 1], gradients[0, row : row + 1])  # type: ignore[call-arg]
        torch.testing.assert_close(together[0][row : row + 1], alone[0])
        torch.testing.assert_close(together[1][row : row + 1], alone[1])


def test_a_search_is_the_same_as_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task("linear_regression")
    monkeypatch.setitem(HAND_DESIGNED, "heavy_", wrap("heavy_", Heavy))
    losses = unroll(HAND_DESIGNED["heavy_"](), task.sample(3, torch.Generator().manual_seed(0)), 30).losses
    wanted = unroll(
        Momentum(learning_rate=0.1, momentum=0.8), task.sample(3, torch.Generator().manual_seed(0)), 30
    ).losses
    torch.testing.assert_close(losses, wanted)
    searched = search(task, "heavy_", draws=6, steps=20, rungs=[(3, 6)])
    assert set(searched.tuned.hyperparameters) == {"learning_rate", "momentum"}
    best = HAND_DESIGNED["heavy_"](**searched.tuned.hyperparameters)
    again = unroll(Momentum(**best.hyperparameters()), task.sample(3, torch.Generator().manual_seed(0)), 20).losses  # type: ignore[arg-type]
    assert torch.isfinite(again).all()
    assert searched.tuned.meta_loss == pytest.approx(float(searched.meta_losses.min()))
