"""Claims: each calibrated optimizer shows exactly its own mechanism, and noise shows none."""

import pytest

from core.mechanisms.ablation import Ablation, Ablations, Ratio, ablate
from core.mechanisms.claims import EFFECTS, claim, claims_of
from core.mechanisms.context import Context
from core.mechanisms.measures import MEASURES, Measure
from core.mechanisms.null import COUNT, Null, measure_null, null_name, read_null, untrained, write_null
from core.optimizers import make_hand_designed
from core.optimizers.recurrent import Architecture
from core.tasks import make_task

TASK = make_task("linear_regression")
CALIBRATION = {
    "sgd": ({"learning_rate": 1.0}, set()),
    "momentum": ({"learning_rate": 1.0, "momentum": 0.9}, {"momentum"}),
    "clipped_sgd": ({"learning_rate": 1.0, "threshold": 0.1}, {"clipping"}),
    "scheduled_sgd": ({"learning_rate": 1.0}, {"schedule"}),
    "rmsprop": ({"learning_rate": 0.03, "decay": 0.99}, {"adaptation"}),
}
SMALL = Architecture(units=6)


def shown(context, null=None):
    claims = claims_of(context, null, null is not None, lambda: ablate(context, 24, steps=100))
    return {name for name, found in claims.items() if found.verdict == "shown"}


@pytest.mark.parametrize("name", CALIBRATION)
def test_each_shows_exactly_its_own(name):
    values, own = CALIBRATION[name]
    assert shown(Context(make_hand_designed(name, values), TASK)) == own


@pytest.mark.long
def test_of_fresh_random_optimizers_hardly_any_shows_anything():
    null, fresh = measure_null(SMALL, TASK), 100
    assert len(null.seeds) == COUNT and null.floor > 0
    counts = dict.fromkeys(MEASURES, 0)
    seeds = range(1 + max(null.seeds), 1 + max(null.seeds) + fresh)  # none that the null is made of
    for seed in seeds:
        for name in shown(Context(untrained(SMALL, seed), TASK), null):
            counts[name] += 1
    assert all(count <= 0.1 * fresh + 0.5 for count in counts.values()), counts
    print(counts)


def test_a_null_is_kept_for_its_architecture_and_task(tmp_path):
    values = {"momentum": [0.5 * i for i in range(COUNT)], "clipping": [None] * COUNT}
    null = Null(task="linear_regression", architecture=SMALL, seeds=list(range(COUNT)), floor=1.0, values=values)
    write_null(tmp_path, null, TASK)
    assert read_null(tmp_path, SMALL, TASK) == null
    assert read_null(tmp_path, Architecture(units=7), TASK) is None
    other = make_task("linear_regression", {"parameters": 3})
    assert read_null(tmp_path, SMALL, other) is None and null_name(SMALL, TASK) == "linear_regression-gru6-raw"


def test_the_range_is_the_middle_of_the_values():
    values = {"momentum": [float(i) for i in range(101)], "clipping": [None] * 101}
    found = Null(task="rosenbrock", architecture=SMALL, seeds=list(range(101)), floor=1.0, values=values)
    assert found.range_of("momentum") == (2.5, 97.5, 101)
    assert found.range_of("clipping") is None and found.range_of("schedule") is None


def ablations(ratio, whole=0.1):
    common = {"meta_loss": {"mean": None, "sem": None}, "diverged": 0, "curve": [], "steps": []}
    variants = [
        Ablation(name="whole", median=whole, **common),
        Ablation(name="memoryless", median=1.0, ratio=ratio, **common),
    ]
    return Ablations(task="rosenbrock", problems=9, seed=0, without={}, ablations=variants)


WORSE, SAME = (Ratio(median=m, low=m - 0.1, high=m + 0.1, problems=9) for m in (2.0, 1.05))
NULL = Null(
    task="rosenbrock",
    architecture=SMALL,
    seeds=list(range(9)),
    floor=1.0,
    values={"momentum": [0.5 * i for i in range(9)]},
)


@pytest.mark.parametrize(
    ("value", "null", "ratio", "whole", "verdict", "reason"),
    [
        (8.0, NULL, WORSE, 0.1, "shown", ""),
        (3.0, NULL, WORSE, 0.1, "not_shown", "untrained optimizers show as much"),
        (1.5, NULL, WORSE, 0.1, "not_shown", "below that from which on it counts"),
        (8.0, NULL, SAME, 0.1, "not_shown", "the meta-loss is the same"),
        (8.0, NULL, WORSE, 1.2, "not_shown", "does not lower the loss"),
        (8.0, None, WORSE, 0.1, "unknown", "untrained optimizers were not measured"),
        (None, NULL, WORSE, 0.1, "unknown", "because"),
        (8.0, NULL, None, 0.1, "unknown", "could not be switched off"),
    ],
)
def test_what_decides(value, null, ratio, whole, verdict, reason):
    found = claim("momentum", Measure(value, "because"), null, True, lambda: ablations(ratio, whole))
    assert found.verdict == verdict and reason in found.reason


@pytest.mark.parametrize("name", [name for name, effect in EFFECTS.items() if effect.both])
@pytest.mark.parametrize("times, counts", [(0.9, False), (1.1, True), (-0.9, False), (-1.1, True)])
def test_what_can_go_both_ways_counts_from_the_same_size_on(name, times, counts):
    found = claim(name, Measure(times * EFFECTS[name].least), None, False, lambda: ablations(None, 0.1))
    assert (found.verdict != "not_shown") == counts


def test_ablations_are_run_only_where_the_number_leaves_it_open():
    def never():
        raise AssertionError("run for nothing")

    assert claim("momentum", Measure(1.0), None, False, never).verdict == "not_shown"


def test_a_rate_near_zero_does_not_look_like_one_that_changes():
    """Without the floor, rates that differ by rounding's own size would count as a whole change."""
    architecture = Architecture(units=4)
    weights = {
        name: tensor * (1e-3 if name == "readout_weight" else 1)
        for name, tensor in untrained(architecture, 0).theta.items()
    }
    context = Context(untrained(architecture, 0).with_theta(weights), TASK)
    for name in ("schedule", "adaptation"):
        value = MEASURES[name](context, 1.0).value
        assert value is None or abs(value) < 1e-2


@pytest.mark.long
def test_broken_derivatives_are_unknown_and_no_number():
    optimizer = untrained(SMALL, 0)
    huge = optimizer.with_theta(
        {name: tensor * (1e30 if name == "readout_weight" else 1) for name, tensor in optimizer.theta.items()}
    )
    found = claims_of(Context(huge, TASK), None, False, lambda: ablations(WORSE))
    assert all(one.value is None or abs(one.value) < float("inf") for one in found.values())
