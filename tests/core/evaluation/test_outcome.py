"""Who is lower, by the standard errors."""

import pytest

from core.evaluation.outcome import best_baseline, outcome_of
from core.optimizers.hand_designed import BASELINES
from tests.app.pages.performance.samples import evaluation, score


@pytest.mark.parametrize(
    ("learned", "outcome"),
    [(0.05, "better"), (0.0979, "better"), (0.0981, "tied"), (0.1019, "tied"), (0.1021, "worse"), (None, "worse")],
)
def test_the_margin_is_both_errors_together(learned: float | None, outcome: str) -> None:
    judged = outcome_of(evaluation(learned))  # the best baseline: 0.1 ± 0.001
    assert judged.outcome == outcome
    assert judged.baseline == BASELINES[0]


def test_a_rival_that_diverges_is_no_rival() -> None:
    scores = evaluation(0.05, **{BASELINES[0]: None})
    assert best_baseline(scores.optimizers) == BASELINES[1]
    everyone = evaluation(0.05, **dict.fromkeys(BASELINES))
    judged = outcome_of(everyone)
    assert (judged.outcome, judged.baseline, judged.best) == ("better", None, None)
    assert outcome_of(evaluation(None, **dict.fromkeys(BASELINES))).outcome == "worse"


def test_the_learned_one_is_no_rival_of_its_own() -> None:
    scores = evaluation(0.001).optimizers
    assert best_baseline({"learned": scores["learned"]}) is None
    assert score(0.1)["diverged"] == 0
