"""A small distillation from beginning to end, stopped and resumed."""

import shutil
from pathlib import Path

import pytest

from core.distil import ladder, longer
from core.distil.ladder import BEYOND, COMPRESSIONS, distil, rungs, whole
from core.distil.longer import train_longer
from core.distil.store import PARTIAL, find_distillation, folder_of, write_distillation
from core.distil.tables import distillation_table
from core.distil.training import Budget
from core.errors import InputError
from core.optimizers.formula import FOUR
from core.runs import zoo
from core.runs.run import Run

TINY = Budget(outer_steps=2, problems=2, unroll=20)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A copy of a shipped run that beats every tuned optimizer by far."""
    shutil.copytree(zoo.ROOT / "rosenbrock-gru64", tmp_path / "mine")
    return Run(tmp_path / "mine")


@pytest.mark.long  # imitations and instruments take half a minute
def test_a_distillation_is_resumed_with_the_same_result(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "shifts_of", lambda *given: [])
    monkeypatch.setattr(longer, "shifts_of", lambda *given: [])
    settings = {"budget": TINY, "problems": 24, "seeds": 1}
    planned = 2 ** len(FOUR) + len(BEYOND) + len(COMPRESSIONS) - 1
    seen: list[tuple[int, int]] = []

    def stop(done: int, planned: int) -> None:
        seen.append((done, planned))
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distil(run, **settings, on_progress=stop)
    assert (run.path / PARTIAL).exists() and seen[-1] == (5, planned)
    again: list[int] = []
    found = distil(run, **settings, on_progress=lambda done, planned: again.append(done))
    assert again[1] == 5 or again[0] >= 2  # what was done is not done again
    assert again[-1] == planned and [tuple(rung.mechanisms) for rung in found.ladder] == rungs()
    assert len(found.subsets) == 16 and set(found.contributions) == set(FOUR)
    assert set(found.verdicts) == {*FOUR, "agreement"}
    path = write_distillation(run, found, finished=PARTIAL)
    assert path == run.path / "distillation.json" and not (run.path / PARTIAL).exists()
    kept = find_distillation(run)
    assert kept is not None and kept.ladder == found.ladder and kept.longer == []
    assert all(rung.numbers_by_seed == [rung.formula.formula().values] for rung in kept.ladder)  # of one seed
    more = train_longer(run, kept, 6)
    assert [(tuple(rung.mechanisms), rung.budget) for rung in more.longer] == [(FOUR, 6), (rungs()[-1], 6)]
    assert (
        more.ladder == kept.ladder
        and more.longest(FOUR) == more.longer[0]
        and more.longest(["momentum"]) == more.ladder[0]
    )
    assert not more.seeds_share_a_start
    assert more.best.training_loss <= kept.best.training_loss and more.formula == more.best.formula
    less = train_longer(run, more, 4)  # in place of the others
    assert [rung.budget for rung in less.longer] == [4, 4] and less.formula == less.best.formula
    with pytest.raises(InputError, match="more than the 2 outer steps"):
        train_longer(run, kept, 2)
    assert kept.formula.formula().values == {name: one.value for name, one in found.formula.parameters.items()}


def test_cheaper_problems_of_training_are_named() -> None:
    kept = find_distillation(zoo.find_run("rosenbrock-gru64"))
    assert kept is not None and " outer steps\n" in distillation_table(kept)
    lighter = kept.model_copy(update={"trained_on": {"points": 256}})
    assert " outer steps, on problems with 256 points\n" in distillation_table(lighter)


def test_rungs_grow_by_one_mechanism() -> None:
    family = whole("tanh")
    for below, above in zip(rungs(), rungs()[1:], strict=False):
        assert above[: len(below)] == below and len(above) == len(below) + 1
        assert family.only(above).mechanisms == above


def test_an_optimizer_without_an_advantage_is_refused(tmp_path: Path) -> None:
    shutil.copytree(zoo.ROOT / "linear_regression-vanilla2", tmp_path / "mine")
    snapshots = sorted((tmp_path / "mine" / "snapshots").iterdir())
    for path in snapshots[1:]:
        path.unlink()  # only the untrained one is left
    with pytest.raises(InputError, match="has no advantage to explain"):
        distil(Run(tmp_path / "mine"), budget=TINY, problems=8)


def test_what_is_computed_for_a_shipped_one_lies_with_ones_own_runs() -> None:
    shipped = zoo.find_run("linear_regression-gru64")
    assert folder_of(shipped).parent.name == "distilled" and folder_of(shipped) != shipped.path
