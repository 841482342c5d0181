"""Random search: all draws as one batch against a plain loop over `torch.optim` for the same draws."""

import time

import torch

from benchmarks.report import Line
from core.optimizers.hand_designed import Adam
from core.seeds import Purpose, generator
from core.tasks import make_task
from core.tasks.base import Problems
from core.tuning import RANGES, meta_losses

STEPS = 200
LOOPED = 6  # draws that the plain loop does; its time for all is in proportion


def _plain_loop(problems: Problems, draws: dict[str, torch.Tensor], count: int) -> None:
    """One `torch.optim.Adam` a draw on the same batch of problems, gradients by autograd."""
    for i in range(count):
        x = torch.nn.Parameter(problems.x0.clone())
        betas = (float(draws["beta1"][i]), float(draws["beta2"][i]))
        adam = torch.optim.Adam([x], lr=float(draws["learning_rate"][i]), betas=betas, eps=float(draws["epsilon"][i]))
        for _ in range(STEPS):
            adam.zero_grad()
            problems.loss(x).sum().backward()
            adam.step()


def run() -> list[Line]:
    """512 draws of Adam on 64 linear-regression problems, 200 steps each."""
    torch.set_num_threads(1)
    problems = make_task("linear_regression").sample(64, generator(Purpose.TUNE, 0))
    source = generator(Purpose.SEARCH, 0)
    draws = {name: RANGES[name].draw(512, source) for name in Adam().hyperparameters()}
    began = time.perf_counter()
    meta_losses(Adam, draws, problems, STEPS)
    ours = time.perf_counter() - began
    began = time.perf_counter()
    _plain_loop(problems, draws, LOOPED)
    peer = (time.perf_counter() - began) * 512 / LOOPED
    what = "tuning Adam, 512 draws × 64 problems × 200 steps"
    return [Line(what, f"{ours:.2f} s", f"torch.optim loop {peer:.1f} s", f"{ours / peer:.3f}")]
