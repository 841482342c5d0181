"""A learned optimizer and its rivals out of distribution: the results as kept in ``out_of_distribution.json``."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from core.evaluation import Evaluation


class Condition(BaseModel):
    """One condition: what differs from training, and how everybody did.

    Attributes:
        name: as in tables and figures.
        group: what kind of difference it is.
        evaluation: the comparison.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    group: Literal["trained", "unroll", "conditioning", "size", "noise", "task"]
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
