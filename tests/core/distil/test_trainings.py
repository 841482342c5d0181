"""From which trainings with fewer mechanisms another one starts."""

from types import SimpleNamespace
from typing import Any, cast

from core.distil.ladder import rungs, whole
from core.distil.result import Parts
from core.distil.trainings import Kept, Trainings, adds_one
from core.optimizers.formula import FOUR, Structure

ALL = whole("tanh")


def trained(structure: Structure, seed: int, loss: float | None) -> Kept:
    parts = Parts(**vars(structure))
    return Kept(structure=parts, seed=seed, values={}, training_loss=loss, diverged=0, skipped=0, seconds=0.0)


def below(structure: Structure, seed: int, *done: Kept) -> Kept | None:
    known = SimpleNamespace(done={(one.structure.structure(), one.seed): one for one in done})
    return Trainings._below(cast(Any, known), structure, seed)


def test_each_rung_adds_one_mechanism_to_the_one_below() -> None:
    ladder = [ALL.only(key) for key in rungs()]
    assert all(
        adds_one(small, large) == (j == i + 1) for i, small in enumerate(ladder) for j, large in enumerate(ladder)
    )
    assert not adds_one(whole("symlog").only(("momentum", "clipping")), ladder[2])


def test_the_best_of_the_same_seed_with_one_mechanism_less_counts() -> None:
    three = [ALL.only([name for name in FOUR if name != without]) for without in FOUR]
    others = [trained(ALL.only(("momentum",)), 0, 0.1), trained(three[0], 1, 0.1), trained(three[1], 0, None)]
    worse, better = trained(three[2], 0, 0.3), trained(three[3], 0, 0.2)
    assert below(ALL.only(FOUR), 0, *others, worse, better) == better
    assert below(ALL.only(FOUR), 0, *others) is None
