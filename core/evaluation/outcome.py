"""Whether a learned optimizer is better or worse than the tuned baselines, decided by standard errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from core.evaluation.held_out import Evaluation, Score

Result = Literal["better", "tied", "worse"]


@dataclass(frozen=True)
class Outcome:
    """The learned optimizer compared with the best baseline.

    Attributes:
        outcome: "better" if its meta-loss is below the best baseline's by more than both standard errors together, "worse"
            if it is above by more than that or diverges on any problem, otherwise "tied".
        learned: its score.
        baseline: name of the best baseline that diverges on no problem; None if all of them diverge.
        best: that baseline's score.
    """

    outcome: Result
    learned: Score
    baseline: str | None
    best: Score | None


def best_baseline(scores: Mapping[str, Score]) -> str | None:
    """The hand-designed optimizer with the lowest mean meta-loss; None if each of them diverges on some problem."""
    means = {name: s.meta_loss.mean for name, s in scores.items() if name != "learned" and s.meta_loss.mean is not None}
    return min(means, key=lambda name: means[name]) if means else None


def outcome_of(evaluation: Evaluation) -> Outcome:
    """Compare by mean meta-loss."""
    ours = evaluation.optimizers["learned"]
    baseline = best_baseline(evaluation.optimizers)
    best = evaluation.optimizers[baseline] if baseline else None
    if ours.meta_loss.mean is None:
        return Outcome("worse", ours, baseline, best)
    if best is None or best.meta_loss.mean is None:
        return Outcome("better", ours, baseline, best)
    margin = (ours.meta_loss.sem or 0.0) + (best.meta_loss.sem or 0.0)
    lead = best.meta_loss.mean - ours.meta_loss.mean
    outcome: Result = "better" if lead > margin else "worse" if -lead > margin else "tied"
    return Outcome(outcome, ours, baseline, best)
