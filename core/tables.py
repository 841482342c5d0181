"""Comparisons as plain tables, for the command line."""

from core.evaluation.held_out import Evaluation, Score
from core.evaluation.out_of_distribution import Condition, Generalization
from core.evaluation.outcome import outcome_of
from core.evaluation.snapshots import SnapshotScore, SnapshotScores
from core.mechanisms.ablation import TITLES, Ablation
from core.mechanisms.report import Report

WORDS = {"better": "below every baseline", "tied": "tied with the best baseline", "worse": "FAILS here"}


def number(value: float | None) -> str:
    """Four significant digits; a dash for None."""
    return "–" if value is None else f"{value:.4g}"


def _steps(score: Score) -> str:
    timed = score.steps_to_target
    if timed is None:
        return "–"
    return f"{'never' if timed.median is None else format(timed.median, 'g')} ({timed.reached})"


def evaluation_table(evaluation: Evaluation) -> str:
    """A line about the problems, a heading, and a line for each optimizer."""
    heading = f"{evaluation.task}: {evaluation.problems} held-out problems, {evaluation.steps} inner steps"
    if evaluation.target is not None:
        heading += f"; steps are the median to {evaluation.target:g} of the first loss (problems that reach it)"
    columns = f"{'optimizer':<18}{'meta-loss':>11}{'± s.e.':>11}{'median final loss':>20}{'steps':>14}{'diverged':>10}"
    lines = [heading, columns]
    for name, score in evaluation.optimizers.items():
        mean, sem, final = (
            number(value) for value in (score.meta_loss.mean, score.meta_loss.sem, score.final_loss.median)
        )
        lines.append(f"{name:<18}{mean:>11}{sem:>11}{final:>20}{_steps(score):>14}{score.diverged:>10}")
    return "\n".join(lines)


def snapshot_table(scores: SnapshotScores) -> str:
    """A heading, and a line for each snapshot."""
    lines = [f"{scores.task}: {scores.problems} held-out problems", f"{'outer step':>10}{'meta-loss':>24}"]
    return "\n".join([*lines, *(f"{step:>10}{_result(one):>24}" for step, one in scores.snapshots.items())])


def _result(score: Score | SnapshotScore | None) -> str:
    if score is None:
        return "–"
    if score.meta_loss.mean is None:
        return f"{score.diverged} diverged"
    return f"{number(score.meta_loss.mean)} ± {number(score.meta_loss.sem)}"


def _line(condition: Condition) -> str:
    judged = outcome_of(condition.evaluation)
    baseline = judged.baseline or "all baselines diverge"
    return (
        f"{condition.name:<30}{condition.evaluation.problems:>9}{_result(judged.learned):>24}"
        f"{_result(judged.best):>24}  {baseline:<20}{WORDS[judged.outcome]}"
    )


def generalization_table(results: Generalization) -> str:
    """A heading, and a line for each condition: the learned optimizer, the best baseline, and the outcome."""
    columns = f"{'condition':<30}{'problems':>9}{'learned':>24}{'best baseline':>24}  {'which':<20}outcome"
    failures = sum(outcome_of(condition.evaluation).outcome == "worse" for condition in results.conditions)
    last = f"fails under {failures} of {len(results.conditions)} conditions: it is above the best baseline by more than both"
    lines = [columns, *(_line(condition) for condition in results.conditions), f"{last} standard errors, or diverges"]
    return "\n".join(lines)


def _ablation(ablation: Ablation) -> str:
    ratio = ablation.ratio
    if ratio is None or ratio.median is None:
        against = "–" if ratio is None else "diverges"
    else:
        against = f"× {ratio.median:.4g} ({number(ratio.low)} to {number(ratio.high)})"
    return f"  {TITLES[ablation.name]:<28}{number(ablation.median):>11}{against:>32}{ablation.diverged:>10}"


def report_table(report: Report) -> str:
    """Every mechanism in sentences, the closed loop, and the ablations if they were run."""
    lines = [f"{report.optimizer} on {report.task}"]
    names = ("momentum", "clipping", "schedule", "adaptation", "weight_decay", "coupling", "closed_loop")
    lines += [f"{name.replace('_', ' '):<13}{' '.join(getattr(report, name).sentences)}" for name in names]
    if report.interventions is not None:
        lines.append(f"meta-loss on {report.interventions.problems} held-out problems with one mechanism switched off:")
        lines.append(f"  {'variant':<28}{'median':>11}{'ratio to as it is (95 %)':>32}{'diverged':>10}")
        lines += [_ablation(ablation) for ablation in report.interventions.ablations]
        lines += [f"  {TITLES[name]}: {why}" for name, why in report.interventions.without.items()]
    return "\n".join(lines)
