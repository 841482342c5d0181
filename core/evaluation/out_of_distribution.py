"""Evaluates a learned optimizer and the tuned baselines out of distribution: longer unrolls, other problems, other tasks.

The baselines keep the hyperparameters tuned for the learned optimizer's training task. This is a fair comparison: both were fitted to
that task, and neither to the new condition. On another task, the baselines tuned for that task are therefore not included; they are in
the evaluations of the optimizers trained on it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from core.errors import choose
from core.evaluation.held_out import STEPS, Evaluation, compare
from core.optimizers.base import Optimizer
from core.tasks import TASKS, Task, is_large, make_task, other_problems

LONGER = 5  # times the unroll length
FEW = 32
POINTS = 51  # of a stored curve: 12 conditions of 8 optimizers stay small


@dataclass(frozen=True)
class Plan:
    """A condition to evaluate.

    Attributes:
        name: in tables and figures.
        group: the kind of difference from training, such as "unroll", "size" or "task".
        task: the task of the problems.
        steps: K, the unroll length.
    """

    name: str
    group: str
    task: Task
    steps: int = STEPS


def plans(task: str) -> list[Plan]:
    """The conditions for an optimizer trained on a task; the first is its own task as trained.

    Raises:
        InputError: unknown task.
    """
    choose("task", task, TASKS)
    own = make_task(task)
    conditions = [Plan("as trained", "trained", own), Plan(f"{LONGER} × longer", "unroll", own, LONGER * STEPS)]
    conditions += [Plan(v.name, v.difference, make_task(task, v.parameters)) for v in other_problems(task)]
    return conditions + [Plan(cls.title, "task", cls()) for name, cls in TASKS.items() if name != task]


def problems_for(task: Task, wanted: int) -> int:
    """How many problems of a task are run where many evaluations are to come: the number asked for, but few of large problems."""
    return min(wanted, FEW) if is_large(task) else wanted


class Condition(BaseModel):
    """One condition: the difference from training, and all scores.

    Attributes:
        name: in tables and figures.
        group: the kind of difference from training.
        evaluation: the comparison.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    group: str
    evaluation: Evaluation


class Generalization(BaseModel):
    """Out-of-distribution results; the first condition is the task as trained.

    Attributes:
        format: name of the file format.
        outer_step: of the learned optimizer's snapshot.
        seed: of the problems.
        conditions: at least one.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal["loptscope-generalization/1"] = "loptscope-generalization/1"
    outer_step: int
    seed: int
    conditions: list[Condition]


def generalize(
    task: str,
    optimizers: Mapping[str, Optimizer],
    *,
    outer_step: int,
    problems: int = 128,
    seed: int = 0,
    target: float | None = None,
    on_condition: Callable[[Condition, int], None] | None = None,
) -> Generalization:
    """Evaluate optimizers of one task under every condition of `plans`.

    Args:
        task: name of the task that the optimizers were trained and tuned on.
        optimizers: by name; the learned one as "learned".
        outer_step: of the learned optimizer's snapshot; stored with the result.
        problems: number for each condition; at most 32 if they have more than 1000 parameters.
        seed: of the problems.
        target: the f(x_k)/f(x_0) to reach on that task; other tasks use their defaults.
        on_condition: called with each result and the number of conditions.

    Returns:
        the comparison under each condition; the first is the task as trained.

    Raises:
        InputError: unknown task, or fewer than two problems.
    """
    planned = plans(task)
    conditions: list[Condition] = []
    for plan in planned:
        evaluation = compare(
            plan.task,
            optimizers,
            problems=problems_for(plan.task, problems),
            seed=seed,
            steps=plan.steps,
            target=target if plan.task.name == task else None,
            points=POINTS,
            outer_step=outer_step,
        )
        conditions.append(Condition(name=plan.name, group=plan.group, evaluation=evaluation))
        if on_condition is not None:
            on_condition(conditions[-1], len(planned))
    return Generalization(outer_step=outer_step, seed=seed, conditions=conditions)
