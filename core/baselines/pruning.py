"""Meta-losses of many draws of hyperparameters, each unrolled only as far as it has to be.

Losses are 0 or more, so the sum of f(x_k)/f(x_0) over the inner steps met so far is a lower bound of the whole sum: a
draw whose bound exceeds what would still be kept can be given up without changing which draws are kept. One that
diverged is given up too.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import torch
from torch import Tensor

from core.optimizers.hand_designed import HandDesigned
from core.tasks.base import Problems
from core.unroll import inner_steps

ROWS_AT_ONCE = 25_000  # components in one batch: few enough for the processor's caches, enough to hide Python's cost
CHECK_EVERY = 5  # inner steps between two looks at who is to be given up
PILOT_STEPS = 15  # inner steps that put draws into an order, the promising ones first
CHUNKS_A_WAVE = 8  # batches that go by the same bound; fixed, so that results do not depend on the number of workers

Draws = dict[str, Tensor]  # hyperparameters by name, each [draws]


@dataclass(frozen=True)
class PrunedScores:
    """What is known of each draw.

    Attributes:
        per_problem: meta-loss on every problem, [draws, problems], float64; NaN for draws that were given up.
        mean: over problems, [draws]; a lower bound for draws given up, infinite for those that diverged.
        steps: inner steps that the mean covers, averaged over problems and rounded down, [draws]; K if all.
    """

    per_problem: Tensor
    mean: Tensor
    steps: Tensor

    @property
    def diverged(self) -> Tensor:
        """[draws], bool: a loss that is not finite was met."""
        return ~torch.isfinite(self.mean)


def worker_pool(workers: int) -> Executor:
    """Single-threaded processes: the operations are too short for threads, which would wait for one another in Python."""
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
        problems: small enough a batch for all draws at once.
        steps: of the unroll.
        allowed: give a draw up when its sum over steps and problems exceeds this, [draws].

    Returns:
        The sums [draws, problems], float64, and how many values of k they are over, [draws].
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
        optimizer = cls(**_rows({name: values[alive] for name, values in draws.items()}, rows, x.dtype))
        if state is None:
            state = optimizer.initial_state(x.numel(), x.dtype)
        for step in inner_steps(optimizer, batch, x, state):
            loss = step.loss.view(-1, size).double()
            if first is None:
                first = loss
            running += loss / first
            k += 1
            if k > steps or k % CHECK_EVERY == 0:
                total = running.sum(1)
                going_on = torch.isfinite(total) & (total <= allowed[alive])
                if k > steps or not going_on.all():
                    break
        assert first is not None
        sums[alive], covered[alive] = running, k
        alive, running, first = alive[going_on], running[going_on], first[going_on]
        if k <= steps and len(alive):
            batch = problems.repeated(len(alive))
            x = step.next_x.view(len(going_on), -1)[going_on].view(batch.x0.shape)
            columns = step.next_state.mT.reshape(step.next_state.shape[1], len(going_on), rows)
            state = columns[:, going_on].flatten(1).mT
    return sums, covered


def _chunk(
    cls: type[HandDesigned], draws: Draws, problems: Problems, length: int, steps: int, limit: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Some draws on all problems, a part of the problems after the other.

    Args:
        cls, draws, problems: as above.
        length: K; sums are divided by K + 1.
        steps: how far to unroll, K or less.
        limit: give a draw up when its mean meta-loss is known to exceed this.

    Returns:
        Meta-losses [draws, problems], their means (or bounds) [draws], and met values of k over all problems [draws].
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
            found, reached = _sums(cls, chosen, part, steps, most - sums[alive].sum(1))
            sums[alive, start : start + part.count] = found
            covered[alive] += reached * part.count
            total = sums[alive].sum(1)
            alive = alive[torch.isfinite(total) & (total <= most)]
            if not len(alive):
                break
    mean = sums.mean(1) / (length + 1)
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
        problems: what to unroll on.
        steps: K, the unroll length.
        keep: only the best ``keep`` draws matter: the others may be given up. All are unrolled if it is None.
        ordered: the promising draws already come first.
        pool: runs the batches; results are the same with any, or without one.
        on_chunk: told how many more draws are done.

    Returns:
        Whether or not some are given up, the best ``keep`` draws and their numbers are those of a full unroll.
    """
    count = len(next(iter(draws.values())))
    size = max(1, ROWS_AT_ONCE // problems.x0.numel())
    per_problem = torch.full((count, problems.count), math.nan, dtype=torch.float64)
    mean = torch.zeros(count, dtype=torch.float64)
    covered = torch.zeros(count, dtype=torch.int64)

    def run(chunks: list[Tensor], reach: int, limit: float) -> Iterator[tuple[Tensor, tuple[Tensor, Tensor, Tensor]]]:
        chosen = [{name: values[chunk] for name, values in draws.items()} for chunk in chunks]
        one = partial(_chunk, cls, problems=problems, length=steps, steps=reach, limit=limit)
        results: Iterable[tuple[Tensor, Tensor, Tensor]] = pool.map(one, chosen) if pool else map(one, chosen)
        return zip(chunks, results, strict=True)

    order = torch.arange(count)
    prune = keep is not None and keep < count
    if prune and not ordered and steps > 2 * PILOT_STEPS:
        for chunk, found in run(list(order.split(size)), PILOT_STEPS, math.inf):
            _, mean[chunk], covered[chunk] = found
        order = torch.argsort(mean, stable=True)
    finished = torch.empty(0, dtype=torch.float64)
    limit = math.inf
    wave = size * CHUNKS_A_WAVE if prune else count
    for start in range(0, count, wave):
        members = order[start : start + wave]
        hopeful = members[torch.isfinite(mean[members]) & (mean[members] <= limit)]
        for chunk, found in run(list(hopeful.split(size)) if len(hopeful) else [], steps, limit):
            per_problem[chunk], mean[chunk], covered[chunk] = found
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
