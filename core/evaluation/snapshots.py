"""Scores every snapshot of a learned optimizer on the same held-out problems."""

from collections.abc import Callable, Iterable

from pydantic import BaseModel, ConfigDict

from core.evaluation.held_out import STEPS, MetaLoss, loss_curves, score
from core.evaluation.out_of_distribution import problems_for
from core.optimizers.base import Optimizer
from core.seeds import Purpose, generator
from core.tasks import Task

FILE = "evaluation_snapshots.json"  # beside a run's evaluation.json


class SnapshotScore(BaseModel):
    """The score of one snapshot.

    Attributes:
        meta_loss: mean over problems and its standard error; None if any problem diverged.
        diverged: problems on which any loss was not finite.
    """

    model_config = ConfigDict(extra="forbid")

    meta_loss: MetaLoss
    diverged: int


class SnapshotScores(BaseModel):
    """The scores of a run's snapshots.

    Attributes:
        task: name of the task.
        problems: number of held-out problems.
        seed: of those problems.
        steps: K, the unroll length.
        snapshots: by outer step.
    """

    model_config = ConfigDict(extra="forbid")

    task: str
    problems: int
    seed: int
    steps: int
    snapshots: dict[int, SnapshotScore]


def score_snapshots(
    task: Task,
    optimizers: Iterable[tuple[int, Optimizer]],
    *,
    problems: int = 128,
    seed: int = 0,
    steps: int = STEPS,
    on_snapshot: Callable[[int], None] | None = None,
) -> SnapshotScores:
    """Score snapshots on held-out problems; fewer problems than asked for where a problem has many parameters.

    Args:
        task: the task of the problems.
        optimizers: outer steps, each with its optimizer.
        problems: number of problems, at least 2.
        seed: of the problems.
        steps: K, the unroll length in inner steps.
        on_snapshot: called with its outer step after each snapshot.

    Raises:
        InputError: fewer than two problems.
    """
    count = problems_for(task, problems)
    batch = task.sample(count, generator(Purpose.EVALUATE, seed))
    scores = {}
    for outer_step, optimizer in optimizers:
        scored = score(loss_curves(optimizer, batch, steps), curve_steps=[0])
        scores[outer_step] = SnapshotScore(meta_loss=scored.meta_loss, diverged=scored.diverged)
        if on_snapshot is not None:
            on_snapshot(outer_step)
    return SnapshotScores(task=task.name, problems=count, seed=seed, steps=steps, snapshots=scores)
