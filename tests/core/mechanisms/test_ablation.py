import pytest
import torch

from core.errors import InputError
from core.evaluation.held_out import evaluate
from core.mechanisms.ablation import TITLES, Ablations, ablate, typical_rates
from core.mechanisms.context import Context
from core.meta_loss import meta_loss
from core.optimizers import make_hand_designed
from core.tasks import make_task
from tests.core.helpers import SMALL_MOONS, learned

TASK = make_task("linear_regression")


def context(name, **values):
    return Context(make_hand_designed(name, values), TASK)


def test_momentum_earns_nothing_by_what_it_does_not_have():
    ablations = ablate(context("momentum", learning_rate=0.3, momentum=0.8), problems=5, steps=40)
    assert [ablation.name for ablation in ablations.ablations] == list(TITLES) and not ablations.without
    for ablation in ablations.ablations:
        assert ablation.difference.mean == pytest.approx(0, abs=1e-12) and ablation.diverged == 0


def test_the_whole_one_is_what_evaluation_says():
    own = context("adam", learning_rate=0.1)
    ablations = ablate(own, problems=4, seed=3, steps=30).ablations[0]
    expected = meta_loss(evaluate(TASK, {"a": own.optimizer}, problems=4, seed=3, steps=30)["a"]).mean()
    assert ablations.meta_loss.mean == pytest.approx(float(expected), rel=1e-4)
    assert ablations.difference.mean == 0 and len(ablations.curve) == len(ablations.steps)


def test_differences_are_paired():
    clipped = context("clipped_sgd", learning_rate=0.5, threshold=0.1)
    ablations = {ablation.name: ablation for ablation in ablate(clipped, problems=6, steps=30).ablations}
    plain = evaluate(TASK, {"a": make_hand_designed("sgd", {"learning_rate": 0.5})}, problems=6, steps=30)["a"]
    whole = evaluate(TASK, {"a": clipped.optimizer}, problems=6, steps=30)["a"]
    difference = (meta_loss(plain) - meta_loss(whole)).double()
    assert ablations["unsaturated"].difference.mean == pytest.approx(float(difference.mean()), rel=1e-3)
    assert ablations["unsaturated"].difference.sem == pytest.approx(float(difference.std() / 6**0.5), rel=1e-3)


def test_divergence_is_counted_and_nothing_is_made_up():
    ablations = ablate(context("sgd", learning_rate=1e9), problems=3, steps=40)
    assert ablations.ablations[0].diverged == 3
    assert ablations.ablations[0].meta_loss.mean is None and ablations.ablations[0].median is None
    Ablations.model_validate_json(ablations.model_dump_json())


def test_a_learned_optimizer_on_a_large_task_in_single_precision():
    moons = Context(learned(dtype=torch.float32), make_task("two_moons", {**SMALL_MOONS, "hidden": (32, 32)}))
    assert moons.large
    ablations = ablate(moons, problems=2, steps=5)
    assert {ablation.name for ablation in ablations.ablations} <= set(TITLES)


def test_typical_rates_are_medians_over_what_is_met():
    rates = typical_rates(context("rmsprop", learning_rate=0.01, epsilon=1e-3))
    assert rates.shape == (200,) and rates[0] == pytest.approx(0.01 / 1e-3) and rates[20] < rates[0]


def test_one_problem_is_too_few():
    with pytest.raises(InputError, match="problems must be at least 2"):
        ablate(context("sgd"), problems=1)
