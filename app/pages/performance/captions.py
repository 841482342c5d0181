"""Two plain sentences under each figure: what is drawn, and what to look for, with the data's own numbers."""

import numpy as np

from app.pages.performance.data import Curve, Landscape, Results
from app.pages.performance.figures.shift import CEILING as BEYOND
from app.pages.performance.figures.tuning import CEILING, MEMORIES, memory_of, sort_draws
from app.shared.catalog import TITLES
from app.shared.numbers import counted, listed, number, plus_minus, ratio
from core.evaluation.held_out import Evaluation, MetaLoss
from core.evaluation.out_of_distribution import Generalization
from core.evaluation.outcome import Outcome, best_baseline, outcome_of
from core.tasks import TASKS

Sentences = list[str]


def _value(found: MetaLoss) -> str:
    return plus_minus(found.mean, found.sem)


def _against(judged: Outcome, title: str) -> str:
    """The learned optimizer's meta-loss beside the best rival's."""
    ours = judged.learned.meta_loss
    if ours.mean is None:
        return f"{title} diverges on {counted(judged.learned.diverged, 'problem')}, so it has no mean meta-loss"
    if judged.baseline is None or judged.best is None or judged.best.meta_loss.mean is None:
        return f"{title} reaches {_value(ours)}, and every tuned rival diverges on some problem"
    theirs = judged.best.meta_loss
    assert theirs.mean is not None
    baseline = TITLES[judged.baseline]
    return (
        f"{title} reaches {_value(ours)}, {ratio(ours.mean, theirs.mean)} the best rival, {baseline} ({_value(theirs)})"
    )


def curves(results: Results, pictured: bool) -> Sentences:
    """Under a task's picture and loss curves."""
    found = results.evaluation
    picture = "on top, one of its problems and the learned optimizer's path to the minimum (star)"
    if not pictured:
        picture = "on top, the data that the trained network is to separate"
    drawn = (
        f"Mean loss as a share of the first over {counted(found.problems, 'held-out problem')}, bands one standard "
        f"error; {picture}."
    )
    look = f"By meta-loss, the mean of a curve, {_against(outcome_of(found), results.subject.title)}"
    others = [number(other.optimizers["learned"].meta_loss.mean) for other in results.siblings.values()]
    if others:
        look += f"; trained from {counted(len(others), 'other seed')} (thin lines) it reaches {listed(others)}"
    return [drawn, look + "."]


def table(results: Results) -> Sentences:
    """Under the table of numbers."""
    found = results.evaluation
    drawn = f"{counted(found.problems, 'held-out problem')} (seed {found.seed}) of {found.steps} inner steps"
    if found.target is not None:
        share = f"{found.target:g}"
        drawn += f"; steps to target are the median over problems of the first step with a loss of at most {share} of the first"
    finals = {n: s.final_loss.median for n, s in found.optimizers.items() if s.final_loss.median is not None}
    parts = []
    if finals:
        lowest = min(finals, key=lambda name: finals[name])
        parts.append(f"{_title(results, lowest)} ends lowest, with a median loss of {number(finals[lowest])}")
    counts = {n: s.steps_to_target.median for n, s in found.optimizers.items() if s.steps_to_target is not None}
    reached = {name: median for name, median in counts.items() if median is not None}
    if reached:
        first = min(reached, key=lambda name: reached[name])
        parts.append(f"{_title(results, first)} is the first at the target, after {reached[first]:g} steps")
    diverged = [_title(results, n) for n, s in found.optimizers.items() if s.diverged]
    parts.append(f"{listed(diverged)} diverged on some problem" if diverged else "nobody diverged")
    return [f"{drawn}.", f"{'; '.join(parts)}."]


def _title(results: Results, name: str) -> str:
    return results.subject.title if name == "learned" else TITLES[name]


def tuning(found: Landscape, results: Results) -> Sentences:
    """Under the tuning landscape."""
    tuned, draws = found.tuned, found.draws
    name = TITLES[tuned.optimizer]
    kinds = sort_draws(draws)
    memory = memory_of(draws)
    colour = f", coloured by {MEMORIES[memory]} ({memory.replace('_', ' ')})" if memory else ""
    count = len(draws["meta_loss"])
    drawn = f"Each point is one of {counted(count, 'draw')} of {name}'s hyperparameters{colour}; the star is the best"
    if kinds.fewer.any():
        drawn += f", small points were dropped before they had seen all {int(draws['problems'].max())} problems"
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


def shift(found: Generalization, title: str) -> Sentences:
    """Under the out-of-distribution results: what is drawn, where it fails, where it holds."""
    counts = sorted({condition.evaluation.problems for condition in found.conditions})
    problems = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    drawn = (
        f"Mean meta-loss on {problems} problems under each condition, bars one standard error; the tuned rivals keep the "
        "hyperparameters of the trained task, and shaded rows are those where the learned optimizer fails."
    )
    means = [score.meta_loss.mean for c in found.conditions for score in c.evaluation.optimizers.values()]
    if any(mean is None or mean > BEYOND for mean in means):
        drawn += f" At the right stand those above {BEYOND:g} (▸) and those that diverged on any problem (✗)."
    judged = {condition.name: outcome_of(condition.evaluation) for condition in found.conditions[1:]}
    failed = {name: v for name, v in judged.items() if v.outcome == "worse"}
    held = [name for name, v in judged.items() if v.outcome == "better"]
    level = [name for name, v in judged.items() if v.outcome == "tied"]
    total = counted(len(judged), "other condition")
    if failed:
        fails = f"{title} fails on {len(failed)} of {total}: {listed([_failure(n, v) for n, v in failed.items()])}."
    else:
        fails = f"{title} fails on none of {total}."
    parts = [f"It stays below every rival on {listed(held)}" if held else "It stays below every rival on none of them"]
    if level:
        parts.append(f"is level with the best on {listed(level)}")
    return [drawn, fails, f"{', and '.join(parts)}."]


def _failure(name: str, judged: Outcome) -> str:
    ours = judged.learned.meta_loss.mean
    what = f"diverges on {counted(judged.learned.diverged, 'problem')}" if ours is None else number(ours)
    if judged.baseline is None or judged.best is None:
        return f"{name} ({what})"
    return f"{name} ({what}; {TITLES[judged.baseline]} {number(judged.best.meta_loss.mean)})"


def outer(results: Results) -> Sentences:
    """Under the outer training curve."""
    config, found, curve = results.run.config, results.evaluation, results.curve
    seeds = ", thin for other seeds" if results.siblings else ""
    drawn = (
        f"Meta-loss of {counted(len(curve.outer_step), 'outer step')} on fresh batches of "
        f"{counted(config.problems, 'problem')} (faint) and its running median{seeds}; lines are what tuned rivals reach, and a "
        "click on a dot opens that snapshot in Explore."
    )
    look = _passed(curve, found, results.subject.title)
    lost = int((~np.isfinite(curve.meta_loss)).sum())
    look += f"; {counted(lost, 'outer step')} had a meta-loss that is not finite" if lost else ""
    look += f"; {counted(curve.skipped, 'update')} had to be skipped" if curve.skipped else ""
    if config.unroll != found.steps:
        look += (
            f"; it trained on unrolls of {config.unroll} steps, the lines are for {found.steps}, so heights compare only "
            "roughly"
        )
    return [drawn, look + "."]


def _passed(curve: Curve, found: Evaluation, title: str) -> str:
    """From when on the curve stays below what the best rival reaches."""
    best = best_baseline(found.optimizers)
    if best is None or len(curve.smooth) == 0:
        return f"There is nothing to compare {title}'s training with"
    level = found.optimizers[best].meta_loss.mean or 0.0
    above = np.flatnonzero(~(curve.smooth < level))
    line = f"the lowest line, {TITLES[best]}'s {number(level)}"
    if len(above) and above[-1] == len(curve.smooth) - 1:
        return f"{title}'s running median ends at {number(float(curve.smooth[-1]))}, not below {line}"
    since = int(curve.outer_step[above[-1]]) if len(above) else 0
    return f"{title}'s running median stays below {line}, from outer step {since:,} on"


def task_title(name: str) -> str:
    """A task's name as in menus."""
    return TASKS[name].title
