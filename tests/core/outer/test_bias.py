"""The penalty on a learned optimizer's bias."""

from pathlib import Path
from typing import Any

import pytest
import torch

from core.optimizers.recurrent import RecurrentOptimizer
from core.outer.bias import NUDGE, bias_penalty, first_gradients
from core.outer.trainer import train
from core.seeds import Purpose, generator
from core.tasks import make_task
from tests.core.helpers import learned, small_config

SCALE, STEPS = 0.7, 12


def path_of(optimizer: RecurrentOptimizer) -> tuple[list[torch.Tensor], torch.Tensor]:
    state, states, updates = optimizer.initial_state(1, torch.float64), [], []
    for _ in range(STEPS):
        states.append(state)
        state, update = optimizer.step(state, torch.zeros(1, dtype=torch.float64))
        updates.append(update)
    return states, torch.cat(updates)


@pytest.mark.parametrize(("cell", "features"), [("gru", "raw"), ("lstm", "symlog"), ("vanilla", "raw")])
def test_the_penalty_and_its_gradient_agree_with_finite_differences(cell: Any, features: Any) -> None:
    optimizer = learned(3, cell=cell, features=features)
    penalty, gradients = bias_penalty(optimizer, STEPS, SCALE)
    states, path = path_of(optimizer)
    step = NUDGE * SCALE
    nudge = torch.full((1,), step, dtype=torch.float64)
    rates = torch.cat([(optimizer.step(state, nudge)[1] - u) / step for state, u in zip(states, path, strict=True)])
    least = 0.1 * rates.square().mean().sqrt()

    def value(one: RecurrentOptimizer) -> float:
        return float((path_of(one)[1] / rates.abs().clamp_min(least) / SCALE).square().mean())

    assert penalty == pytest.approx(value(optimizer), rel=1e-10) and penalty > 0
    source = torch.Generator().manual_seed(0)
    for name, tensor in optimizer.theta.items():
        along = torch.randn(tensor.shape, generator=source, dtype=torch.float64)
        ahead, behind = (
            value(optimizer.with_theta({**optimizer.theta, name: tensor + sign * 1e-6 * along})) for sign in (1, -1)
        )
        assert float((gradients[name] * along).sum()) == pytest.approx((ahead - behind) / 2e-6, rel=1e-4, abs=1e-7)


def test_an_odd_optimizer_has_none() -> None:
    optimizer = learned(3, cell="vanilla")
    zero = {
        name: torch.zeros_like(tensor)
        for name, tensor in optimizer.theta.items()
        if "bias" in name or name == "initial_state"
    }
    odd = optimizer.with_theta({**optimizer.theta, **zero})
    assert bias_penalty(odd, STEPS, SCALE)[0] == 0


def test_the_size_of_gradients_is_that_of_the_start() -> None:
    problems = make_task("rosenbrock").sample(64, generator(Purpose.VIEW, 0))
    gradient = problems.x0.clone().requires_grad_()
    problems.loss(gradient).sum().backward()
    assert gradient.grad is not None
    assert first_gradients(make_task("rosenbrock")) == pytest.approx(
        float(gradient.grad.square().mean().sqrt()), rel=1e-5
    )


def test_training_with_the_penalty_lowers_it(tmp_path: Path) -> None:
    ends = []
    for factor in (None, 10.0):
        config = small_config(architecture={"units": 8}, problems=8, unroll=20, outer_steps=40, bias_penalty=factor)
        run = train(tmp_path / str(factor), config)
        ends.append(bias_penalty(run.optimizer(), 20, first_gradients(run.config.make_task()))[0])
    assert ends[1] < 0.3 * ends[0]
