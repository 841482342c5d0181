"""Persistent evolution strategies (PES; Vicol, Metz & Sohl-Dickstein 2021, arXiv 2112.13835), antithetic.

Every group runs its problems twice, with θ + ε and θ − ε. Over the windows of one unroll a group sums its perturbations ξ = Σ ε, and
its estimate for a window is ξ (L⁺ − L⁻) / (2σ²). It is unbiased (for the smoothed meta-loss) for windows of any length, smooth where the
exact gradient explodes, and noisy. With windows as long as the unroll, it is plain antithetic evolution strategies.
"""

import itertools
from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor

from core.meta_loss import heights, objective
from core.optimizers.recurrent import RecurrentOptimizer
from core.outer.compiled import Workspace
from core.outer.distributed import Team
from core.outer.estimators.base import Estimator
from core.outer.gradient import OuterGradient, Window, Workers, begin
from core.runs.config import RunConfig, window_length
from core.seeds import Purpose, generator


@final
class Evolution(Estimator):
    """Antithetic pairs of perturbed optimizers, each pair with its own problems."""

    def __init__(self, config: RunConfig, workers: Workers, team: Team):
        pairs = min(config.pairs, config.problems)
        edges = [round(i * config.problems / pairs) for i in range(pairs + 1)]
        staggered = window_length(config, 0) < config.unroll
        super().__init__(config, workers, team, list(itertools.pairwise(edges)), staggered)

    def bytes(self) -> int:
        rows = self.task.sample(1, generator(Purpose.TRAIN, 0)).dimension * self.config.problems
        return (
            4 * rows * self.config.architecture.shapes()["initial_state"][0] * (2 + 8)
        )  # both signs, and working memory

    @property
    def unrolls(self) -> int:
        return 2

    def blank_memory(self) -> dict[str, Tensor]:
        return {f"perturbation.{name}": torch.zeros(shape) for name, shape in self.config.architecture.shapes().items()}

    def _noise(self, outer_step: int, pair: int) -> dict[str, Tensor]:
        source = generator(Purpose.PERTURB, self.config.seed, outer_step * len(self.groups) + pair)
        shapes = self.config.architecture.shapes()
        return {n: self.config.perturbation * torch.randn(s, generator=source) for n, s in shapes.items()}

    def estimate(self, theta: Mapping[str, Tensor], outer_step: int) -> OuterGradient:
        own = self.own(outer_step)
        problems = {i: self.problems_of(self.groups[i]) for i in own}
        lengths = {i: self.steps_of(self.groups[i], outer_step) for i in own}
        noise = {i: self._noise(outer_step, i) for i in own}
        architecture = self.config.architecture

        def work(i: int, space: Workspace) -> tuple[list[Tensor], list[Tensor], list[Window]]:
            losses, minimized, after = [], [], []
            for sign in (0, 1):
                moved = {n: t.detach() + (1 - 2 * sign) * noise[i][n] for n, t in theta.items()}
                compiled = self.workers.engine(RecurrentOptimizer(architecture, moved))
                windows = self.groups[i].windows
                window = windows[sign] if windows else begin(compiled, problems[i])
                curve, x, state = compiled.advance(problems[i], window.x, window.state.copy(), lengths[i], space)
                start = heights(curve) if window.start_losses is None else window.start_losses
                counted = curve if window.start_losses is None else curve[1:]
                losses.append((counted / start).mean(0))
                minimized.append(objective(counted / start, self.config.objective).mean(0))
                after.append(Window(x, state, start))
            return losses, minimized, after

        done = dict(zip(own, self.workers.map(work, own), strict=True))
        shapes = architecture.shapes()
        sums = {name: torch.zeros(shape, dtype=torch.float64) for name, shape in shapes.items()}
        for i, (losses, minimized, after) in done.items():
            group = self.groups[i]
            so_far = {n: noise[i][n] + group.memory.get(f"perturbation.{n}", torch.zeros(())) for n in shapes}
            group.memory = {f"perturbation.{n}": value for n, value in so_far.items()}
            factor = (minimized[0] - minimized[1]).double().sum() / (2 * self.config.perturbation**2)
            for name, total in sums.items():
                total += so_far[name].double() * factor
            self.advance(group, lengths[i], after, losses)
        means = {i: (plus + minus) / 2 for i, ((plus, minus), _, _) in done.items()}
        return self.gather(means, sums, self.config.problems)
