"""What the Distil page says, for results of every kind."""

import pytest

from app.pages.distil import captions
from app.pages.distil.data import distilled
from core.distil.result import Disagreement, Distillation, Interval
from core.optimizers.formula import FOUR

UNKNOWN = Interval(mean=None, low=None, high=None)


@pytest.fixture(scope="module")
def result() -> Distillation:
    found = distilled("rosenbrock", "rosenbrock-gru64")
    assert found is not None
    return found


def with_best(result: Distillation, **changes: object) -> Distillation:
    """The result with changes to the best rung."""
    best = result.best.model_copy(update=changes)
    ladder = [best if rung is result.best else rung for rung in result.ladder]
    return result.model_copy(update={"ladder": ladder, "formula": best.formula})


@pytest.mark.parametrize(
    ("ablation", "verdict", "text"),
    [
        ((1.0, 0.999, 1.001), "shown", "The learned optimizer shows schedule; in the best formula it does nothing (without it, its meta-loss is multiplied by 1.000"),
        ((0.95, 0.93, 0.97), "shown", "in the best formula it does harm (without it, its meta-loss is multiplied by 0.950 (0.930 to 0.970))"),
        ((1.01, 0.98, 1.04), "shown", "in the best formula what it does is within the error ("),
        ((1.5, 1.4, 1.6), "not_shown", "The best formula needs schedule (without it, its meta-loss is multiplied by 1.50 (1.40 to 1.60)); the instruments do not show it"),
        ((None, None, None), "unknown", "The best formula needs schedule (it diverges without it); the instruments cannot tell whether it is there"),
        ((1.5, 1.4, 1.6), "shown", ""),
        ((1.0, 0.999, 1.001), "not_shown", ""),
    ],
)  # fmt: skip
def test_both_ways(result: Distillation, ablation: tuple[float | None, ...], verdict: str, text: str) -> None:
    one = Interval(**dict(zip(("mean", "low", "high"), ablation, strict=True)))
    changed = with_best(result, ablations={**result.best.ablations, "schedule": one})
    changed = changed.model_copy(update={"verdicts": {**result.verdicts, "schedule": verdict}})
    found = [line for line in captions.both_ways(changed) if "schedule" in line]
    assert (text in found[0]) if text else not found


def test_what_an_earlier_version_did_not_measure_is_not_claimed(result: Distillation) -> None:
    shown = {"verdicts": dict.fromkeys((*FOUR, "agreement"), "shown")}
    bare = with_best(result, ablations={}).model_copy(update=shown)
    unknown = bare.model_copy(update={"contributions": dict.fromkeys(FOUR, UNKNOWN)})
    assert not any("learned optimizer shows" in line for line in captions.both_ways(unknown))
    none = bare.model_copy(update={"contributions": dict.fromkeys(FOUR, Interval(mean=1, low=0.9, high=1.1))})
    assert "averaged over all orders, what formulas gain by it is within the error." in captions.both_ways(none)[0]
    two = bare.model_copy(update={"formula": bare.ladder[1].formula})
    assert "The learned optimizer shows schedule; the best formula does without." in captions.both_ways(two)


def test_the_last_bin_of_the_disagreement_has_the_last_step(result: Distillation) -> None:
    bins = Disagreement(edges=[0, 3, 7, 199], error=[0.1, 0.2, 0.9], weight=[0.3, 0.3, 0.4])
    assert [bins.whole(i) for i in range(3)] == [(0, 2), (3, 6), (7, 199)]
    changed = result.model_copy(update={"disagreement": {**result.disagreement, "step": bins}})
    text = captions.disagreement(changed)[1]
    assert (
        "its error is 120 % of Σ u², more than without any update. The largest part of it, 75 %, sits at inner steps 7 to 199."
        in text
    )
