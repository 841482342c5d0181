"""The table of numbers: a row for each optimizer, and the order of the rows for every column."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.pages.performance.view import SORTABLE, SORTS
from app.shared.catalog import TITLES
from app.shared.numbers import hyperparameters, number, plus_minus
from core.evaluation.held_out import Evaluation, Score, StepsToTarget

HEADERS = {
    "optimizer": "Optimizer",
    "meta_loss": "Meta-loss",
    "final_loss": "Final loss, median",
    "steps_to_target": "Steps to target",
    "diverged": "Diverged",
    "hyperparameters": "Hyperparameters",
}
assert set(SORTABLE) <= set(HEADERS)


@dataclass(frozen=True)
class Row:
    """One optimizer's numbers.

    Attributes:
        name: of the optimizer.
        cells: the text of each column except the first.
        values: the sort key of each sortable column; None comes last in both directions.
    """

    name: str
    title: str
    cells: Mapping[str, str]
    values: Mapping[str, float | str | None]


def rows(evaluation: Evaluation, learned_title: str) -> list[Row]:
    """One row for each optimizer of an evaluation."""
    return [
        _row(name, title_of(name, learned_title), score, evaluation) for name, score in evaluation.optimizers.items()
    ]


def title_of(name: str, learned_title: str = TITLES["learned"]) -> str:
    """The title of an optimizer's row."""
    own = {"learned": learned_title, "repaired": f"{learned_title}, repaired"}
    return own[name] if name in own else TITLES[name]


def _row(name: str, title: str, score: Score, evaluation: Evaluation) -> Row:
    written = hyperparameters(score.hyperparameters or {})
    return Row(
        name=name,
        title=title,
        cells={
            "meta_loss": plus_minus(score.meta_loss.mean, score.meta_loss.sem),
            "final_loss": number(score.final_loss.median),
            "steps_to_target": _steps(score.steps_to_target, evaluation.problems),
            "diverged": f"{score.diverged} of {evaluation.problems}",
            "hyperparameters": written or ("bias at rest removed" if name == "repaired" else "trained, not tuned"),
        },
        values={
            "optimizer": title,
            "meta_loss": score.meta_loss.mean,
            "final_loss": score.final_loss.median,
            "steps_to_target": score.steps_to_target.median if score.steps_to_target else None,
            "diverged": float(score.diverged),
        },
    )


def _steps(counted: StepsToTarget | None, problems: int) -> str:
    if counted is None:
        return "not counted"
    median = "never for half or more" if counted.median is None else f"{counted.median:g}"
    return f"{median} ({counted.reached} of {problems} reach it)"


def orders(table: list[Row]) -> dict[str, list[str]]:
    """The names of the optimizers in each order of the table."""
    result = {}
    for sort in SORTS:
        column = sort.removeprefix("-")
        known = [row for row in table if row.values[column] is not None]
        known.sort(key=lambda row: row.values[column], reverse=sort.startswith("-"))  # type: ignore[arg-type,return-value]
        result[sort] = [row.name for row in (*known, *(row for row in table if row.values[column] is None))]
    return result
