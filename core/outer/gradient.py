"""The outer gradient: back-propagation of the meta-loss through a window of inner steps, exact unless adjoints are clipped.

Problems do not touch each other, so a batch is worked off in blocks of problems, by as many threads as there are cores: the
memory needed is that of the blocks at work, not of the batch. How the batch is cut depends on its size alone, and
blocks are summed in order, so the result is the same with any number of threads.

At every inner step the adjoints dL/dx and dL/dh of each problem can be clipped to a largest norm: unrolled learned optimizers are
often chaotic, and the exact gradient of a chaotic unroll explodes (Metz et al. 2019, arXiv 1810.10180).
"""

import functools
import itertools
import math
import os
import queue
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor

from core.optimizers.recurrent import RecurrentOptimizer
from core.outer.compiled import CompiledOptimizer, Workspace
from core.tasks.base import Problems

BLOCK_BYTES = 256 * 2**20  # of states and tapes that one block may take
STRIDED_ABOVE = 2**30  # a single problem that needs more than this keeps only some of its states
FEWEST_BLOCKS = 2

Work = TypeVar("Work")
Result = TypeVar("Result")


@dataclass(frozen=True)
class OuterGradient:
    """The meta-loss of a batch and its gradient.

    Attributes:
        meta_losses: one per problem, [problems].
        gradients: of the mean meta-loss, by name, shaped as θ.
    """

    meta_losses: Tensor
    gradients: dict[str, Tensor]


@functools.cache
def _blas() -> ThreadpoolController:
    import scipy.linalg.cython_blas  # noqa: F401 - what compiled code multiplies with: loaded, so that it is found

    return ThreadpoolController()


@dataclass
class Workers:
    """Threads for independent blocks, each with memory of its own that lasts as long as this object.

    Attributes:
        threads: how many; all cores by default.
    """

    threads: int = field(default_factory=lambda: os.cpu_count() or 1)

    def __post_init__(self) -> None:
        self._spaces: queue.SimpleQueue[Workspace] = queue.SimpleQueue()
        for _ in range(self.threads):
            self._spaces.put(Workspace())
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="outer") if self.threads > 1 else None

    def map(self, work: Callable[[Work, Workspace], Result], items: Iterable[Work]) -> list[Result]:
        """``work(item, workspace)`` of every item, in order; each with one thread of its own."""

        def one(item: Work) -> Result:
            space = self._spaces.get()
            try:
                with torch.no_grad():
                    return work(item, space)
            finally:
                self._spaces.put(space)

        with _blas().limit(limits=1, user_api="blas"):
            return [one(item) for item in items] if self._pool is None else list(self._pool.map(one, items))


def blocks(count: int, bytes_per_problem: int) -> list[tuple[int, int]]:
    """(start, stop) of blocks of problems: a few, of nearly the same size, more where they need much memory."""
    pieces = min(count, max(FEWEST_BLOCKS, math.ceil(count * bytes_per_problem / BLOCK_BYTES)))
    edges = [round(i * count / pieces) for i in range(pieces + 1)]
    return list(itertools.pairwise(edges))


def stride_for(compiled: CompiledOptimizer, rows: int, steps: int, recompute: bool | None) -> int:
    """Steps between two kept states: 1 keeps everything, √T keeps least.

    Args:
        compiled: the optimizer.
        rows: inner parameters of one problem.
        steps: T.
        recompute: whether to recompute; None decides by the memory that one problem would take.
    """
    if recompute is None:
        recompute = compiled.bytes(rows, steps, 1) > STRIDED_ABOVE
    return max(2, math.isqrt(steps)) if recompute and steps > 1 else 1


def loss_weights(losses: Tensor, start_losses: Tensor, fresh: bool) -> Tensor:
    """d (window's meta-loss) / d f(x_k), [T + 1, problems]: the mean over the window of f(x_k) / f(x_0).

    The first entry counts only in the window that begins an unroll; otherwise it was the last of the window before.
    """
    weights = (1 / start_losses).expand_as(losses) / (len(losses) - (0 if fresh else 1))
    if not fresh:
        weights = weights.clone()
        weights[0] = 0
    return weights


@dataclass(frozen=True)
class Window:
    """Where a block's unroll stands.

    Attributes:
        x: inner parameters, [problems, parameters].
        state: [vectors, problems · parameters, units].
        start_losses: f(x_0), [problems]; None at the beginning of an unroll.
    """

    x: Tensor
    state: np.ndarray
    start_losses: Tensor | None


def window_gradient(
    compiled: CompiledOptimizer,
    problems: Problems,
    window: Window,
    steps: int,
    adjoint_clip: float | None,
    space: Workspace,
    stride: int = 1,
) -> tuple[Tensor, dict[str, Tensor], Window]:
    """Meta-loss of T inner steps from where an unroll stands, and the gradient of its sum over problems.

    Args:
        compiled: the learned optimizer.
        problems: a block of problems.
        window: where the unroll stands; what lies before is taken as given (its dependence on θ is cut off).
        steps: T.
        adjoint_clip: as for `outer_gradient`.
        space: memory to work in.
        stride: as `stride_for` says.

    Returns:
        meta-losses of the window [problems], gradients of their sum by name (float64), where the unroll stands now.
    """
    fresh = window.start_losses is None
    recorded = compiled.forward(problems, window.x, window.state, steps, space, stride)
    start = recorded.losses[0] if window.start_losses is None else window.start_losses
    counted = recorded.losses if fresh else recorded.losses[1:]
    weights = loss_weights(recorded.losses, start, fresh)
    gradients = compiled.backward(problems, recorded, weights, adjoint_clip, space)
    if not fresh:
        gradients["initial_state"] = torch.zeros_like(gradients["initial_state"])
    after = Window(recorded.x[-1].clone(), recorded.final_state.copy(), start)
    return (counted / start).mean(0), gradients, after


def begin(compiled: CompiledOptimizer, problems: Problems) -> Window:
    """The beginning of an unroll."""
    return Window(problems.x0, compiled.initial_state(problems.x0.numel()), None)


def outer_gradient(
    optimizer: RecurrentOptimizer,
    problems: Problems,
    steps: int,
    adjoint_clip: float | None = None,
    *,
    workers: Workers | None = None,
    recompute: bool | None = None,
) -> OuterGradient:
    """Gradient of the mean meta-loss of whole unrolls with respect to θ.

    Args:
        optimizer: the learned optimizer.
        problems: the batch, in θ's dtype.
        steps: K, the unroll length.
        adjoint_clip: largest norm of each problem's adjoints at every inner step; None for the exact gradient.
        workers: threads to use; one for each core by default.
        recompute: keep only every √K-th state and recompute the others on the way back (memory ∝ √K, one more forward pass
            of the cell), or keep everything; by default whatever suits the memory that one problem takes.
    """
    compiled = CompiledOptimizer(optimizer)
    stride = stride_for(compiled, problems.dimension, steps, recompute)

    def work(span: tuple[int, int], space: Workspace) -> tuple[Tensor, dict[str, Tensor]]:
        part = problems.part(*span)
        losses, gradients, _ = window_gradient(
            compiled, part, begin(compiled, part), steps, adjoint_clip, space, stride
        )
        return losses, gradients

    spans = blocks(problems.count, compiled.bytes(problems.dimension, steps, stride))
    done = (workers or Workers()).map(work, spans)
    losses = torch.cat([losses for losses, _ in done])
    sums = {name: sum((part[name] for _, part in done), torch.zeros(())) for name in optimizer.theta}
    return OuterGradient(losses, {name: (total / problems.count).to(losses.dtype) for name, total in sums.items()})
