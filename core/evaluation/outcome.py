"""Whether a learned optimizer is better or worse than the tuned baselines, decided by standard errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from core.evaluation.held_out import Evaluation, MetaLoss, Score

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


def compared(ours: MetaLoss, best: MetaLoss | None) -> Result:
    """Whether a meta-loss is better than that of the best tuned optimizer (None: each of them diverges), by the rule of `Outcome`."""
    if ours.mean is None:
        return "worse"
    if best is None or best.mean is None:
        return "better"
    margin = (ours.sem or 0.0) + (best.sem or 0.0)
    lead = best.mean - ours.mean
    return "better" if lead > margin else "worse" if -lead > margin else "tied"


def outcome_of(evaluation: Evaluation) -> Outcome:
    """Compare by mean meta-loss."""
    ours = evaluation.optimizers["learned"]
    baseline = best_baseline(evaluation.optimizers)
    best = evaluation.optimizers[baseline] if baseline else None
    return Outcome(compared(ours.meta_loss, None if best is None else best.meta_loss), ours, baseline, best)
