"""A learned optimizer and its rivals out of distribution: longer unrolls, other problems, other tasks.

The rivals keep the hyperparameters tuned for the task the learned optimizer was trained on. That is like for like: both
were fitted to that task, and both now meet what they were not fitted to. On another task the best hand-designed optimizer
of that other task is therefore not among them; it is in the evaluations of the optimizers trained on it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from core.errors import choose
from core.evaluation.held_out import STEPS, Evaluation, compare
from core.optimizers.base import Optimizer
from core.seeds import Purpose, generator
from core.tasks import TASKS, Task, make_task, other_problems

LONGER = 5  # times the unroll length
LARGE = 1000  # inner parameters: with more, a condition has FEW problems
FEW = 32
POINTS = 51  # of a kept curve: 12 conditions of 8 optimizers stay small


@dataclass(frozen=True)
class Plan:
    """A condition to try.

    Attributes:
        name: as in tables and figures.
        group: what kind of difference from training it is, such as "unroll", "size" or "task".
        task: to draw the problems from.
        steps: K, the unroll length.
    """

    name: str
    group: str
    task: Task
    steps: int = STEPS


def plans(task: str) -> list[Plan]:
    """What an optimizer trained on a task is tried on, its own task as trained first.

    Raises:
        InputError: unknown task.
    """
    choose("task", task, TASKS)
    own = make_task(task)
    found = [Plan("as trained", "trained", own), Plan(f"{LONGER} × longer", "unroll", own, LONGER * STEPS)]
    found += [Plan(v.name, v.difference, make_task(task, v.parameters)) for v in other_problems(task)]
    return found + [Plan(cls.title, "task", cls()) for name, cls in TASKS.items() if name != task]


class Condition(BaseModel):
    """One condition: what differs from training, and how everybody did.

    Attributes:
        name: as in tables and figures.
        group: what kind of difference from training it is.
        evaluation: the comparison.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    group: str
    evaluation: Evaluation


class Generalization(BaseModel):
    """Out-of-distribution results; the first condition is the task as trained.

    Attributes:
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
    """Try optimizers of one task under every condition of `plans`.

    Args:
        task: what the optimizers were trained and tuned on.
        optimizers: by name, the learned one as "learned".
        outer_step: of the learned optimizer's snapshot.
        problems: how many a condition; where they have more than 1000 parameters, 32 at most.
        seed: of the problems.
        target: the f(x_k)/f(x_0) to reach on that task; other tasks have their own usual one.
        on_condition: called with each result and how many there will be.

    Raises:
        InputError: unknown task, or fewer than two problems.
    """
    planned = plans(task)
    found = []
    for plan in planned:
        large = plan.task.sample(1, generator(Purpose.EVALUATE, seed)).dimension > LARGE
        evaluation = compare(
            plan.task,
            optimizers,
            problems=min(problems, FEW) if large else problems,
            seed=seed,
            steps=plan.steps,
            target=target if plan.task.name == task else None,
            points=POINTS,
            outer_step=outer_step,
        )
        found.append(Condition(name=plan.name, group=plan.group, evaluation=evaluation))
        if on_condition is not None:
            on_condition(found[-1], len(planned))
    return Generalization(outer_step=outer_step, seed=seed, conditions=found)
