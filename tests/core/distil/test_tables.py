"""A distillation in words."""

import pytest

from core.distil.result import Interval
from core.distil.store import find_distillation
from core.distil.tables import alike, conclusion, factor, idle_in, keeps, largest_gain, percent, rest_of, shorter
from core.optimizers.formula import FOUR
from core.runs import zoo


@pytest.mark.parametrize(
    ("share", "rest"),
    [
        ((0.82, 0.78, 0.88), "18 % (12 to 22), is something else"),
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
    found_some = rest.endswith("something else")
    assert rest_of(changed) == rest + (", or was not found in 2,400 outer steps" if found_some else "")
    again = ladder[-1].model_copy(update={"budget": 5000})
    longer = changed.model_copy(update={"longer": [again], "ladder": ladder[:-1]})
    assert rest_of(longer) == rest + (", or was not found in 5,000 outer steps" if found_some else "")


def test_the_share_of_the_formula_shown_stands_beside_the_mean_over_seeds() -> None:
    found = find_distillation(zoo.find_run("linear_regression-gru64"))
    assert found is not None and found.best.chosen is not None
    assert f"keeps {percent(found.best.chosen)} of it." in conclusion(found)
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
    assert (
        "Among formulas that were trained for 2,400, added in this order, agreement adds most, with each of 3 outer seeds"
        in text
    )


def test_what_adds_most_is_said_only_where_every_seed_says_so() -> None:
    found = find_distillation(zoo.find_run("rosenbrock-gru64"))
    assert found is not None and "agreement adds most, with each of 3 outer seeds" in conclusion(found)
    pair = largest_gain(found)
    assert pair is not None and alike(found, pair)
    four, above = found.ladder[3], found.ladder[4]
    mixed = [above.by_seed[0], above.by_seed[1], four.by_seed[2]]  # the third seed gains nothing by it
    ladder = [*found.ladder[:4], above.model_copy(update={"by_seed": mixed}), *found.ladder[5:]]
    changed = found.model_copy(update={"ladder": ladder})
    pair = largest_gain(changed)
    assert pair is not None and not alike(changed, pair)
    assert "differs between outer seeds (on average agreement" in conclusion(changed)
    first, *_ = four.by_seed
    assert first is not None
    worse = [above.model_copy(update={"by_seed": [first + 0.001 * i, *above.by_seed[1:]]}) for i in range(1, 5)]
    losing = found.model_copy(update={"ladder": [*found.ladder[:4], *worse]})
    assert not alike(losing, (losing.ladder[3], losing.ladder[4]))  # a seed with which every step is a loss


def test_the_best_formula_is_said_where_it_has_no_more_than_the_four() -> None:
    found = find_distillation(zoo.find_run("rosenbrock-gru64"))
    assert found is not None
    fewer = found.model_copy(update={"formula": found.ladder[1].formula})
    assert "training problems has momentum and clipping (5 numbers) and keeps 20 %" in conclusion(fewer)
    longer = found.of_ladder(FOUR).model_copy(update={"budget": 5000, "formula": found.ladder[0].formula})
    again = found.model_copy(update={"longer": [longer], "formula": found.ladder[3].formula})
    assert "(14 numbers, after 2,400 outer steps) and keeps 69 %" in conclusion(again)


def test_what_does_nothing_in_a_formula_is_said() -> None:
    found = find_distillation(zoo.find_run("rosenbrock-gru64"))
    assert found is not None
    assert "with the four mechanisms (in its best seed's, clipping does nothing) keeps" in conclusion(found)
    nothing, much = Interval(mean=1.0, low=0.999, high=1.001), Interval(mean=1.2, low=1.1, high=1.3)
    best = found.best.model_copy(update={"ablations": {"clipping": nothing, "schedule": much, "agreement": nothing}})
    assert idle_in(best) == "in its best seed's, clipping and agreement do nothing"
    assert idle_in(best.model_copy(update={"ablations": {}})) == ""


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        ((1.0083, 0.9962, 1.0183), "1.008 (0.996 to 1.018)"),
        ((2.5596, 2.1353, 3.2), "2.56 (2.14 to 3.20)"),
        ((60.2, 31.1, 1234.0), "60.2 (31.1 to 1,234)"),
        ((4e6, 9e3, 1e7), "over 100"),
        ((4287.0, 11.38, 14928.0), "over 100 (from 11.4)"),
        ((None, None, None), "diverges"),
    ],
)
def test_factors_in_sentences(interval: tuple[float | None, ...], text: str) -> None:
    assert factor(Interval(**dict(zip(("mean", "low", "high"), interval, strict=True)))) == text


def test_shares_that_are_nothing_are_said_in_words() -> None:
    assert (
        keeps(Interval(mean=-4.2, low=-5, high=-3), "of it")
        == "keeps nothing of it: it is worse than the best tuned one"
    )
    assert keeps(Interval(mean=None, low=None, high=None), "of it") == "diverges on a held-out problem"
    assert keeps(Interval(mean=-0.1, low=-0.2, high=0.1), "of it") == "keeps −10 % (−20 to 10) of it"
