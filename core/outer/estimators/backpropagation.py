"""Back-propagation through whole unrolls, or through windows of them (truncated back-propagation through time)."""

import itertools
from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor

from core.optimizers.recurrent import RecurrentOptimizer
from core.outer.compiled import Workspace
from core.outer.distributed import Team
from core.outer.estimators.base import Estimator
from core.outer.gradient import OuterGradient, Window, Workers, begin, blocks, stride_for, window_gradient
from core.runs.config import RunConfig, window_length
from core.seeds import Purpose, generator

STAGGERED_GROUPS = 8


@final
class Backpropagation(Estimator):
    """The exact gradient of each window (unless adjoints are clipped), biased if windows are shorter than the unroll."""

    def __init__(self, config: RunConfig, workers: Workers, team: Team):
        staggered = window_length(config, 0) < config.unroll
        blank = {name: torch.zeros(shape) for name, shape in config.architecture.shapes().items()}
        compiled = workers.engine(RecurrentOptimizer(config.architecture, blank))
        rows = config.training_task().sample(1, generator(Purpose.TRAIN, 0)).dimension
        self.stride = stride_for(compiled, rows, config.unroll, config.recompute)
        spans = blocks(config.problems, compiled.bytes(rows, config.unroll, self.stride))
        if staggered:
            count = min(config.problems, max(STAGGERED_GROUPS, len(spans)))
            edges = [round(i * config.problems / count) for i in range(count + 1)]
            spans = list(itertools.pairwise(edges))
        super().__init__(config, workers, team, spans, staggered)
        largest = max(group.size for group in self.groups) * rows
        at_once = min(workers.threads, len(spans))
        self._needed = at_once * compiled.bytes(largest, config.unroll, self.stride)

    def bytes(self) -> int:
        return self._needed

    @property
    def unrolls(self) -> int:
        return 1

    def blank_memory(self) -> dict[str, Tensor]:
        return {}

    def estimate(self, theta: Mapping[str, Tensor], outer_step: int) -> OuterGradient:
        compiled = self.workers.engine(RecurrentOptimizer(self.config.architecture, theta))
        own = self.own(outer_step)
        problems = {i: self.problems_of(self.groups[i]) for i in own}
        lengths = {i: self.steps_of(self.groups[i], outer_step) for i in own}

        def work(i: int, space: Workspace) -> tuple[Tensor, dict[str, Tensor], Window]:
            windows = self.groups[i].windows
            window = windows[0] if windows else begin(compiled, problems[i])
            return window_gradient(
                compiled,
                problems[i],
                window,
                lengths[i],
                self.config.adjoint_clip,
                space,
                self.stride,
                self.config.objective,
            )

        done = dict(zip(own, self.workers.map(work, own), strict=True))
        sums = {
            name: torch.zeros(shape, dtype=torch.float64) for name, shape in self.config.architecture.shapes().items()
        }
        for i, (losses, gradients, after) in done.items():
            for name, total in gradients.items():
                sums[name] += total
            self.advance(self.groups[i], lengths[i], [after], [losses])
        return self.gather({i: losses for i, (losses, _, _) in done.items()}, sums, self.config.problems)
