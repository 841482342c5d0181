"""Write the README's tables of results from the zoo's evaluations: ``.venv/bin/python -m tools.readme``."""

from pathlib import Path

from app.shared.catalog import TITLES
from core.evaluation.held_out import Evaluation, Score
from core.evaluation.out_of_distribution import Generalization
from core.evaluation.outcome import outcome_of
from core.files.atomic import read_json, write_bytes
from core.optimizers.hand_designed import BASELINES
from core.runs import zoo
from core.tasks import TASKS
from tools.marked import with_table

README = Path(__file__).resolve().parent.parent / "README.md"


def _meta_loss(score: Score | None, problems: int) -> str:
    if score is None:
        return "–"
    if score.meta_loss.mean is None or score.meta_loss.sem is None:
        return f"{score.diverged} of {problems} diverged"
    return f"{score.meta_loss.mean:.4f} ± {score.meta_loss.sem:.4f}"


def _steps(score: Score | None) -> str:
    if score is None or score.steps_to_target is None:
        return "–"
    median = score.steps_to_target.median
    return "never" if median is None else f"{median:g}"


def _failures(name: str) -> str:
    """The number of conditions where an entry fails out of distribution, and which."""
    path = zoo.ROOT / name / "out_of_distribution.json"
    if not path.exists():
        return "–"
    others = read_json(path, Generalization).conditions[1:]
    failed = [condition.name for condition in others if outcome_of(condition.evaluation).outcome == "worse"]
    return f"{len(failed)} of {len(others)}" + (f": {'; '.join(failed)}" if failed else "")


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _heading(*cells: str) -> list[str]:
    return [_line(*cells), "|" + "---|" * len(cells)]


def entries_table(evaluations: dict[str, Evaluation]) -> list[str]:
    """One line for each shipped optimizer: beside the best tuned one, with the better of the two in bold."""
    lines = _heading("task", "shipped optimizer", "learned", "best tuned", "steps", "fails out of distribution")
    for name, evaluation in evaluations.items():
        judged = outcome_of(evaluation)
        ours, best = (_meta_loss(score, evaluation.problems) for score in (judged.learned, judged.best))
        if judged.outcome == "better":
            ours = f"**{ours}**"
        elif judged.outcome == "worse":
            best = f"**{best}**"
        baseline = f"{best}, {TITLES[judged.baseline]}" if judged.baseline else "all diverge"
        steps = f"{_steps(judged.learned)} / {_steps(judged.best)}"
        lines.append(_line(TASKS[evaluation.task].title, f"`{name}`", ours, baseline, steps, _failures(name)))
    return lines


def baselines_table(evaluations: dict[str, Evaluation]) -> list[str]:
    """One line for each tuned optimizer, one column for each task."""
    by_task = {evaluation.task: evaluation for evaluation in evaluations.values()}
    columns = [by_task[task] for task in TASKS if task in by_task]
    lines = _heading("tuned", *(TASKS[evaluation.task].title for evaluation in columns))
    for name in BASELINES:
        if any(name in evaluation.optimizers for evaluation in columns):
            cells = (_meta_loss(evaluation.optimizers.get(name), evaluation.problems) for evaluation in columns)
            lines.append(_line(TITLES[name], *cells))
    return lines


def table() -> str:
    """Both tables."""
    names = [entry.name for entry in zoo.entries()]
    evaluations = {name: read_json(zoo.ROOT / name / "evaluation.json", Evaluation) for name in names}
    return "\n".join([*entries_table(evaluations), "", *baselines_table(evaluations)]) + "\n"


def updated(text: str) -> str:
    """The README with the current tables."""
    return with_table(text, table())


if __name__ == "__main__":
    write_bytes(README, updated(README.read_text(encoding="utf-8")).encode())
