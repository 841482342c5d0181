"""The sentences under each figure: what is drawn, and what to look for, with numbers from the data."""

import numpy as np

from app.pages.performance.data import Curve, Landscape, Results
from app.pages.performance.figures.shift import CEILING as BEYOND
from app.pages.performance.figures.tuning import CEILING, MEMORIES, memory_of, sort_draws
from app.pages.performance.table import title_of
from app.shared.catalog import TITLES
from app.shared.numbers import counted, number, plus_minus, ratio
from core.evaluation.held_out import Evaluation, MetaLoss
from core.evaluation.out_of_distribution import Generalization
from core.evaluation.outcome import Outcome, best_baseline, outcome_of
from core.mechanisms.wording import listed
from core.optimizers.hand_designed import BASELINES
from core.tasks import TASKS

Sentences = list[str]
LISTED = 3  # other seeds at most whose numbers are all named


def _value(loss: MetaLoss) -> str:
    return plus_minus(loss.mean, loss.sem)


def _against(judged: Outcome, title: str) -> str:
    """The learned optimizer's meta-loss beside the best baseline's."""
    ours = judged.learned.meta_loss
    if ours.mean is None:
        return f"{title} diverges on {counted(judged.learned.diverged, 'problem')}, so it has no mean meta-loss"
    if judged.baseline is None or judged.best is None or judged.best.meta_loss.mean is None:
        return f"{title} reaches {_value(ours)}, and every tuned baseline diverges on some problem"
    theirs = judged.best.meta_loss
    assert theirs.mean is not None
    baseline = TITLES[judged.baseline]
    return f"{title} reaches {_value(ours)}, {ratio(ours.mean, theirs.mean)} the best tuned baseline, {baseline} ({_value(theirs)})"


def curves(results: Results, pictured: bool) -> Sentences:
    """Under a task's picture and loss curves."""
    evaluation = results.evaluation
    picture = "at the top, one of its problems and the learned optimizer's path to the minimum (star)"
    if not pictured:
        picture = "at the top, the data that the trained network learns to separate"
    drawn = (
        f"Mean loss relative to the first over {counted(evaluation.problems, 'held-out problem')}, with bands of one "
        f"standard error; {picture}."
    )
    look = f"By meta-loss, the mean of a curve, {_against(outcome_of(evaluation), results.subject.title)}"
    means = [other.optimizers["learned"].meta_loss.mean for other in results.siblings.values()]
    if means:
        finite = sorted(mean for mean in means if mean is not None)
        ranged = len(finite) == len(means) > LISTED
        several = f"{number(finite[0])} to {number(finite[-1])}" if ranged else listed([number(mean) for mean in means])
        look += f"; trained from {counted(len(means), 'other seed')} (thin lines) it reaches {several}"
    return [drawn, look + "."]


def table(results: Results) -> Sentences:
    """Under the table of numbers."""
    evaluation = results.evaluation
    drawn = f"{counted(evaluation.problems, 'held-out problem')} (seed {evaluation.seed}) with {evaluation.steps} inner steps"
    if evaluation.target is not None:
        share = f"{evaluation.target:g}"
        drawn += f"; steps to target is the median over problems of the first step with a loss of at most {share} of the first"
    scores = results.scores.optimizers
    finals = {n: s.final_loss.median for n, s in scores.items() if s.final_loss.median is not None}
    parts = []
    if finals:
        lowest = min(finals, key=lambda name: finals[name])
        parts.append(f"{_title(results, lowest)} ends lowest, with a median loss of {number(finals[lowest])}")
    counts = {n: s.steps_to_target.median for n, s in scores.items() if s.steps_to_target is not None}
    reached = {name: median for name, median in counts.items() if median is not None}
    if reached:
        first = min(reached, key=lambda name: reached[name])
        parts.append(f"{_title(results, first)} reaches the target first, after {reached[first]:g} steps")
    diverged = [_title(results, n) for n, s in scores.items() if s.diverged]
    parts.append(f"{listed(diverged)} diverged on some problem" if diverged else "none diverged")
    sentences = [f"{drawn}.", f"{'; '.join(parts)}."]
    missing = [TITLES[name] for name in BASELINES if name not in scores]
    if missing:
        sentences.append(f"Not in this evaluation, since not tuned at the time: {listed(missing)}.")
    if results.repaired is not None:
        sentences.append(
            "Repaired: the same optimizer, fed the gradient plus the one at which its closed loop rests, so that it rests at the minimum."
        )
    return sentences


def _title(results: Results, name: str) -> str:
    return title_of(name, results.subject.title)


def tuning(landscape: Landscape, results: Results) -> Sentences:
    """Under the tuning landscape."""
    tuned, draws = landscape.tuned, landscape.draws
    name = TITLES[tuned.optimizer]
    kinds = sort_draws(draws)
    memory = memory_of(draws)
    colour = f", coloured by {MEMORIES[memory]} ({memory.replace('_', ' ')})" if memory else ""
    count = len(draws["meta_loss"])
    drawn = f"Each point is one of {counted(count, 'draw')} of {name}'s hyperparameters{colour}; the star is the best"
    if kinds.fewer.any():
        drawn += f", small points are draws that were dropped before they had run on all {int(draws['problems'].max())} problems"
    if kinds.bound.any():
        drawn += f", triangles are lower bounds of {counted(int(kinds.bound.sum()), 'draw')} given up early"
    drawn += f", and the line is {results.subject.title} on held-out problems."
    near = kinds.whole & (draws["meta_loss"] <= 1.1 * tuned.meta_loss)
    rates = draws["learning_rate"][near]
    look = (
        f"{counted(int(kinds.diverged.sum()), 'draw')} diverged and {int(kinds.above.sum()):,} ended above "
        f"{CEILING:g}; {int(near.sum()):,} came within 10 % of the best, {number(tuned.meta_loss)}"
    )
    if len(rates) > 1:
        look += f", with learning rates from {number(rates.min(), 2)} to {number(rates.max(), 2)}"
    ours = results.evaluation.optimizers["learned"].meta_loss.mean
    if ours is not None:
        below = int((kinds.whole & (draws["meta_loss"] < ours)).sum())
        look += f", and {'none' if below == 0 else f'{below:,}'} below the line"
    return [drawn, look + "."]


def problems_of(results: Generalization) -> str:
    """How many problems the conditions have: "128" or "32 to 128"."""
    counts = sorted({condition.evaluation.problems for condition in results.conditions})
    return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def shift(results: Generalization, title: str) -> Sentences:
    """Under the out-of-distribution results: what is drawn, where the optimizer fails, where it is better."""
    drawn = (
        f"Mean meta-loss on {problems_of(results)} problems under each condition, with bars of one standard error; the tuned baselines keep "
        "their hyperparameters from the training task, and the learned optimizer fails in the shaded rows."
    )
    means = [score.meta_loss.mean for c in results.conditions for score in c.evaluation.optimizers.values()]
    if any(mean is None or mean > BEYOND for mean in means):
        drawn += f" Optimizers above {BEYOND:g} (▸) and those that diverged on any problem (✗) are at the right."
    judged = {condition.name: outcome_of(condition.evaluation) for condition in results.conditions[1:]}
    failed = {name: v for name, v in judged.items() if v.outcome == "worse"}
    better = [name for name, v in judged.items() if v.outcome == "better"]
    tied = [name for name, v in judged.items() if v.outcome == "tied"]
    total = counted(len(judged), "other condition")
    if failed:
        fails = f"{title} fails on {len(failed)} of {total}: {listed([_failure(n, v) for n, v in failed.items()])}."
    else:
        fails = f"{title} fails on none of {total}."
    parts = [
        f"It is better than every baseline on {listed(better)}"
        if better
        else "It is better than every baseline on none of them"
    ]
    if tied:
        parts.append(f"tied with the best on {listed(tied)}")
    return [drawn, fails, f"{', and '.join(parts)}."]


def _failure(name: str, judged: Outcome) -> str:
    ours = judged.learned.meta_loss.mean
    what = f"diverges on {counted(judged.learned.diverged, 'problem')}" if ours is None else number(ours)
    if judged.baseline is None or judged.best is None:
        return f"{name} ({what})"
    return f"{name} ({what}; {TITLES[judged.baseline]} {number(judged.best.meta_loss.mean)})"


def outer(results: Results) -> Sentences:
    """Under the outer training curve."""
    config, evaluation, curve = results.run.config, results.evaluation, results.curve
    seeds = ", thin for other seeds" if results.siblings else ""
    drawn = (
        f"Meta-loss of {counted(len(curve.outer_step), 'outer step')} on fresh batches of "
        f"{counted(config.problems, 'problem')} (faint) and its running median{seeds}; lines are the tuned baselines. "
        "Dots are snapshots at their mean meta-loss on held-out problems, with one standard error. Click a dot to open that snapshot in Explore."
    )
    look = _passed(curve, evaluation, results.subject.title)
    lost = int((~np.isfinite(curve.meta_loss)).sum())
    look += f"; {counted(lost, 'outer step')} had a meta-loss that is not finite" if lost else ""
    look += f"; {counted(curve.skipped, 'update')} had to be skipped" if curve.skipped else ""
    if config.unroll != evaluation.steps:
        look += (
            f"; it trained on unrolls of {config.unroll} steps and the lines are for {evaluation.steps}, so they are only "
            "roughly comparable"
        )
    return [drawn, look + "."]


def _passed(curve: Curve, evaluation: Evaluation, title: str) -> str:
    """The outer step from which the curve stays below the best baseline."""
    best = best_baseline(evaluation.optimizers)
    if best is None or len(curve.smooth) == 0:
        return f"There is nothing to compare {title}'s training with"
    level = evaluation.optimizers[best].meta_loss.mean or 0.0
    above = np.flatnonzero(~(curve.smooth < level))
    line = f"the lowest line, {TITLES[best]}'s {number(level)}"
    if len(above) and above[-1] == len(curve.smooth) - 1:
        return f"{title}'s running median ends at {number(float(curve.smooth[-1]))}, not below {line}"
    since = int(curve.outer_step[above[-1]]) if len(above) else 0
    return f"{title}'s running median stays below {line} from outer step {since:,} onwards"


def task_title(name: str) -> str:
    """A task's title in menus."""
    return TASKS[name].title
