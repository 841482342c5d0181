"""What the page reads from the zoo."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from app.pages.performance import data
from app.pages.performance.data import evaluation_of, landscape, results_of
from app.shared.catalog import Subject, learned
from app.shared.numbers import running_median
from core.errors import InputError
from core.optimizers.hand_designed import BASELINES, EXPLORE_BASELINES
from core.runs import zoo
from core.runs.run import Run
from core.tasks import TASKS


@pytest.mark.parametrize("task", TASKS)
def test_the_default_optimizer_of_every_task_has_been_compared(task: str) -> None:
    results = results_of(task, next(iter(learned(task))))
    assert results.evaluation.task == task
    first, *baselines = results.evaluation.optimizers
    assert first == "learned"
    assert set(EXPLORE_BASELINES) <= set(baselines) <= set(BASELINES)
    assert len(results.curve.outer_step) == results.run.config.outer_steps
    assert results.subject.name not in results.siblings


SEARCHES = sorted((path.parent.name, path.stem) for path in zoo.TUNED_ROOT.glob("*/*.json"))


@pytest.mark.parametrize(("task", "baseline"), SEARCHES)
def test_the_star_is_the_best_draw(task: str, baseline: str) -> None:
    searched = landscape(task, baseline)
    assert len(searched.draws["meta_loss"]) == searched.tuned.draws
    last = searched.draws["problems"] == searched.draws["problems"].max()
    best = int(
        np.argmin(np.where(last & np.isfinite(searched.draws["meta_loss"]), searched.draws["meta_loss"], np.inf))
    )
    for name, value in searched.tuned.hyperparameters.items():
        if name in searched.draws:
            assert searched.draws[name][best] == pytest.approx(value, rel=1e-5)
    assert searched.draws["meta_loss"][best] == pytest.approx(searched.tuned.meta_loss, rel=1e-5)


def test_the_running_median_by_hand() -> None:
    np.testing.assert_array_equal(running_median(np.array([3.0, 1.0, 2.0])), [3, 1, 2])  # narrow at the start
    values = np.ones(40)
    values[30] = 100.0  # an outlier
    values[5] = np.nan  # its window holds nothing else
    medians = running_median(values)
    assert medians[30] == 1
    assert medians[5] == np.inf
    assert np.isfinite(np.delete(medians, 5)).all()


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zoo of one's own with one optimizer."""
    for name in ("rosenbrock-gru64", "tuned/rosenbrock"):
        shutil.copytree(zoo.ROOT / name, tmp_path / name)
    monkeypatch.setattr(zoo, "TUNED_ROOT", tmp_path / "tuned")
    return tmp_path


def test_what_is_missing_is_said(copy: Path) -> None:
    run = Run(copy / "rosenbrock-gru64")
    (run.path / "evaluation.json").unlink()
    with pytest.raises(InputError, match=r"rosenbrock-gru64 has not been evaluated yet \(loptscope evaluate"):
        evaluation_of(run)
    (run.path / "evaluation.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        evaluation_of(run)


def test_a_changed_file_is_read_again(copy: Path) -> None:
    place = copy / "tuned" / "rosenbrock" / "momentum.json"
    before = landscape("rosenbrock", "momentum").tuned
    place.write_text(before.model_copy(update={"meta_loss": 0.125}).model_dump_json())
    assert landscape("rosenbrock", "momentum").tuned.meta_loss == 0.125
    place.unlink()
    with pytest.raises(InputError, match=r"Momentum has not been tuned for rosenbrock yet \(loptscope tune"):
        landscape("rosenbrock", "momentum")


def test_siblings_differ_in_the_seed_alone(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subjects = {}
    original = learned("rosenbrock")["rosenbrock-gru64"]
    for name, change in {
        "a": {},
        "b": {"seed": 7, "snapshots": 3},
        "c": {"seed": 8, "outer_steps": 3},
        "d": {"seed": 9},
    }.items():
        shutil.copytree(copy / "rosenbrock-gru64", copy / name)
        assert original.run is not None
        config = original.run.config.model_copy(update=change)
        (copy / name / "config.json").write_text(config.model_dump_json())
        subjects[name] = Subject(name, "learned", name, "", original.snapshots, Run(copy / name), {})
    (copy / "d" / "evaluation.json").unlink()
    for reads in ("learned", "some_learned"):
        monkeypatch.setattr(data, reads, lambda _: subjects)
    assert list(results_of("rosenbrock", "a").siblings) == ["b"]
