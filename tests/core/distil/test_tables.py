"""A distillation in words."""

import pytest

from core.distil.result import Interval
from core.distil.store import find_distillation
from core.distil.tables import conclusion, percent, rest_of, shorter
from core.optimizers.formula import FOUR
from core.runs import zoo


@pytest.mark.parametrize(
    ("share", "rest"),
    [
        ((0.82, 0.78, 0.88), "18 %, is something else"),
        ((0.91, 0.73, 1.14), "9 %, is within the error"),
        ((1.02, 0.9, 1.2), ""),
        ((-0.17, -0.42, 0.18), ""),
        ((None, None, None), ""),
    ],
)
def test_what_is_left_is_said_with_its_error(share: tuple[float | None, ...], rest: str) -> None:
    found = find_distillation(zoo.find_run("rosenbrock-gru64"))
    assert found is not None
    interval = Interval(**dict(zip(("mean", "low", "high"), share, strict=True)))
    ladder = [rung.model_copy(update={"share": interval}) for rung in found.ladder]
    changed = found.model_copy(update={"ladder": ladder})
    assert rest_of(changed) == rest
    found_some = rest.endswith("something else")
    short = changed.model_copy(update={"budget": 24})
    assert rest_of(short) == rest + (", or needs longer training than 24 outer steps" if found_some else "")
    again = ladder[-1].model_copy(update={"budget": 240})
    longer = short.model_copy(update={"longer": [again], "ladder": ladder[:-1]})
    assert rest_of(longer) == rest + (", or was not found in 240 outer steps" if found_some else "")


def test_the_share_of_the_formula_shown_stands_beside_the_mean_over_seeds() -> None:
    found = find_distillation(zoo.find_run("linear_regression-gru64"))
    assert found is not None and found.best.chosen is not None
    assert f"keeps {percent(found.best.chosen)}." in conclusion(found)
    mean = sum(value for value in found.best.by_seed if value is not None) / len(found.best.by_seed)
    assert found.best.meta_loss.mean == pytest.approx(mean)
    best, learned = found.best_tuned.meta_loss.mean, found.learned.meta_loss.mean
    own = found.best.by_seed[found.best.formula.seed]
    assert best is not None and learned is not None and own is not None
    assert found.best.chosen.mean == pytest.approx((best - own) / (best - learned))


def test_formulas_that_are_no_better_than_the_tuned_one_say_nothing() -> None:
    found = find_distillation(zoo.find_run("rosenbrock-gru64"))
    assert found is not None
    worse = Interval(mean=-0.2, low=-0.4, high=0.1)
    found = found.model_copy(update={"ladder": [one.model_copy(update={"share": worse}) for one in found.ladder]})
    assert "is not known" in conclusion(found) and "something else" not in conclusion(found)
    assert found.best.chosen is not None and f"keeps {percent(found.best.chosen)} of" in conclusion(found)
    without = found.model_copy(update={"ladder": [one.model_copy(update={"chosen": None}) for one in found.ladder]})
    assert "keeps" not in conclusion(without) and "is not known" in conclusion(without)


def test_only_what_was_trained_for_longer_is_said_to_be() -> None:
    found = find_distillation(zoo.find_run("rosenbrock-gru64"))
    assert found is not None and shorter(found) == ""
    four = found.of_ladder(FOUR).model_copy(update={"budget": 5000})
    with_four = found.model_copy(update={"longer": [four]})
    assert with_four.best == found.best and with_four.longest(FOUR) == four
    text = conclusion(with_four)
    assert text.count("trained for 5,000 outer steps") == 1
    assert f"the formula of 14 numbers keeps {percent(four.share)}." in text
    assert "Among formulas that were trained for 2,400, agreement adds most" in text
