"""Random search for the hyperparameters of hand-designed optimizers (Bergstra & Bengio 2012), all draws as one batch.

Where one unroll is dear, the search is by successive halving (Jamieson & Talwalkar 2016): every draw on a few problems,
the best of them on more. The problems are never those used for training or evaluation.
"""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from core.errors import InputError, choose
from core.evaluation import ROWS_AT_ONCE
from core.files import read_json, write_bytes, write_json
from core.optimizers.hand_designed import HAND_DESIGNED, HandDesigned, make_hand_designed
from core.outer.meta_loss import meta_loss
from core.seeds import Purpose, generator
from core.tasks.base import Problems, Task
from core.unroll import unroll


@dataclass(frozen=True)
class Range:
    """How one hyperparameter is drawn.

    Attributes:
        low: smallest value.
        high: largest value.
        kind: "log" draws its logarithm uniformly; "one_minus_log" draws 1 − value so (for decay constants); "decay"
            is 0 for half of the draws and log-uniform for the others.
    """

    low: float
    high: float
    kind: Literal["log", "one_minus_log", "decay"]

    def draw(self, count: int, source: torch.Generator) -> Tensor:
        """[count], float64."""
        uniform = torch.rand(count, generator=source, dtype=torch.float64)
        low, high = (1 - self.high, 1 - self.low) if self.kind == "one_minus_log" else (self.low, self.high)
        value = torch.exp(math.log(low) + (math.log(high) - math.log(low)) * uniform)
        if self.kind == "one_minus_log":
            return 1 - value
        if self.kind == "decay":
            return torch.where(torch.rand(count, generator=source, dtype=torch.float64) < 0.5, 0.0, value)
        return value


RANGES: dict[str, Range] = {
    "learning_rate": Range(1e-5, 1e2, "log"),
    "momentum": Range(0.0, 0.999, "one_minus_log"),
    "decay": Range(0.0, 0.9999, "one_minus_log"),
    "beta1": Range(0.0, 0.999, "one_minus_log"),
    "beta2": Range(0.0, 0.9999, "one_minus_log"),
    "epsilon": Range(1e-10, 1e-2, "log"),
    "learning_rate_decay": Range(1e-4, 1.0, "decay"),
}
TUNED = ("momentum", "rmsprop", "adam")  # shown beside the optimizer under the microscope
RIVALS = ("sgd", "momentum", "nesterov", "rmsprop", "adam", "adam_cosine", "adam_exponential")  # compared with


class Tuned(BaseModel):
    """The outcome of a search, as kept in ``zoo/tuned/TASK/OPTIMIZER.json``.

    Attributes:
        task, optimizer: what was tuned on what.
        draws: how many hyperparameters were tried.
        rungs: (problems, draws still in) of each stage of the search.
        seed: of the draws and the problems.
        steps: K, the unroll length.
        hyperparameters: the best draw.
        meta_loss: its mean meta-loss on the last rung's problems.
        sem: its standard error; None for a single problem.
        diverged: draws with a non-finite loss on any problem of the first rung.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal["loptscope-tuned/1"] = "loptscope-tuned/1"
    task: str
    optimizer: str
    draws: int
    rungs: list[tuple[int, int]]
    seed: int
    steps: int
    hyperparameters: dict[str, float]
    meta_loss: float
    sem: float | None
    diverged: int

    def make(self) -> HandDesigned:
        """The optimizer with these hyperparameters."""
        return make_hand_designed(self.optimizer, self.hyperparameters)


@dataclass(frozen=True)
class Search:
    """A search with all its draws.

    Attributes:
        tuned: the outcome.
        draws: hyperparameters by name, each [draws].
        meta_losses: mean meta-loss of each draw on the last rung it reached, [draws]; not finite if it diverged.
        problems: on how many problems that was, [draws].
    """

    tuned: Tuned
    draws: dict[str, Tensor]
    meta_losses: Tensor
    problems: Tensor


def meta_losses(cls: type[HandDesigned], draws: dict[str, Tensor], problems: Problems, steps: int) -> Tensor:
    """Meta-loss of every draw on every problem, [draws, problems]; as many draws at once as memory is meant to hold."""
    count = len(next(iter(draws.values())))
    rows = problems.x0.numel()
    at_once = max(1, ROWS_AT_ONCE // rows)
    results = []
    for start in range(0, count, at_once):
        chunk = {name: values[start : start + at_once] for name, values in draws.items()}
        size = len(next(iter(chunk.values())))
        per_row = {name: v.to(problems.x0.dtype).repeat_interleave(rows) for name, v in chunk.items()}
        losses = unroll(cls(**per_row), problems.repeated(size), steps, record=()).losses
        results.append(meta_loss(losses).view(size, problems.count))
    return torch.cat(results)


def default_rungs(task: Task, draws: int) -> list[tuple[int, int]]:
    """All draws on 64 problems where that is cheap; successive halving where one problem has many parameters."""
    if task.sample(1, generator(Purpose.TUNE, 0)).dimension <= 1000:
        return [(64, draws)]
    return [(1, draws), (4, max(1, draws // 6)), (16, max(1, draws // 36)), (64, max(1, draws // 128))]


def search(
    task: Task,
    optimizer: str,
    *,
    draws: int,
    seed: int = 0,
    steps: int = 200,
    rungs: Sequence[tuple[int, int]] | None = None,
) -> Search:
    """Tune a hand-designed optimizer.

    Args:
        task: what to tune on.
        optimizer: name of a hand-designed optimizer.
        draws: how many hyperparameters to try.
        seed: of draws and problems.
        steps: K, the unroll length.
        rungs: (problems, draws kept) of each stage, the first with all draws; a default by task.

    Raises:
        InputError: unknown optimizer, no draws, or none that stays finite.
    """
    cls = choose("optimizer", optimizer, HAND_DESIGNED)
    if draws < 1:
        raise InputError(f"draws must be at least 1 (got {draws})")
    source = generator(Purpose.SEARCH, seed)
    names = list(cls().hyperparameters())
    drawn = {name: RANGES[name].draw(draws, source) for name in names}
    stages = list(rungs or default_rungs(task, draws))
    alive = torch.arange(draws)
    result = torch.full((draws,), math.inf, dtype=torch.float64)
    tried_on = torch.zeros(draws, dtype=torch.int64)
    diverged, sem = 0, None
    for number, (count, keep) in enumerate(stages):
        alive = alive[torch.argsort(result[alive], stable=True)[:keep]]
        problems = task.sample(count, generator(Purpose.TUNE, seed, number))
        per_problem = meta_losses(cls, {n: v[alive] for n, v in drawn.items()}, problems, steps).double()
        mean = per_problem.mean(1)
        if number == 0:
            diverged = int((~torch.isfinite(mean)).sum())
        result[alive] = torch.where(torch.isfinite(mean), mean, math.inf)
        tried_on[alive] = count
        best = int(torch.argmin(result[alive]))
        sem = (per_problem[best].std() / count**0.5).item() if count > 1 else None
    winner = int(alive[torch.argmin(result[alive])])
    if not math.isfinite(result[winner].item()):
        raise InputError(f"all {draws} draws of {optimizer} diverged on {task.name}: try more draws")
    tuned = Tuned(
        task=task.name,
        optimizer=optimizer,
        draws=draws,
        rungs=stages,
        seed=seed,
        steps=steps,
        hyperparameters={name: float(values[winner]) for name, values in drawn.items()},
        meta_loss=result[winner].item(),
        sem=sem,
        diverged=diverged,
    )
    return Search(tuned, drawn, result, tried_on)


def write_search(folder: Path, found: Search) -> None:
    """Keep the outcome as ``TASK/OPTIMIZER.json`` and every draw as ``TASK/OPTIMIZER.csv``."""
    place = folder / found.tuned.task
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*found.draws, "meta_loss", "problems"])
    columns = [np.asarray(v) for v in (*found.draws.values(), found.meta_losses, found.problems)]
    writer.writerows([f"{value:.7g}" for value in row] for row in zip(*columns, strict=True))
    write_bytes(place / f"{found.tuned.optimizer}.csv", text.getvalue().encode())
    write_json(place / f"{found.tuned.optimizer}.json", found.tuned)


def read_tuned(folder: Path, task: str, optimizer: str) -> Tuned:
    """The outcome of an earlier search."""
    return read_json(folder / task / f"{optimizer}.json", Tuned)


def read_draws(folder: Path, task: str, optimizer: str) -> dict[str, np.ndarray]:
    """Every draw of an earlier search by column, each [draws]: hyperparameters, meta_loss, problems.

    Raises:
        InputError: the file is missing or damaged.
    """
    path = folder / task / f"{optimizer}.csv"
    try:
        with path.open(newline="") as file:
            names, *rows = csv.reader(file)
        columns = np.array([[float(text) for text in row] for row in rows]).T
        return dict(zip(names, columns, strict=True))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged: {error}") from None
