"""What can be put under the microscope."""

import copy

import pytest
import torch

from app.shared import catalog
from app.shared.catalog import TITLES, Subject, distinct, reference_rate, subjects, task_options
from core.errors import InputError
from core.optimizers.hand_designed import EXPLORE_BASELINES, HAND_DESIGNED
from core.runs import zoo
from core.tasks import TASKS


@pytest.mark.parametrize("task", TASKS)
def test_learned_optimizers_come_first_and_tuned_ones_follow(task: str) -> None:
    known = subjects(task)
    learned = [entry.name for entry in zoo.entries() if entry.task == task]
    assert learned
    repaired = [f"{name}~repaired" for name in learned if (zoo.ROOT / name / zoo.REPAIRED_FILE).exists()]
    assert list(known) == [*learned, *EXPLORE_BASELINES, *repaired]
    for name, subject in known.items():
        assert subject.name == name
        if name in repaired:
            assert (subject.key, subject.run, subject.repairs) == ("learned", None, known[name.split("~")[0]].run)
            continue
        assert subject.key == ("learned" if name in learned else name)
        assert (subject.run is None) == (name in EXPLORE_BASELINES)
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
    for name in EXPLORE_BASELINES:
        subject = subjects(task)[name]
        assert subject.optimizer(None) == tuned[name]
        assert subject.snapshots == ()
        assert f"learning rate {subject.hyperparameters['learning_rate']:.3g}" in subject.detail


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

    def subject(name: str, title: str, seed: int) -> Subject:
        other = copy.copy(run)
        other.config = run.config.model_copy(update={"seed": seed})
        return Subject(name, "learned", title, "", (0,), other, {})

    alike = [subject("a", "GRU", 0), subject("b", "GRU", 7), subject("c", "LSTM", 0)]
    assert [subject.title for subject in distinct(alike)] == ["GRU (seed 0)", "GRU (seed 7)", "LSTM"]
    alike.append(subject("d", "GRU", 7))
    assert [subject.title for subject in distinct(alike)] == ["GRU (a)", "GRU (b)", "LSTM", "GRU (d)"]
