"""What several test files share."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.baselines.search import SearchResult
from core.files.atomic import write_json
from core.optimizers.hand_designed import BASELINES, make_hand_designed
from core.optimizers.recurrent import Architecture, RecurrentOptimizer
from core.runs.config import RunConfig, make_config
from core.seeds import Purpose, generator
from core.tasks import Problems, make_task

SMALL_MOONS: dict[str, Any] = {"hidden": (4, 3), "points": 24}
SMALL_TASKS: dict[str, dict[str, Any]] = {"linear_regression": {}, "rosenbrock": {}, "two_moons": SMALL_MOONS}


def small_problems(task: str, count: int = 3, seed: int = 0, dtype: torch.dtype = torch.float64) -> Problems:
    """A few problems of a small version of a task."""
    return make_task(task, SMALL_TASKS[task]).sample(count, generator(Purpose.VIEW, seed), dtype)


def learned(seed: int = 0, dtype: torch.dtype = torch.float64, **architecture: Any) -> RecurrentOptimizer:
    """A small untrained learned optimizer; every tensor of θ is random."""
    shape = Architecture(**{"units": 5, "output_scale": 0.02} | architecture)
    source = generator(Purpose.INITIALIZE, seed)
    theta = {
        name: tensor + 0.1 * torch.randn(tensor.shape, generator=source)
        for name, tensor in shape.initial_theta(source).items()
    }
    return RecurrentOptimizer(shape, {name: tensor.to(dtype) for name, tensor in theta.items()})


def small_config(**settings: Any) -> RunConfig:
    """A run that takes a fraction of a second."""
    small = {
        "task": "linear_regression",
        "architecture": {"units": 4},
        "outer_steps": 8,
        "problems": 3,
        "unroll": 6,
        "snapshots": 4,
    }
    return make_config(small | settings)


def plain_losses(optimizer: Any, problems: Problems, steps: int) -> Tensor:
    """f(x_k), [K + 1, problems], by a loop of the definition, with autograd's gradient."""
    x = problems.x0.clone()
    state = optimizer.initial_state(x.numel(), x.dtype)
    losses = []
    for _ in range(steps + 1):
        leaf = x.detach().requires_grad_()
        loss = problems.loss(leaf)
        (gradient,) = torch.autograd.grad(loss.sum(), leaf)
        losses.append(loss.detach())
        with torch.no_grad():
            state, update = optimizer.step(state, gradient.reshape(-1))
            x = x + update.view_as(x)
    return torch.stack(losses)


def write_rivals(folder: Path, task: str) -> None:
    """Outcomes of searches that never took place: every hand-designed optimizer with its defaults."""
    for name in BASELINES:
        values = {key: float(value) for key, value in make_hand_designed(name).hyperparameters().items()}
        content = {"task": task, "optimizer": name, "hyperparameters": values, "draws": 1, "rungs": [(2, 1)], "seed": 0}
        write_json(folder / task / f"{name}.json", SearchResult(**content, steps=5, meta_loss=0.5, sem=0.1, diverged=0))
