"""What can be put under the microscope."""

import copy
from dataclasses import replace

import pytest
import torch

from app.shared import catalog
from app.shared.catalog import (
    TITLES,
    Subject,
    distinct,
    reference_rate,
    subjects,
    task_options,
    usual_baselines,
)
from app.shared.numbers import number
from core.errors import InputError
from core.optimizers.hand_designed import BASELINES, HAND_DESIGNED, make_hand_designed
from core.runs import zoo
from core.tasks import TASKS


@pytest.mark.parametrize("task", TASKS)
def test_learned_optimizers_come_first_and_tuned_ones_follow(task: str) -> None:
    known = subjects(task)
    learned = [entry.name for entry in zoo.entries() if entry.task == task]
    assert learned
    repaired = [f"{name}~repaired" for name in learned if (zoo.ROOT / name / zoo.REPAIRED_FILE).exists()]
    assert list(known) == [*learned, *BASELINES, *repaired]
    for name, subject in known.items():
        assert subject.name == name
        if name in repaired:
            assert (subject.key, subject.run, subject.repairs) == ("learned", None, known[name.split("~")[0]].run)
            continue
        assert subject.key == ("learned" if name in learned else name)
        assert (subject.run is None) == (name in BASELINES)
        assert subject.detail
    assert len({subject.title for subject in known.values()}) == len(known)


@pytest.mark.parametrize("task", TASKS)
def test_learned_optimizers_have_ascending_snapshots_that_differ(task: str) -> None:
    subject = next(iter(subjects(task).values()))
    assert list(subject.snapshots) == sorted(set(subject.snapshots))
    assert len(subject.snapshots) >= 2
    first, last = (subject.optimizer(step) for step in (subject.snapshots[0], subject.snapshots[-1]))
    g = torch.tensor([0.3])
    assert not first.step(first.initial_state(1), g)[1].equal(last.step(last.initial_state(1), g)[1])


@pytest.mark.parametrize("task", TASKS)
def test_hand_designed_ones_are_as_they_were_tuned(task: str) -> None:
    tuned = zoo.baselines(task)
    for name in BASELINES:
        subject = subjects(task)[name]
        assert subject.optimizer(None) == tuned[name]
        assert subject.snapshots == ()
        assert f"learning rate {number(subject.hyperparameters['learning_rate'])}" in subject.detail


def test_hyperparameters_of_ones_own_make_an_optimizer_that_is_not_listed() -> None:
    known = subjects("rosenbrock")
    name = "adam:learning_rate=0.25;beta1=0.5"
    assert name in known and name not in list(known)
    own = known[name]
    tuned = known["adam"].hyperparameters
    assert own.hyperparameters == {**tuned, "learning_rate": 0.25, "beta1": 0.5}
    assert own.optimizer(None) == make_hand_designed("adam", own.hyperparameters)
    assert (own.name, own.key, own.snapshots) == (name, "own", ())
    assert "adam:beta1=1.5" not in known and "nobody:x=1" not in known
    with pytest.raises(KeyError):
        known["nobody"]


def test_a_snapshot_that_was_not_scored_has_no_score() -> None:
    subject = next(iter(subjects("rosenbrock").values()))
    last = subject.snapshots[-1]
    alone = replace(subject, held_out={last: subject.held_out[last]})
    assert "held-out meta-loss 0.0124 ± 0.0012" in alone.detail_at(last)
    assert alone.detail_at(subject.snapshots[1]).endswith("held-out meta-loss not measured")
    assert "0.0124" not in alone.detail_at(subject.snapshots[1])


@pytest.mark.parametrize("task", TASKS)
def test_the_strongest_baseline_is_shown_at_first(task: str) -> None:
    scores = zoo.baselines(task)
    shown = usual_baselines(task)
    assert set(shown) <= set(scores) and {"momentum", "rmsprop", "adam"} <= set(shown)
    assert {"linear_regression": "momentum", "rosenbrock": "adam_cosine", "two_moons": "adam_exponential"}[
        task
    ] in shown


def test_an_unknown_task_is_an_input_error() -> None:
    with pytest.raises(InputError, match="unknown task 'nonsense': choose one of linear_regression"):
        subjects("nonsense")


def test_the_menu_of_tasks() -> None:
    assert [entry["value"] for entry in task_options()] == list(TASKS)
    assert [entry["label"] for entry in task_options()] == [task.title for task in TASKS.values()]


def test_every_hand_designed_optimizer_has_a_title() -> None:
    assert {"learned", *HAND_DESIGNED} <= set(TITLES)


def test_subjects_are_read_again_when_the_zoo_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = subjects("rosenbrock")
    assert subjects("rosenbrock") is first
    stamp = catalog._stamp()
    monkeypatch.setattr(catalog, "_stamp", lambda: (*stamp, 1))
    assert subjects("rosenbrock") is not first
    assert list(subjects("rosenbrock")) == list(first)


def test_the_reference_rate_is_that_of_the_tuned_sgd(monkeypatch: pytest.MonkeyPatch) -> None:
    rate = reference_rate("rosenbrock")
    assert rate is not None
    assert rate > 0
    assert reference_rate("nonsense") is None


def test_titles_tell_learned_optimizers_apart() -> None:
    run = next(iter(subjects("rosenbrock").values())).run
    assert run is not None

    def subject(name: str, title: str, seed: int, features: str = "symlog") -> Subject:
        other = copy.copy(run)
        architecture = run.config.architecture.model_copy(update={"features": features})
        other.config = run.config.model_copy(update={"seed": seed, "architecture": architecture})
        return Subject(name, "learned", title, "", (0,), other, {})

    alike = [subject("a", "GRU", 0), subject("b", "GRU", 7), subject("c", "LSTM", 0)]
    assert [subject.title for subject in distinct(alike)] == ["GRU (seed 0)", "GRU (seed 7)", "LSTM"]
    other = [*alike, subject("d", "GRU", 7, "two_scales")]
    expected = ["GRU (symlog, seed 0)", "GRU (symlog, seed 7)", "LSTM", "GRU (two scales, seed 7)"]
    assert [subject.title for subject in distinct(other)] == expected
    alike.append(subject("d", "GRU", 7))
    assert [subject.title for subject in distinct(alike)] == ["GRU (a)", "GRU (b)", "LSTM", "GRU (d)"]
