"""Outer training of a formula's numbers on its task: Adam along the exact gradient of the meta-loss."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from core.distil.compiled import losses_of, meta_gradient
from core.distil.scales import to_raw, values_of
from core.errors import TrainingError
from core.meta_loss import meta_loss
from core.optimizers.formula import Formula, Structure
from core.optimizers.formula.structure import KNOTS
from core.outer.kernels.small import known
from core.seeds import Purpose, generator
from core.tasks.base import Problems, Task, is_large

HALVINGS = 10  # of the learning rate at most, where problems diverge at the start
RATES = ("rate", "rate_last", *(f"rate_{knot}" for knot in KNOTS))
SKIPS_IN_A_ROW = 50  # outer steps in a row without a finite gradient after which training ends
FIRST, SECOND, EPSILON = 0.9, 0.999, 1e-8  # Adam's constants
JITTER = 0.05  # standard deviation of what a seed adds to the raw numbers it starts from
LARGE_PROBLEMS = 4  # at most, in a batch
LARGE_CLIP = (
    0.002  # and adjoints are clipped at this share: their unrolls are chaotic, and with 1 the direction is wrong
)
SELECTING = 2**31  # the seed of those problems
LOOK_EVERY = 20  # outer steps between scores; the best numbers count, for the last ones may stand at an edge
SCORED = 512  # problems that select between starts and rungs
LARGE_SCORED = 16  # of them, where a problem has many inner parameters


@dataclass(frozen=True)
class Budget:
    """How every rung is trained.

    Attributes:
        outer_steps: updates of the numbers, from the best start.
        problems: in the batch of one outer step.
        unroll: inner steps.
        learning_rate: of Adam on the raw numbers, at the start; it halves four times.
        gradient_clip: largest norm of the outer gradient.
        adjoint_clip: largest norm of each problem's adjoints at every inner step, of which tasks with many inner parameters have a small share;
            None for the exact gradient.
        trial: share of the outer steps that each start gets before the best one goes on.
    """

    outer_steps: int = 1000
    problems: int = 64
    unroll: int = 200
    learning_rate: float = 0.06
    gradient_clip: float = 0.1
    adjoint_clip: float | None = 1.0
    trial: float = 0.05


LARGE_STEPS = 24  # outer steps by default where a problem has many inner parameters: a second and more each


def budget_for(task: Task) -> Budget:
    """How formulas of a task are trained by default: with 1000 outer steps, or 24 where a problem has more than 1000 parameters."""
    return Budget(outer_steps=LARGE_STEPS) if is_large(task) else Budget()


@dataclass
class Trained:
    """A formula that was trained.

    Attributes:
        formula: the formula.
        meta_loss: on a batch of training problems that no outer step used; infinite where a problem diverged.
        curve: mean meta-loss of every outer step.
        diverged: problems whose losses were not finite, over all outer steps.
        skipped: outer steps without a finite gradient.
    """

    formula: Formula
    meta_loss: float
    curve: list[float] = field(default_factory=list)
    diverged: int = 0
    skipped: int = 0


class _Adam:
    """Adam on a vector."""

    def __init__(self, size: int):
        self.m, self.s, self.count = np.zeros(size), np.zeros(size), 0

    def step(self, gradient: np.ndarray, rate: float) -> np.ndarray:
        self.count += 1
        self.m = FIRST * self.m + (1 - FIRST) * gradient
        self.s = SECOND * self.s + (1 - SECOND) * gradient**2
        first, second = 1 - FIRST**self.count, 1 - SECOND**self.count
        return np.asarray(-rate * (self.m / first) / (np.sqrt(self.s / second) + EPSILON))


class _Training:
    """One training that can be continued."""

    def __init__(self, task: Task, structure: Structure, raw: np.ndarray, budget: Budget, seed: int):
        self.task, self.structure, self.budget, self.seed = task, structure, budget, seed
        self.raw, self.adam = raw.copy(), _Adam(len(raw))
        share = LARGE_CLIP if is_large(task) else 1.0
        self.clip = None if budget.adjoint_clip is None else share * budget.adjoint_clip
        self.best, self.best_score = raw.copy(), math.inf
        self.done = self.skips = 0
        self.looked = -1  # the step of the last score
        self.result = Trained(Formula(structure, values_of(structure, raw)), math.inf)

    def run(self, until: int, on_step: Callable[[], None]) -> None:
        """Outer steps until so many are done, or until too many in a row had no finite gradient; then look."""
        budget = self.budget
        while self.done < until:
            problems = training_problems(self.task, self.seed, self.done + 1, budget.problems)
            outer = meta_gradient(self.structure, self.raw, problems, budget.unroll, self.clip)
            norm = float(outer.gradient.norm())
            self.result.curve.append(float(outer.meta_losses.mean()))
            self.result.diverged += int((~torch.isfinite(outer.meta_losses)).sum())
            if math.isfinite(norm):
                scale = min(1.0, budget.gradient_clip / max(norm, 1e-30))
                rate = budget.learning_rate * 0.5 ** (4 * self.done / budget.outer_steps)
                self.raw += self.adam.step(scale * outer.gradient.numpy(), rate)
                self.skips = 0
            else:  # back to where nothing diverged, if that is known
                self.raw, self.adam = self.best.copy(), _Adam(len(self.raw))
                self.result.skipped += 1
                self.skips += 1
                if self.skips >= SKIPS_IN_A_ROW:
                    break
            self.done += 1
            if self.done % LOOK_EVERY == 0:
                self.look()
            on_step()
        self.look()

    @cached_property
    def _selecting(self) -> Problems:
        return training_problems(self.task, SELECTING, 0, SCORED, LARGE_SCORED)

    def calm(self) -> None:
        """Look at the start; while a problem diverges there, halve the learning rate."""
        rates = np.array([name in RATES for name in self.structure.parameters])
        for _ in range(HALVINGS + 1):
            self.look()
            if math.isfinite(self.best_score):
                break
            self.raw -= math.log(2) * rates
            self.looked = -1

    def look(self) -> None:
        """Keep the numbers if they are the best so far; once a step."""
        if self.looked == self.done:
            return
        self.looked, score = self.done, self._score()
        if score < self.best_score:
            self.best, self.best_score = self.raw.copy(), score

    def _score(self) -> float:
        """The mean meta-loss on training problems that no outer step of any seed uses; infinite where one diverges."""
        formula = Formula(self.structure, values_of(self.structure, self.raw))
        mean = float(meta_loss(losses_of(formula, self._selecting, self.budget.unroll)).mean())
        return mean if math.isfinite(mean) else math.inf


def training_problems(task: Task, seed: int, outer_step: int, count: int, of_large: int = LARGE_PROBLEMS) -> Problems:
    """The training problems of one outer step, at most ``of_large`` large ones: in float64 where the task has compiled code."""
    first = task.sample(1, generator(Purpose.TRAIN, seed, outer_step), torch.float64)
    small = known(first, np.dtype(np.float64)) is not None
    count = min(count, of_large) if first.large else count
    return task.sample(count, generator(Purpose.TRAIN, seed, outer_step), torch.float64 if small else torch.float32)


def train(
    task: Task,
    structure: Structure,
    starts: Sequence[Mapping[str, float]],
    budget: Budget = Budget(),
    seed: int = 0,
    on_step: Callable[[], None] = lambda: None,
) -> Trained:
    """Train a formula's numbers on a task.

    Where a problem diverges at a start, its learning rate is halved until none does. Each start is trained for a share of the budget; the one
    with the lowest meta-loss on a fixed batch of training problems goes on. On the same batch the numbers are scored every `LOOK_EVERY` outer steps and at the end, and the best ones count.

    Args:
        task: the task.
        structure: the formula's parts.
        starts: numbers to start from, each with at least the names of ``structure.parameters``.
        budget: how long, with how many problems.
        seed: of the training problems, and of the jitter of the starts.
        on_step: called after every outer step.

    Raises:
        TrainingError: no start has a finite meta-loss, even with a rate a thousand times lower.
    """
    source = np.random.default_rng(int(generator(Purpose.INITIALIZE, seed).initial_seed() % 2**63))
    trainings = []
    for start in starts:
        raw = to_raw(structure, start)
        trainings.append(_Training(task, structure, raw + JITTER * source.standard_normal(len(raw)), budget, seed))
    trial = round(budget.trial * budget.outer_steps) if len(trainings) > 1 else 0
    for training in trainings:
        training.calm()
        training.run(trial, on_step)
    best = min(trainings, key=lambda training: training.best_score, default=None)
    if best is None or not math.isfinite(best.best_score):
        raise TrainingError("the formula diverges from every start: no training is possible")
    best.run(budget.outer_steps, on_step)
    best.result.formula = Formula(structure, values_of(structure, best.best))
    best.result.meta_loss = best.best_score
    return best.result
