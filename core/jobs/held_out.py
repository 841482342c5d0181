"""Evaluates a run on held-out problems while it trains, in a small share of the training time."""

import time
from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor

from core.evaluation.held_out import loss_curves, score
from core.interruption import Check, go_on
from core.optimizers.recurrent import RecurrentOptimizer
from core.outer.compiled import CompiledOptimizer, Workspace
from core.runs import zoo
from core.runs.config import RunConfig
from core.seeds import Purpose, generator
from core.tasks.bound import above_bound, loss_bound

BUDGET = 0.08  # share of the training time
MOST_PROBLEMS = 64
FORWARD = 0.4  # approximate share of an outer step's time that a forward pass takes
BASELINES_COST = 6  # approximate time of all tuned baselines together, in evaluations
LAST_LEVELS = 15.0  # seconds allowed for the baselines after training
ROWS = 20_000  # approximate number of inner parameters in one batch
POINTS = 101  # of the loss curve
SPACING = 1.5, 0.02  # seconds between two evaluations, at least; and as a share of the training time


def _curve(losses: Tensor) -> dict[str, list[Any]]:
    """f(x_k)/f(x_0) of the first problem [K + 1] at no more than ``POINTS`` steps; None where it is not finite."""
    steps = len(losses) - 1
    chosen = sorted({round(steps * i / (POINTS - 1)) for i in range(POINTS)})
    relative = (losses[:, 0] / losses[0, 0])[chosen]
    values = [
        float(f"{value:.4g}") if finite else None
        for value, finite in zip(relative.tolist(), torch.isfinite(relative).tolist(), strict=True)
    ]
    return {"inner_step": chosen, "relative_loss": values}


@final
class HeldOut:
    """Evaluates θ from time to time on held-out problems of the run's task and unroll length, within a time budget.

    Args:
        config: of the run.
        check: called at every inner step; what it raises ends an evaluation.
    """

    def __init__(self, config: RunConfig, check: Check = go_on):
        self.config, self.check = config, check
        task = config.make_task()
        dimension = task.sample(1, generator(Purpose.EVALUATE, config.seed)).dimension
        count = max(2, min(MOST_PROBLEMS, config.problems * 2, ROWS // dimension))
        drawn = task.sample(count, generator(Purpose.EVALUATE, config.seed))
        self.problems = above_bound(drawn, loss_bound(task))
        self.spent = 0.0
        self.trained = 0.0  # seconds of training so far
        self.last = 0.0  # value of ``trained`` at the last evaluation
        self.cost: float | None = None
        self.levels_due = True

    def saw(self, seconds: float) -> None:
        """Record the time of an outer step."""
        self.trained += seconds
        if self.cost is None:  # before the first one: a forward pass is cheaper than an outer step
            self.cost = FORWARD * seconds * self.problems.count / self.config.problems

    def due(self, *, last: bool = False) -> bool:
        """Whether to evaluate now.

        Args:
            last: whether training is over.
        """
        cost = self.cost or 0.0
        if last:
            return cost <= max(1.0, 0.1 * self.trained)
        spaced = self.trained - self.last >= max(SPACING[0], SPACING[1] * self.trained) or self.last == 0
        return spaced and self.spent + cost <= BUDGET * self.trained

    def baselines_due(self, *, last: bool = False) -> bool:
        """Whether to evaluate the tuned baselines now.

        Args:
            last: whether training is over.
        """
        cost = BASELINES_COST * (self.cost or 0.0)
        if last:
            return self.levels_due and cost <= max(LAST_LEVELS, 0.25 * self.trained)
        return self.levels_due and self.last > 0 and self.spent + cost <= BUDGET * self.trained

    def evaluate(self, theta: Mapping[str, Tensor]) -> dict[str, Any]:
        """Mean meta-loss, its standard error (None if a problem diverged), and the loss curve of one problem."""
        began = time.perf_counter()
        fixed = {name: tensor.detach() for name, tensor in theta.items()}
        compiled = CompiledOptimizer(RecurrentOptimizer(self.config.architecture, fixed))
        x0 = self.problems.x0
        with torch.no_grad():
            start = compiled.initial_state(x0.numel())
            losses, _, _ = compiled.advance(self.problems, x0, start, self.config.unroll, Workspace(check=self.check))
        summary = self._summary(losses)
        self.cost = time.perf_counter() - began
        self.spent += self.cost
        self.last = self.trained
        return {**summary, "curve": _curve(losses)}

    def baselines(self) -> dict[str, Any]:
        """Scores of the tuned baselines on the same problems, by name; empty if none is tuned for the task."""
        self.levels_due = False
        began = time.perf_counter()
        scores = {}
        for name, optimizer in zoo.baselines(self.config.task).items():
            losses = loss_curves(optimizer, self.problems, self.config.unroll, check=self.check)
            scores[name] = {**self._summary(losses), "curve": _curve(losses)}
        self.spent += time.perf_counter() - began
        return scores

    def _summary(self, losses: Tensor) -> dict[str, Any]:
        scored = score(losses, curve_steps=[0])
        return {
            "meta_loss": scored.meta_loss.mean,
            "sem": scored.meta_loss.sem,
            "diverged": scored.diverged,
            "problems": self.problems.count,
        }
