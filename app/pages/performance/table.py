"""The table of numbers: a row for each optimizer, and its order by every column."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.pages.performance.view import SORTABLE, SORTS
from app.shared.catalog import TITLES
from app.shared.numbers import fraction, number, plus_minus
from core.evaluation.held_out import Evaluation, Score, StepsToTarget

HEADERS = {
    "optimizer": "Optimizer",
    "meta_loss": "Meta-loss",
    "final_loss": "Final loss, median",
    "steps_to_target": "Steps to target",
    "diverged": "Diverged",
    "hyperparameters": "Hyperparameters",
}
FRACTIONS = ("momentum", "decay", "beta1", "beta2")
assert set(SORTABLE) <= set(HEADERS)


@dataclass(frozen=True)
class Row:
    """One optimizer's numbers.

    Attributes:
        name: of the optimizer.
        cells: what is written in each column but the first.
        values: what each sortable column is sorted by; None comes last whatever the direction.
    """

    name: str
    title: str
    cells: Mapping[str, str]
    values: Mapping[str, float | str | None]


def rows(found: Evaluation, learned_title: str) -> list[Row]:
    """One row for each optimizer of an evaluation."""
    return [
        _row(name, learned_title if name == "learned" else TITLES[name], score, found)
        for name, score in found.optimizers.items()
    ]


def _row(name: str, title: str, score: Score, found: Evaluation) -> Row:
    hyperparameters = score.hyperparameters or {}
    written = ", ".join(f"{key.replace('_', ' ')} {_setting(key, value)}" for key, value in hyperparameters.items())
    return Row(
        name=name,
        title=title,
        cells={
            "meta_loss": plus_minus(score.meta_loss.mean, score.meta_loss.sem),
            "final_loss": number(score.final_loss.median),
            "steps_to_target": _steps(score.steps_to_target, found.problems),
            "diverged": f"{score.diverged} of {found.problems}",
            "hyperparameters": written or "trained, not tuned",
        },
        values={
            "optimizer": title,
            "meta_loss": score.meta_loss.mean,
            "final_loss": score.final_loss.median,
            "steps_to_target": score.steps_to_target.median if score.steps_to_target else None,
            "diverged": float(score.diverged),
        },
    )


def _setting(key: str, value: float) -> str:
    return fraction(value) if key in FRACTIONS else number(value)


def _steps(counted: StepsToTarget | None, problems: int) -> str:
    if counted is None:
        return "not counted"
    median = "half or more never" if counted.median is None else f"{counted.median:g}"
    return f"{median} ({counted.reached} of {problems} reach it)"


def orders(found: list[Row]) -> dict[str, list[str]]:
    """Names of the optimizers in each order the table can be sorted by."""
    result = {}
    for sort in SORTS:
        column = sort.removeprefix("-")
        known = [row for row in found if row.values[column] is not None]
        known.sort(key=lambda row: row.values[column], reverse=sort.startswith("-"))  # type: ignore[arg-type,return-value]
        result[sort] = [row.name for row in (*known, *(row for row in found if row.values[column] is None))]
    return result
