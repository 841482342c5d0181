import pytest
import torch

from core.errors import InputError
from core.evaluation.held_out import evaluate
from core.mechanisms.ablation import TITLES, Ablations, ablate, meta_losses, ratio_of, typical_rates
from core.mechanisms.context import Context
from core.meta_loss import meta_loss
from core.optimizers import make_hand_designed
from core.tasks import make_task
from tests.core.helpers import SMALL_MOONS, learned

TASK = make_task("linear_regression")


def context(name, **values):
    return Context(make_hand_designed(name, values), TASK)


def test_momentum_loses_nothing_but_its_memory():
    found = ablate(context("momentum", learning_rate=0.3, momentum=0.8), problems=5, steps=40)
    known = [name for name in TITLES if name != "undecayed"]  # momentum does not read the parameter
    assert [one.name for one in found.ablations] == known and not found.without
    for one in found.ablations:
        changed = one.name == "memoryless"
        assert one.ratio.changes is changed and one.diverged == 0
        assert changed or one.ratio.median == pytest.approx(1, abs=1e-12)
    plain = make_hand_designed("sgd", {"learning_rate": 0.3 / (1 - 0.8)})  # the same response, all at once
    expected = meta_losses(evaluate(TASK, {"a": plain}, problems=5, steps=40)["a"])
    assert found.of("memoryless").median == pytest.approx(float(expected.median()), rel=1e-3)


def test_the_whole_one_is_what_evaluation_says():
    own = context("adam", learning_rate=0.1)
    found = ablate(own, problems=4, seed=3, steps=30).ablations[0]
    expected = meta_loss(evaluate(TASK, {"a": own.optimizer}, problems=4, seed=3, steps=30)["a"]).mean()
    assert found.meta_loss.mean == pytest.approx(float(expected), rel=1e-4)
    assert found.ratio.median == 1 and len(found.curve) == len(found.steps)


def test_ratios_are_paired():
    clipped = context("clipped_sgd", learning_rate=0.5, threshold=0.1)
    found = ablate(clipped, problems=7, steps=30)
    plain = evaluate(TASK, {"a": make_hand_designed("sgd", {"learning_rate": 0.5})}, problems=7, steps=30)["a"]
    whole = evaluate(TASK, {"a": clipped.optimizer}, problems=7, steps=30)["a"]
    expected = (meta_loss(plain) / meta_loss(whole)).double()
    ratio = found.of("unsaturated").ratio
    assert ratio.median == pytest.approx(float(expected.median()), rel=1e-3) and ratio.problems == 7
    assert (
        float(expected.min()) <= ratio.low * 1.001
        and ratio.low <= ratio.median <= ratio.high <= float(expected.max()) * 1.001
    )


def test_an_interval_is_that_of_the_median():
    source = torch.Generator().manual_seed(0)
    whole = torch.ones(200, dtype=torch.float64)
    own = torch.exp(0.2 * torch.randn(200, generator=source, dtype=torch.float64))
    ratio = ratio_of(own, whole)
    width = 1.2533 * 0.2 / 200**0.5  # standard error of a median
    assert ratio.high - ratio.low == pytest.approx(2 * 1.96 * width, rel=0.35) and not ratio.changes
    assert ratio_of(1.2 * own, whole).changes and not ratio_of(whole, whole).changes


def test_what_diverges_is_infinite_and_what_the_whole_one_loses_is_left_out():
    inf = float("inf")
    own = torch.tensor([2.0, inf, inf, 3.0, inf], dtype=torch.float64)
    whole = torch.tensor([1.0, 1.0, 1.0, inf, 1.0], dtype=torch.float64)
    ratio = ratio_of(own, whole)
    assert ratio.problems == 4 and ratio.median is None and ratio.high is None and ratio.changes


def test_divergence_is_counted_and_nothing_is_made_up():
    found = ablate(context("sgd", learning_rate=1e9), problems=3, steps=40)
    assert found.ablations[0].diverged == 3
    assert found.ablations[0].meta_loss.mean is None and found.ablations[0].median is None
    Ablations.model_validate_json(found.model_dump_json())


def test_a_learned_optimizer_on_a_large_task_in_single_precision():
    moons = Context(learned(dtype=torch.float32), make_task("two_moons", {**SMALL_MOONS, "hidden": (32, 32)}))
    assert moons.large
    found = ablate(moons, problems=2, steps=5)
    assert {one.name for one in found.ablations} <= set(TITLES)


def test_typical_rates_are_medians_over_what_is_met():
    rates = typical_rates(context("rmsprop", learning_rate=0.01, epsilon=1e-3))
    assert rates.shape == (200,) and rates[0] == pytest.approx(0.01 / 1e-3) and rates[20] < rates[0]


def test_one_problem_is_too_few():
    with pytest.raises(InputError, match="problems must be at least 2"):
        ablate(context("sgd"), problems=1)


def test_files_of_earlier_versions_are_read():
    old = {
        "task": "rosenbrock",
        "problems": 2,
        "seed": 0,
        "without": {},
        "earnings": [
            {
                "name": "whole",
                "meta_loss": {"mean": 0.1, "sem": 0.01},
                "median": 0.1,
                "difference": {"mean": 0.0, "sem": 0.0},
                "diverged": 0,
                "curve": [1.0],
                "steps": [0],
            }
        ],
    }
    found = Ablations.model_validate(old)
    assert found.of("whole").median == 0.1 and found.of("whole").ratio is None
