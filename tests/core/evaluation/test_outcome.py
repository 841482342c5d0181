"""Who is lower, by the standard errors."""

import pytest

from core.baselines.search import RIVALS
from core.evaluation.outcome import best_rival, verdict
from tests.app.pages.performance.samples import evaluation, score


@pytest.mark.parametrize(
    ("learned", "outcome"),
    [(0.05, "holds"), (0.0979, "holds"), (0.0981, "level"), (0.1019, "level"), (0.1021, "fails"), (None, "fails")],
)
def test_the_margin_is_both_errors_together(learned: float | None, outcome: str) -> None:
    judged = verdict(evaluation(learned))  # the best rival: 0.1 ± 0.001
    assert judged.outcome == outcome
    assert judged.rival == RIVALS[0]


def test_a_rival_that_diverges_is_no_rival() -> None:
    found = evaluation(0.05, **{RIVALS[0]: None})
    assert best_rival(found.optimizers) == RIVALS[1]
    everyone = evaluation(0.05, **dict.fromkeys(RIVALS))
    judged = verdict(everyone)
    assert (judged.outcome, judged.rival, judged.best) == ("holds", None, None)
    assert verdict(evaluation(None, **dict.fromkeys(RIVALS))).outcome == "fails"


def test_the_learned_one_is_no_rival_of_its_own() -> None:
    scores = evaluation(0.001).optimizers
    assert best_rival({"learned": scores["learned"]}) is None
    assert score(0.1)["diverged"] == 0
