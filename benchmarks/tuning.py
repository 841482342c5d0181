"""Random search: all draws in one batched search, compared with a plain loop over `torch.optim` for the same draws."""

import os
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.optim.lr_scheduler import ExponentialLR, LambdaLR, LRScheduler

from benchmarks.report import Line
from core.baselines.pruning import worker_pool
from core.baselines.search import draw, search
from core.optimizers.hand_designed import BASELINES
from core.optimizers.schedules import WarmupCosine
from core.seeds import Purpose, generator
from core.tasks import make_task
from core.tasks.base import Problems

Result = TypeVar("Result")

STEPS = 200
DRAWS = 2500
PROBLEMS = 64
LOOPED = 12  # draws of the plain loop, after one to warm up; its time is scaled to all draws
REPEATS = 3  # the fastest repeat counts for both


def _peer(name: str, value: dict[str, float]) -> Callable[[Tensor], tuple[torch.optim.Optimizer, LRScheduler | None]]:
    """Make the `torch.optim` optimizer and scheduler of one draw."""
    rate = value["learning_rate"]

    def inverse_time(optimizer: torch.optim.Optimizer) -> LRScheduler | None:
        decay = value["learning_rate_decay"]
        return LambdaLR(optimizer, lambda k: 1 / (1 + decay * k)) if decay else None

    def make(x: Tensor) -> tuple[torch.optim.Optimizer, LRScheduler | None]:
        optimizer: torch.optim.Optimizer
        if name in ("sgd", "momentum", "nesterov"):
            optimizer = torch.optim.SGD([x], rate, momentum=value.get("momentum", 0.0), nesterov=name == "nesterov")
            return optimizer, inverse_time(optimizer)
        if name == "rmsprop":
            optimizer = torch.optim.RMSprop([x], rate, alpha=value["decay"], eps=value["epsilon"])
            return optimizer, inverse_time(optimizer)
        optimizer = torch.optim.Adam([x], rate, betas=(value["beta1"], value["beta2"]), eps=value["epsilon"])
        if name == "adam_cosine":
            factors = WarmupCosine(value["warmup"], value["horizon"])(torch.arange(STEPS + 2.0)).tolist()
            return optimizer, LambdaLR(optimizer, lambda k: factors[k])
        if name == "adam_exponential":
            return optimizer, ExponentialLR(optimizer, 0.5 ** (1 / value["half_life"]))
        return optimizer, inverse_time(optimizer)

    return make


def plain_loop(name: str, problems: Problems, draws: dict[str, Tensor], which: range) -> Tensor:
    """One `torch.optim` optimizer for each draw on the whole batch of problems, with autograd gradients.

    Returns:
        Mean meta-loss of each of these draws, [draws].
    """
    results = []
    for i in which:
        x = torch.nn.Parameter(problems.x0.clone())
        optimizer, scheduler = _peer(name, {key: float(values[i]) for key, values in draws.items()})(x)
        losses = []
        for _ in range(STEPS + 1):
            optimizer.zero_grad()
            loss = problems.loss(x)
            losses.append(loss.detach())
            loss.sum().backward()
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
        curve = torch.stack(losses)
        results.append((curve / curve[0]).mean())
    return torch.stack(results)


def _fastest(work: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds of the fastest repeat, and the result of the last one."""
    timed = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        result = work()
        timed.append(time.perf_counter() - began)
    return min(timed), result


def _one(task: str, name: str, pool: Executor) -> tuple[Line, float]:
    found_task = make_task(task)
    draws = draw(name, DRAWS, 0, STEPS)
    problems = found_task.sample(PROBLEMS, generator(Purpose.TUNE, 0))
    plain_loop(name, problems, draws, range(1))
    looped, theirs = _fastest(lambda: plain_loop(name, problems, draws, range(LOOPED)))
    peer = looped * DRAWS / LOOPED
    options: dict[str, Any] = {"draws": DRAWS, "steps": STEPS, "rungs": [(PROBLEMS, DRAWS)]}
    ours, searched = _fastest(lambda: search(found_task, name, **options, pool=pool))
    same = torch.isclose(searched.meta_losses[:LOOPED], theirs.double(), rtol=1e-2) | ~torch.isfinite(theirs)
    if same.sum() < 0.75 * LOOPED:  # not all, since paths with high rates are chaotic and rounding errors grow
        raise AssertionError(f"{task} {name}: the search and the plain loop disagree")
    what = f"tuning {name} on {task}: {DRAWS} draws × {PROBLEMS} problems × {STEPS} steps"
    note = f"torch.optim loop {peer:.0f} s (from {LOOPED} draws)"
    return Line(what, f"{ours:.2f} s", note, f"1/{peer / ours:.0f}", "1/50"), ours


def run() -> list[Line]:
    """Every hand-designed optimizer on the two cheap tasks: time of the whole search, compared with the plain loop's."""
    threads, workers = torch.get_num_threads(), os.cpu_count() or 1
    torch.set_num_threads(1)
    try:
        with worker_pool(workers) as pool:
            began = time.perf_counter()
            list(pool.map(time.sleep, [1.0] * workers))  # so that all workers have started
            start = time.perf_counter() - began - 1.0
            timed = [_one(task, name, pool) for task in ("linear_regression", "rosenbrock") for name in BASELINES]
    finally:
        torch.set_num_threads(threads)
    lines = [line for line, _ in timed]
    together = sum(seconds for _, seconds in timed)
    what = f"tuning all of these together, {workers} worker processes ({start:.1f} s to start) included"
    return [*lines, Line(what, f"{together + start:.0f} s", bar="300 s")]
