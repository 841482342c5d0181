"""Pruned search: meta-losses of many draws of hyperparameters, each unrolled only as far as necessary.

Losses are 0 or more, so the sum of f(x_k)/f(x_0) over the inner steps so far is a lower bound of the whole sum. A draw whose
bound exceeds the current limit is given up; the surviving draws do not change. A draw that diverged is given up too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, TypeAlias

from core.late import torch
from core.meta_loss import heights
from core.optimizers.hand_designed import HandDesigned
from core.tasks.base import Problems
from core.unroll import inner_steps

if TYPE_CHECKING:
    from torch import Tensor

ROWS_AT_ONCE = 25_000  # components in one batch: fits into the processor's caches, and hides Python's overhead
CHECK_EVERY = 5  # inner steps between two checks for draws to give up
PILOT_STEPS = 15  # inner steps used to sort the draws, the promising ones first
CHUNKS_PER_GROUP = 8  # batches with the same limit; fixed, so that results do not depend on the number of workers

Draws: TypeAlias = dict[str, "Tensor"]  # hyperparameters by name, each [draws]


@dataclass(frozen=True)
class PrunedScores:
    """The scores of all draws.

    Attributes:
        per_problem: meta-loss on every problem, [draws, problems], float64; NaN for draws given up.
        mean: over problems, [draws]; a lower bound for draws given up, infinite for those that diverged.
        steps: inner steps covered by the mean, averaged over problems and rounded down, [draws]; K if complete.
    """

    per_problem: Tensor
    mean: Tensor
    steps: Tensor

    @property
    def diverged(self) -> Tensor:
        """[draws], bool: whether a loss was not finite."""
        return ~torch.isfinite(self.mean)


def worker_pool(workers: int) -> Executor:
    """Single-threaded processes; the operations are too short for threads, which would wait for Python's lock."""
    return ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
    )


def _rows(draws: Draws, rows: int, dtype: torch.dtype) -> Draws:
    return {name: values.to(dtype).repeat_interleave(rows) for name, values in draws.items()}


def _sums(
    cls: type[HandDesigned], draws: Draws, problems: Problems, steps: int, allowed: Tensor
) -> tuple[Tensor, Tensor]:
    """Σ_k f(x_k)/f(x_0) over k = 0 … steps of every draw on a few problems, in lockstep.

    Args:
        cls: the optimizer.
        draws: [draws] each.
        problems: a batch small enough for all draws at once.
        steps: of the unroll.
        allowed: give a draw up when its sum over steps and problems exceeds this, [draws].

    Returns:
        The sums [draws, problems], float64, and the number of values of k in them, [draws].
    """
    count, size = len(allowed), problems.count
    rows = problems.x0.numel()
    sums = torch.zeros(count, size, dtype=torch.float64)
    covered = torch.zeros(count, dtype=torch.int64)
    alive = torch.arange(count)
    batch = problems.repeated(count)
    x, first = batch.x0, None
    state: Tensor | None = None
    running = sums.clone()
    k = 0
    while k <= steps and len(alive):
        drawn = _rows({name: values[alive] for name, values in draws.items()}, rows, x.dtype)
        optimizer = cls(**{name: values.to(x.device) for name, values in drawn.items()})
        if state is None:
            state = optimizer.state_at(x.reshape(-1))
        for step in inner_steps(optimizer, batch, x, state, first=k, steps=steps):
            loss = step.loss.view(-1, size).double().cpu()
            if first is None:
                first = heights(loss[None])
            running += loss / first
            k += 1
            if k > steps or k % CHECK_EVERY == 0:
                total = running.sum(1)
                continuing = torch.isfinite(total) & (total <= allowed[alive])
                if k > steps or not continuing.all():
                    break
        assert first is not None
        sums[alive], covered[alive] = running, k
        alive, running, first = alive[continuing], running[continuing], first[continuing]
        if k <= steps and len(alive):
            batch = problems.repeated(len(alive))
            there = continuing.to(x.device)
            x = step.next_x.view(len(there), -1)[there].view(batch.x0.shape)
            columns = step.next_state.mT.reshape(step.next_state.shape[1], len(there), rows)
            state = columns[:, there].flatten(1).mT
    return sums, covered


def _chunk(
    cls: type[HandDesigned], draws: Draws, problems: Problems, length: int, steps: int, limit: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Some draws on all problems, one part of the problems after another.

    Args:
        cls, draws, problems: as for `_sums`.
        length: K; sums are divided by K + 1.
        steps: inner steps to unroll, K or less.
        limit: give a draw up when its mean meta-loss must exceed this.

    Returns:
        Meta-losses [draws, problems], their means (or bounds) [draws], and the number of values of k over all problems [draws].
    """
    count = len(next(iter(draws.values())))
    at_once = max(1, ROWS_AT_ONCE // (count * problems.dimension))
    sums = torch.zeros(count, problems.count, dtype=torch.float64)
    covered = torch.zeros(count, dtype=torch.int64)
    alive = torch.arange(count)
    most = limit * (length + 1) * problems.count * (1 + 1e-9)
    with torch.no_grad():
        for start in range(0, problems.count, at_once):
            part = problems.part(start, start + at_once)
            chosen = {name: values[alive] for name, values in draws.items()}
            part_sums, reached = _sums(cls, chosen, part, steps, most - sums[alive].sum(1))
            sums[alive, start : start + part.count] = part_sums
            covered[alive] += reached * part.count
            total = sums[alive].sum(1)
            alive = alive[torch.isfinite(total) & (total <= most)]
            if not len(alive):
                break
    scored = max(
        1, int(torch.isfinite(heights(problems.loss(problems.x0)[None])).sum())
    )  # the others start at their minimum
    mean = sums.sum(1) / scored / (length + 1)
    mean = torch.where(torch.isfinite(mean), mean, math.inf)
    complete = covered == (steps + 1) * problems.count
    return torch.where(complete[:, None], sums / (length + 1), math.nan), mean, covered


def pruned_search(
    cls: type[HandDesigned],
    draws: Draws,
    problems: Problems,
    steps: int,
    *,
    keep: int | None = None,
    ordered: bool = False,
    pool: Executor | None = None,
    on_chunk: Callable[[int], None] | None = None,
) -> PrunedScores:
    """Mean meta-loss of every draw.

    Args:
        cls: the optimizer.
        draws: hyperparameters by name, each [draws].
        problems: to unroll on.
        steps: K, the unroll length.
        keep: number of best draws that matter; others may be given up. None unrolls all completely.
        ordered: whether the promising draws already come first.
        pool: runs the batches; results are the same with any, or without one.
        on_chunk: called with the number of draws just finished.

    Returns:
        The scores; the best ``keep`` draws and their scores are those of complete unrolls.
    """
    count = len(next(iter(draws.values())))
    size = max(1, ROWS_AT_ONCE // problems.x0.numel())
    per_problem = torch.full((count, problems.count), math.nan, dtype=torch.float64)
    mean = torch.zeros(count, dtype=torch.float64)
    covered = torch.zeros(count, dtype=torch.int64)

    def run(chunks: list[Tensor], reach: int, limit: float) -> Iterator[tuple[Tensor, tuple[Tensor, Tensor, Tensor]]]:
        chosen = [{name: values[chunk] for name, values in draws.items()} for chunk in chunks]
        score_chunk = partial(_chunk, cls, problems=problems, length=steps, steps=reach, limit=limit)
        results: Iterable[tuple[Tensor, Tensor, Tensor]] = (
            pool.map(score_chunk, chosen) if pool else map(score_chunk, chosen)
        )
        return zip(chunks, results, strict=True)

    order = torch.arange(count)
    prune = keep is not None and keep < count
    if prune and not ordered and steps > 2 * PILOT_STEPS:
        for chunk, scores in run(list(order.split(size)), PILOT_STEPS, math.inf):
            _, mean[chunk], covered[chunk] = scores
        order = torch.argsort(mean, stable=True)
    finished = torch.empty(0, dtype=torch.float64)
    limit = math.inf
    group = size * CHUNKS_PER_GROUP if prune else count
    for start in range(0, count, group):
        members = order[start : start + group]
        hopeful = members[torch.isfinite(mean[members]) & (mean[members] <= limit)]
        for chunk, scores in run(list(hopeful.split(size)) if len(hopeful) else [], steps, limit):
            per_problem[chunk], mean[chunk], covered[chunk] = scores
            finished = torch.cat([finished, mean[chunk][~per_problem[chunk].isnan().any(1)]])
            if on_chunk:
                on_chunk(len(chunk))
        if on_chunk and len(hopeful) < len(members):
            on_chunk(len(members) - len(hopeful))
        if prune and keep is not None and len(finished) >= keep:
            finished = finished.sort().values[:keep]
            limit = finished[-1].item()
    return PrunedScores(per_problem, mean, (covered // problems.count - 1).clamp_min(0))


def meta_losses(cls: type[HandDesigned], draws: Draws, problems: Problems, steps: int) -> Tensor:
    """Meta-loss of every draw on every problem, [draws, problems]; infinite on all for a draw that diverged on one."""
    scored = pruned_search(cls, draws, problems, steps)
    return torch.where(scored.diverged[:, None], math.inf, scored.per_problem)
