"""Random search for the hyperparameters of hand-designed optimizers (Bergstra & Bengio 2012), all draws as one batch.

If an unroll is expensive, the search uses successive halving (Jamieson & Talwalkar 2016): every draw on a few problems,
the best of them on more. Before the last stage, draws that can no longer be among the best are given up. The problems
are never those of training or evaluation.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from core.baselines.pruning import pruned_search, worker_pool
from core.errors import InputError, choose
from core.files.atomic import read_json, write_bytes, write_json
from core.files.plain import read_plain
from core.late import torch
from core.meta_loss import heights
from core.optimizers.hand_designed import BASELINES, HAND_DESIGNED, HandDesigned, make_hand_designed
from core.seeds import Purpose, generator
from core.tasks import SHIPPED
from core.tasks.base import Task
from core.tasks.bound import above_bound, loss_bound

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_DRAWS = 16 * 2**20  # bytes of a table of draws


class SearchResult(BaseModel):
    """The result of a search, stored in ``zoo/tuned/TASK/OPTIMIZER.json``.

    Attributes:
        task, optimizer: names of the task and of the tuned optimizer.
        draws: number of draws of hyperparameters.
        rungs: (problems, remaining draws) of each stage of the search.
        seed: of the draws and the problems.
        steps: K, the unroll length.
        hyperparameters: the best draw.
        meta_loss: its mean meta-loss on the last rung's problems.
        sem: its standard error; None for a single problem.
        diverged: draws with a non-finite loss on the first rung.
        given_up: draws that were given up on the first rung, since they could no longer be among the best (some of them
            would have diverged later).
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
    given_up: int = 0

    def make(self) -> HandDesigned:
        """The optimizer with these hyperparameters."""
        return make_hand_designed(self.optimizer, self.hyperparameters)


@dataclass(frozen=True)
class Search:
    """A search with all its draws.

    Attributes:
        tuned: the result.
        draws: hyperparameters by name, each [draws].
        meta_losses: mean meta-loss of each draw on the last rung it reached, [draws]; infinite if it diverged, a lower
            bound if it was given up.
        problems: number of problems of that rung, [draws].
        steps: inner steps covered, averaged over these problems and rounded down, [draws]; K if complete.
    """

    tuned: SearchResult
    draws: dict[str, Tensor]
    meta_losses: Tensor
    problems: Tensor
    steps: Tensor


def draw(optimizer: str, count: int, seed: int, steps: int) -> dict[str, Tensor]:
    """Hyperparameters of a hand-designed optimizer by name, each [count], float64, for unrolls of ``steps``."""
    source = generator(Purpose.SEARCH, seed)
    return {
        name: torch.full((count,), float(steps), dtype=torch.float64)
        if limits.range.kind == "unroll"
        else limits.range.draw(count, source)
        for name, limits in HAND_DESIGNED[optimizer].limits().items()
    }


def default_rungs(task: Task, draws: int) -> list[tuple[int, int]]:
    """All draws on 64 problems if that is cheap; successive halving if a problem has many parameters."""
    if task.sample(1, generator(Purpose.TUNE, 0)).dimension <= 1000:
        return [(64, draws)]
    return [(1, draws), (4, max(1, draws // 16)), (16, max(1, draws // 125)), (64, max(1, draws // 500))]


def search(
    task: Task,
    optimizer: str,
    *,
    draws: int,
    seed: int = 0,
    steps: int = 200,
    rungs: Sequence[tuple[int, int]] | None = None,
    pool: Executor | None = None,
    on_done: Callable[[int, int], None] | None = None,
    device: torch.device | None = None,
) -> Search:
    """Tune a hand-designed optimizer by random search (Bergstra & Bengio 2012).

    Args:
        task: the task to tune on.
        optimizer: name of a hand-designed optimizer.
        draws: number of draws of hyperparameters, at least 1.
        seed: of the draws and the problems.
        steps: K, the unroll length in inner steps.
        rungs: (problems, draws kept) of each stage, the first with all draws; by default `default_rungs`.
        pool: runs the batches in parallel; the result does not depend on it.
        on_done: called with (done, all) unrolls, including those saved by pruning.
        device: where to compute; by default the CPU, as for optimizers that compute there only.

    Returns:
        the best draw with its mean meta-loss, and all draws [draws].

    Raises:
        InputError: unknown optimizer, no draws, or all draws diverged.
    """
    cls = choose("optimizer", optimizer, HAND_DESIGNED)
    if draws < 1:
        raise InputError(f"draws must be at least 1 (got {draws})")
    drawn = draw(optimizer, draws, seed, steps)
    stages = list(rungs or default_rungs(task, draws))
    alive = torch.arange(draws)
    result = torch.full((draws,), math.inf, dtype=torch.float64)
    tried_on, covered = torch.zeros(draws, dtype=torch.int64), torch.zeros(draws, dtype=torch.int64)
    diverged, given_up, sem = 0, 0, None
    done, work = 0, sum(count * keep for count, keep in stages)
    for number, (count, keep) in enumerate(stages):
        alive = alive[torch.argsort(result[alive], stable=True)[:keep]]

        def report(more: int, count: int = count) -> None:
            nonlocal done
            done += count * more
            if on_done:
                on_done(done, work)

        problems = above_bound(task.sample(count, generator(Purpose.TUNE, seed, number)), loss_bound(task))
        if not bool(torch.isfinite(heights(problems.loss(problems.x0)[None])).any()):
            raise InputError(f"all {count} problems of {task.name} start at its minimum: there is nothing to tune on")
        if device is not None:
            from core.optimizers.placing import optimizer_on
            from core.tasks.placing import problems_on

            if optimizer_on(cls(), device) is not None:
                problems, pool = problems_on(problems, device), None
        scored = pruned_search(
            cls,
            {name: values[alive] for name, values in drawn.items()},
            problems,
            steps,
            keep=stages[number + 1][1] if number + 1 < len(stages) else None,
            ordered=number > 0,
            pool=pool if cls.pooled and task.name in SHIPPED else None,  # other processes have no plugins
            on_chunk=report,
        )
        if number == 0:
            diverged = int(scored.diverged.sum())
            given_up = int(((scored.steps < steps) & ~scored.diverged).sum())
        result[alive], tried_on[alive], covered[alive] = scored.mean, count, scored.steps
        best = int(torch.argmin(scored.mean))
        sem = (scored.per_problem[best].std() / count**0.5).item() if count > 1 else None
    winner = int(alive[torch.argmin(result[alive])])
    if not math.isfinite(result[winner].item()):
        raise InputError(
            f"all {draws} draws of {optimizer} diverged on {task.name}: try more draws, or scale the loss (learning rates are drawn "
            "from their usual ranges)"
        )
    tuned = SearchResult(
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
        given_up=given_up,
    )
    return Search(tuned, drawn, result, tried_on, covered)


def search_all(
    task: Task,
    folder: Path | None,
    *,
    optimizers: Sequence[str] = BASELINES,
    draws: int,
    seed: int = 0,
    workers: int = 1,
    skip_existing: bool = False,
    on_done: Callable[[str, int, int], None] | None = None,
    device: torch.device | None = None,
) -> Iterator[SearchResult]:
    """Tune several optimizers one after another, and store each result as soon as it is known.

    Args:
        task: the task to tune on.
        folder: where to store the results; None for nowhere.
        optimizers: names of hand-designed optimizers.
        draws, seed: as for `search`.
        workers: number of parallel processes; the results do not depend on it.
        skip_existing: whether to skip optimizers with a stored result for these draws and this seed.
        on_done: called with (optimizer, done, all) unrolls.
        device: as for `search`.
    """
    with worker_pool(workers) if workers > 1 else nullcontext() as pool:
        for name in optimizers:
            if skip_existing and folder is not None and (folder / task.name / f"{name}.json").exists():
                earlier = read_search_result(folder, task.name, name)
                if (earlier.draws, earlier.seed) == (draws, seed):
                    yield earlier
                    continue
            report = None if on_done is None else partial(on_done, name)
            searched = search(task, name, draws=draws, seed=seed, pool=pool, on_done=report, device=device)
            if folder is not None:
                write_search(folder, searched)
            yield searched.tuned


def write_search(folder: Path, searched: Search) -> None:
    """Store the result in ``TASK/OPTIMIZER.json`` and every draw in ``TASK/OPTIMIZER.csv``."""
    place = folder / searched.tuned.task
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*searched.draws, "meta_loss", "problems", "steps"])
    columns = [
        np.asarray(v) for v in (*searched.draws.values(), searched.meta_losses, searched.problems, searched.steps)
    ]
    writer.writerows([f"{value:.7g}" for value in row] for row in zip(*columns, strict=True))
    write_bytes(place / f"{searched.tuned.optimizer}.csv", text.getvalue().encode())
    write_json(place / f"{searched.tuned.optimizer}.json", searched.tuned)


def read_search_result(folder: Path, task: str, optimizer: str) -> SearchResult:
    """The result of an earlier search.

    Raises:
        InputError: the file is missing or damaged."""
    return read_json(folder / task / f"{optimizer}.json", SearchResult)


def read_draws(folder: Path, task: str, optimizer: str) -> dict[str, np.ndarray]:
    """Every draw of an earlier search by column, each [draws]: hyperparameters, meta_loss, problems, steps
    (see `Search`).

    Raises:
        InputError: the file is missing or damaged.
    """
    path = folder / task / f"{optimizer}.csv"
    try:
        content = read_plain(path, LARGEST_DRAWS).decode("ascii")
        names, *rows = csv.reader(content.splitlines())
        columns = np.array([[float(text) for text in row] for row in rows]).T
        return dict(zip(names, columns, strict=True))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except InputError:
        raise
    except (ValueError, csv.Error):
        raise InputError(f"{path} is damaged: it must be a table of numbers with a heading") from None
