"""What can be put under the microscope: shipped learned optimizers, one's own, and tuned hand-designed ones, by task."""

import functools
import hashlib
import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core import plugins
from core.errors import InputError, choose
from core.evaluation.held_out import Evaluation
from core.files.atomic import Stamp, read_json, stamp
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import BASELINES, EXPLORE_BASELINES, HAND_DESIGNED, make_hand_designed
from core.plugins import Plugin
from core.runs import zoo
from core.runs.label import LABEL_FILE, read_label
from core.runs.run import Run
from core.tasks import TASKS

TITLES = {"learned": "Learned", **{name: HAND_DESIGNED[name].title for name in BASELINES}}
KEPT = ("evaluation.json", LABEL_FILE)  # files of a run that change what is said of it


@dataclass(frozen=True)
class Subject:
    """One optimizer that can be looked at.

    Attributes:
        name: as in links.
        key: "learned" for every learned optimizer, otherwise the hand-designed optimizer's name; decides its colour.
        title: as in menus.
        detail: one line on what it is.
        snapshots: outer steps it can be looked at, ascending; empty for a hand-designed optimizer.
        run: the run it comes from, if learned.
        hyperparameters: if hand-designed.
        plugin: what registered it, if it is a learned one of somebody else's.
    """

    name: str
    key: str
    title: str
    detail: str
    snapshots: tuple[int, ...]
    run: Run | None
    hyperparameters: dict[str, float]
    plugin: Plugin | None = None

    def optimizer(self, outer_step: int | None) -> Optimizer:
        """The optimizer itself, at one of its snapshots if it is a learned one."""
        if self.run is not None:
            return self.run.optimizer(outer_step)
        if self.plugin is not None:
            return self.plugin.optimizer
        return make_hand_designed(self.name, self.hyperparameters)


def _learned(run: Run) -> Subject:
    architecture, snapshots = run.config.architecture, run.snapshots()
    steps = snapshots[-1]
    detail = f"{architecture.label}, {architecture.features} input, {steps:,} outer steps"
    path = run.path / "evaluation.json"
    if path.exists():
        found = read_json(path, Evaluation).optimizers["learned"].meta_loss
        detail += f", held-out meta-loss {found.mean:.3g} ± {found.sem:.1g}" if found.mean is not None else ""
    return Subject(run.name, "learned", _title(run, "Learned"), detail, tuple(snapshots), run, {})


def _title(run: Run, whose: str) -> str:
    """What its owner calls it, or what it is."""
    return read_label(run.path).title or f"{whose} {run.config.architecture.label}"


@functools.lru_cache(maxsize=4096)
def _own(run: Run, found: Stamp) -> Subject | None:
    """A run of one's own, or None if it cannot be read; ``found`` (of what is kept with it) is part of the key only."""
    try:
        run.optimizer()
        return replace(_learned(run), title=_title(run, "Own"))
    except (InputError, OSError, KeyError):
        return None


def distinct(learned: Sequence[Subject]) -> list[Subject]:
    """The same subjects with titles that tell them apart: by seed where that does, otherwise by name."""
    titles = [subject.title for subject in learned]
    return [
        subject
        if titles.count(subject.title) == 1
        else replace(subject, title=f"{subject.title} ({_difference(subject, learned)})")
        for subject in learned
    ]


def _difference(subject: Subject, learned: Sequence[Subject]) -> str:
    seeds = [other.run.config.seed for other in learned if other.title == subject.title and other.run is not None]
    if subject.run is None or len(set(seeds)) < len(seeds):
        return subject.name
    return f"seed {subject.run.config.seed}"


def _hand_designed(task: str, name: str, key: str, title: str) -> Subject:
    """Tuned where there was a search, otherwise with torch's defaults, which is said."""
    if not zoo.is_tuned(task, name, zoo.TUNED_ROOT):
        values = {key: float(value) for key, value in make_hand_designed(name).hyperparameters().items()}
        return Subject(name, key, f"{title} (not tuned)", f"torch's defaults: {_written(values)}", (), None, values)
    tuned = zoo.find_tuned(task, name, zoo.TUNED_ROOT)
    detail = f"best of {tuned.draws} draws: {_written(tuned.hyperparameters)}"
    return Subject(name, key, f"{title} (tuned)", detail, (), None, tuned.hyperparameters)


def _written(values: Mapping[str, float]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value:.3g}" for key, value in values.items())


def _plugins(task: str) -> list[Subject]:
    """Optimizers that somebody registered: learned ones, and wrapped ones of torch's interface."""
    learned = [
        Subject(one.name, "learned", one.title, one.detail, (), None, {}, one)
        for one in plugins.OPTIMIZERS.values()
        if one.tasks is None or task in one.tasks
    ]
    return [*learned, *(_hand_designed(task, name, "learned", title) for name, title in plugins.WRAPPED.items())]


def _changed(path: Path) -> int:
    """When a file was written; 0 if it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _stamp() -> tuple[Hashable, ...]:
    """Changes when anything in the zoo or among one's own runs does: a time, then (run, stamp of what is kept with it) of each."""
    patterns = ("recipes.json", "*/config.json", "*/evaluation.json", "*/snapshots", "tuned/*/*.json")
    of_zoo = max(_changed(path) for pattern in patterns for path in zoo.ROOT.glob(pattern))
    searched = max((_changed(path) for path in zoo.own_tuned().glob("*/*.json")), default=0)
    added = (*plugins.OPTIMIZERS, *plugins.WRAPPED)
    return of_zoo, searched, added, *((run, stamp(run.path, KEPT)) for run in zoo.own_runs())


@functools.lru_cache(maxsize=16)
def _subjects(task: str, seen: tuple[Hashable, ...]) -> dict[str, Subject]:
    shipped = [_learned(Run(zoo.ROOT / entry.name)) for entry in zoo.entries() if entry.task == task]
    taken = {subject.name for subject in shipped} | set(TITLES) | {*plugins.OPTIMIZERS, *plugins.WRAPPED}
    mine = [run for run in zoo.own_runs() if run.config.task == task and run.name not in taken]
    own = [_own(run, stamp(run.path, KEPT)) for run in mine]
    learned = distinct([*shipped, *(subject for subject in own if subject is not None)])
    usual = [_hand_designed(task, name, name, TITLES[name]) for name in EXPLORE_BASELINES]
    return {subject.name: subject for subject in (*learned, *_plugins(task), *usual)}


def subjects(task: str) -> Mapping[str, Subject]:
    """Everything that can be looked at on a task, the default first.

    Raises:
        InputError: unknown task.
    """
    choose("task", task, TASKS)
    return _subjects(task, _stamp())


def identity(subject: Subject, outer_step: int | None) -> str:
    """A hash of the weights, or the hyperparameters: whatever makes an optimizer this one."""
    if subject.plugin is not None:
        return subject.plugin.digest
    if subject.run is None:
        return json.dumps(subject.hyperparameters, sort_keys=True)
    assert outer_step is not None
    return hashlib.sha256(snapshot_bytes(subject.run, outer_step)).hexdigest()


def snapshot_bytes(run: Run, outer_step: int) -> bytes:
    """All that an optimizer is made of: its weights, and how they are used."""
    return run.snapshot_path(outer_step).read_bytes() + (run.path / "config.json").read_bytes()


def learned(task: str) -> dict[str, Subject]:
    """The learned optimizers of a task by name, the default first.

    Raises:
        InputError: unknown task.
    """
    return {name: subject for name, subject in subjects(task).items() if subject.run is not None}


def task_options() -> list[dict[str, Any]]:
    """Entries of the task menu."""
    return [{"value": name, "label": task.title} for name, task in TASKS.items()]


def reference_rate(task: str) -> float | None:
    """The tuned learning rate of plain SGD on a task, if it was searched for."""
    try:
        return zoo.find_tuned(task, "sgd", zoo.TUNED_ROOT).hyperparameters["learning_rate"]
    except InputError:
        return None
