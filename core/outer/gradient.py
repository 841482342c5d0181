"""The outer gradient: back-propagation of the meta-loss through a window of inner steps, exact unless adjoints are clipped.

Problems are independent, so a batch is processed in blocks of problems, by as many threads as there are cores. The
memory needed is that of the concurrent blocks, not of the batch. The blocks depend only on the size of the batch, and
they are summed in order, so the result does not depend on the number of threads.

At every inner step the adjoints dL/dx and dL/dh of each problem can be clipped to a largest norm: unrolled learned optimizers are
often chaotic, and the exact gradient of a chaotic unroll explodes (Metz et al. 2019, arXiv 1810.10180).
"""

import itertools
import math
import os
import queue
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from core.interruption import Check, go_on
from core.meta_loss import Objective, heights, objective_slope
from core.optimizers.recurrent import RecurrentOptimizer
from core.outer.compiled import CompiledOptimizer, Workspace
from core.outer.generic import GenericOptimizer
from core.tasks.base import Problems

BLOCK_BYTES = 256 * 2**20  # limit on the states and tapes of one block
STRIDED_ABOVE = 2**30  # a single problem that needs more stores only some of its states
FEWEST_BLOCKS = 2

Engine = CompiledOptimizer | GenericOptimizer
Work = TypeVar("Work")
Result = TypeVar("Result")


@dataclass(frozen=True)
class OuterGradient:
    """The meta-loss of a batch and its gradient.

    Attributes:
        meta_losses: of each problem, [problems].
        gradients: of the mean objective by name, with the shapes of θ.
    """

    meta_losses: Tensor
    gradients: dict[str, Tensor]


@dataclass
class Workers:
    """Threads for independent blocks, each with its own memory for the lifetime of this object.

    Attributes:
        threads: number of threads; by default one for each core.
        check: called between two blocks of inner steps, by any of the threads; what it raises ends the computation.
        device: where torch's own operations do the blocks, one after another; None for compiled code on the CPU.
    """

    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    check: Check = go_on
    device: torch.device | None = None

    def __post_init__(self) -> None:
        if self.device is not None:
            self.threads = 1
        self._spaces: queue.SimpleQueue[Workspace] = queue.SimpleQueue()
        for _ in range(self.threads):
            self._spaces.put(Workspace(check=self.check))
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="outer") if self.threads > 1 else None

    def engine(self, optimizer: RecurrentOptimizer) -> Engine:
        """A learned optimizer for the steps of an unroll: compiled, or on the device."""
        return CompiledOptimizer(optimizer) if self.device is None else GenericOptimizer(optimizer, self.device)

    def map(self, work: Callable[[Work, Workspace], Result], items: Iterable[Work]) -> list[Result]:
        """``work(item, workspace)`` of every item in order, with one thread for each."""

        def run(item: Work) -> Result:
            space = self._spaces.get()
            try:
                with torch.no_grad():
                    return work(item, space)
            finally:
                self._spaces.put(space)

        if self._pool is None:
            return [run(item) for item in items]
        jobs = [self._pool.submit(run, item) for item in items]
        try:
            return [job.result() for job in jobs]
        except BaseException:
            for job in jobs:
                job.cancel()
            wait(jobs)  # none works on after the end of this call
            raise


def blocks(count: int, bytes_per_problem: int) -> list[tuple[int, int]]:
    """(start, stop) of blocks of problems: a few of nearly equal size, more if they need much memory."""
    pieces = min(count, max(FEWEST_BLOCKS, math.ceil(count * bytes_per_problem / BLOCK_BYTES)))
    edges = [round(i * count / pieces) for i in range(pieces + 1)]
    return list(itertools.pairwise(edges))


def stride_for(compiled: Engine, rows: int, steps: int, recompute: bool | None) -> int:
    """Steps between two stored states: 1 stores everything, √T stores the least.

    Args:
        compiled: the optimizer.
        rows: inner parameters of one problem.
        steps: T.
        recompute: whether to recompute; None decides by the memory that one problem would take.
    """
    if recompute is None:
        recompute = compiled.bytes(rows, steps, 1) > STRIDED_ABOVE
    return max(2, math.isqrt(steps)) if recompute and steps > 1 else 1


def loss_weights(losses: Tensor, start_losses: Tensor, fresh: bool, objective: Objective = "mean") -> Tensor:
    """d (window's objective) / d f(x_k), [T + 1, problems]: of the mean over the window of f(x_k) / f(x_0), or of its logarithm.

    The first entry counts only in the first window of an unroll; otherwise it was the last of the previous window.
    """
    weights = (1 / start_losses).expand_as(losses) / (len(losses) - (0 if fresh else 1))
    if objective != "mean":
        weights = weights * objective_slope(losses / start_losses, objective)
    if not fresh:
        weights = weights.clone()
        weights[0] = 0
    return weights


@dataclass(frozen=True)
class Window:
    """The current state of a block's unroll.

    Attributes:
        x: inner parameters, [problems, parameters].
        state: [vectors, problems · parameters, units].
        start_losses: f(x_0), [problems], infinite where it is 0; None at the start of an unroll.
    """

    x: Tensor
    state: np.ndarray
    start_losses: Tensor | None


def window_gradient(
    compiled: Engine,
    problems: Problems,
    window: Window,
    steps: int,
    adjoint_clip: float | None,
    space: Workspace,
    stride: int = 1,
    objective: Objective = "mean",
) -> tuple[Tensor, dict[str, Tensor], Window]:
    """Meta-loss of the next T inner steps of an unroll, and the gradient of the objective's sum over problems.

    Args:
        compiled: the learned optimizer.
        problems: a block of problems.
        window: the state of the unroll, treated as constant (its dependence on θ is ignored).
        steps: T.
        adjoint_clip: as for `outer_gradient`.
        space: working memory.
        stride: from `stride_for`.
        objective: what the gradient is of (`core.meta_loss.objective`).

    Returns:
        meta-losses of the window [problems], gradients of the sum of the objective by name (float64), and the new state of the unroll.
    """
    fresh = window.start_losses is None
    recorded = compiled.forward(problems, window.x, window.state, steps, space, stride)
    start = heights(recorded.losses) if window.start_losses is None else window.start_losses
    counted = recorded.losses if fresh else recorded.losses[1:]
    weights = loss_weights(recorded.losses, start, fresh, objective)
    own: Any = recorded  # that of the engine
    gradients = compiled.backward(problems, own, weights, adjoint_clip, space)
    if not fresh:
        gradients["initial_state"] = torch.zeros_like(gradients["initial_state"])
    after = Window(recorded.x[-1].clone(), recorded.final_state.copy(), start)
    return (counted / start).mean(0), gradients, after


def begin(compiled: Engine, problems: Problems) -> Window:
    """The start of an unroll."""
    return Window(problems.x0, compiled.initial_state(problems.x0.numel()), None)


def outer_gradient(
    optimizer: RecurrentOptimizer,
    problems: Problems,
    steps: int,
    adjoint_clip: float | None = None,
    *,
    workers: Workers | None = None,
    recompute: bool | None = None,
    objective: Objective = "mean",
) -> OuterGradient:
    """Gradient of the mean objective of whole unrolls with respect to θ.

    Args:
        optimizer: the learned optimizer.
        problems: the batch, in θ's precision.
        steps: K, the unroll length.
        adjoint_clip: largest norm of each problem's adjoints at every inner step; None for the exact gradient.
        workers: threads; by default one for each core.
        recompute: whether to store only every √K-th state and recompute the others in the backward pass (memory ∝ √K, one more
            forward pass of the cell); None decides by the memory of one problem.
        objective: the meta-loss, or the mean of its logarithm (`core.meta_loss.objective`).
    """
    workers = workers or Workers()
    compiled = workers.engine(optimizer)
    stride = stride_for(compiled, problems.dimension, steps, recompute)

    def work(span: tuple[int, int], space: Workspace) -> tuple[Tensor, dict[str, Tensor]]:
        part = problems.part(*span)
        losses, gradients, _ = window_gradient(
            compiled, part, begin(compiled, part), steps, adjoint_clip, space, stride, objective
        )
        return losses, gradients

    spans = blocks(problems.count, compiled.bytes(problems.dimension, steps, stride))
    done = workers.map(work, spans)
    losses = torch.cat([losses for losses, _ in done])
    sums = {name: sum((part[name] for _, part in done), torch.zeros(())) for name in optimizer.theta}
    return OuterGradient(losses, {name: (total / problems.count).to(losses.dtype) for name, total in sums.items()})
