"""The optimizers that can be inspected, by task: shipped ones, the user's own, plugins, and tuned hand-designed ones."""

import functools
import hashlib
import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flask import g, has_request_context

from core import plugins
from core.errors import InputError, choose
from core.evaluation.held_out import Evaluation
from core.files.atomic import LARGEST_JSON, LARGEST_TENSORS, Stamp, read_json, stamp
from core.files.plain import read_plain
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import BASELINES, EXPLORE_BASELINES, HAND_DESIGNED, make_hand_designed
from core.plugins import Plugin
from core.runs import zoo
from core.runs.label import LABEL_FILE, read_label
from core.runs.run import Run
from core.tasks import TASKS

TITLES = {"learned": "Learned", **{name: HAND_DESIGNED[name].title for name in BASELINES}}
KEPT = ("evaluation.json", zoo.REPAIRED_FILE, LABEL_FILE, "snapshots")  # files of a run that change how it is described
REPAIRED = "fed the gradient plus the one at which its closed loop rests, so that it rests at the minimum"


@dataclass(frozen=True)
class Subject:
    """One optimizer that can be inspected.

    Attributes:
        name: in links.
        key: "learned" for every learned optimizer, otherwise the hand-designed optimizer's name; decides its colour.
        title: in menus.
        detail: one line about it.
        snapshots: outer steps of its snapshots, ascending; empty for a hand-designed optimizer.
        run: its run, if it is learned.
        hyperparameters: if hand-designed.
        plugin: its plugin, if it is learned and registered by one.
        repairs: the run whose last optimizer this is, without its bias at rest.
    """

    name: str
    key: str
    title: str
    detail: str
    snapshots: tuple[int, ...]
    run: Run | None
    hyperparameters: dict[str, float]
    plugin: Plugin | None = None
    repairs: Run | None = None

    @property
    def trained_by(self) -> Run | None:
        """The run that trained it; None for hand-designed ones and plugins."""
        return self.run or self.repairs

    @property
    def trained(self) -> bool:
        """Whether it was trained, so that there are untrained ones to compare it with."""
        return self.trained_by is not None or self.plugin is not None

    def optimizer(self, outer_step: int | None) -> Optimizer:
        """The optimizer itself; at one of its snapshots if it has any."""
        if self.run is not None:
            return self.run.optimizer(outer_step)
        if self.plugin is not None:
            return self.plugin.optimizer
        if self.repairs is not None:
            return zoo.repaired(self.repairs, self.repairs.optimizer())
        return make_hand_designed(self.name, self.hyperparameters)


def _learned(run: Run) -> Subject:
    architecture, snapshots = run.config.architecture, run.snapshots()
    steps = snapshots[-1]
    detail = f"{architecture.label}, {architecture.features} input, {steps:,} outer steps"
    path = run.path / "evaluation.json"
    if path.exists():
        score = read_json(path, Evaluation).optimizers["learned"].meta_loss
        detail += f", held-out meta-loss {score.mean:.3g} ± {score.sem:.1g}" if score.mean is not None else ""
    return Subject(run.name, "learned", _title(run, "Learned"), detail, tuple(snapshots), run, {})


def _title(run: Run, whose: str) -> str:
    """The title its owner gave it, or its architecture."""
    return read_label(run.path).title or f"{whose} {run.config.architecture.label}"


@functools.lru_cache(maxsize=4096)
def _own(run: Run, state: Stamp) -> Subject | None:
    """A run of the user's, or None if it cannot be read; ``state`` (of its files) is only part of the cache key."""
    try:
        run.check_snapshot()
        return replace(_learned(run), title=_title(run, "Own"))
    except (InputError, OSError, KeyError):
        return None


def distinct(learned: Sequence[Subject]) -> list[Subject]:
    """The same subjects with distinct titles: with their seeds if those differ, otherwise with their names."""
    alike: dict[str, list[Subject]] = {}
    for subject in learned:
        alike.setdefault(subject.title, []).append(subject)
    by_seed = {title for title, group in alike.items() if _differ_in_seed(group)}
    return [
        subject
        if len(alike[subject.title]) == 1
        else replace(subject, title=f"{subject.title} ({_difference(subject, subject.title in by_seed)})")
        for subject in learned
    ]


def _differ_in_seed(group: Sequence[Subject]) -> bool:
    seeds = [subject.run.config.seed for subject in group if subject.run is not None]
    return len(set(seeds)) == len(seeds)


def _difference(subject: Subject, by_seed: bool) -> str:
    return f"seed {subject.run.config.seed}" if by_seed and subject.run is not None else subject.name


def _hand_designed(task: str, name: str, key: str, title: str) -> Subject:
    """The tuned optimizer if there was a search, otherwise one with torch's defaults and a title that says so."""
    if not zoo.is_tuned(task, name, zoo.TUNED_ROOT):
        values = {key: float(value) for key, value in make_hand_designed(name).hyperparameters().items()}
        return Subject(name, key, f"{title} (not tuned)", f"torch's defaults: {_written(values)}", (), None, values)
    tuned = zoo.find_tuned(task, name, zoo.TUNED_ROOT)
    detail = f"best of {tuned.draws} draws: {_written(tuned.hyperparameters)}"
    return Subject(name, key, f"{title} (tuned)", detail, (), None, tuned.hyperparameters)


def _written(values: Mapping[str, float]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value:.3g}" for key, value in values.items())


def _plugins(task: str) -> list[Subject]:
    """Optimizers from plugins: learned ones, and wrapped ones with torch's interface."""
    learned = [
        Subject(plugin.name, "learned", plugin.title, plugin.detail, (), None, {}, plugin)
        for plugin in plugins.OPTIMIZERS.values()
        if plugin.tasks is None or task in plugin.tasks
    ]
    return [*learned, *(_hand_designed(task, name, "learned", title) for name, title in plugins.WRAPPED.items())]


def _repaired(learned: Sequence[Subject]) -> list[Subject]:
    """The repaired optimizers of the runs for which they were evaluated (``loptscope evaluate --run NAME --repaired --save``)."""
    return [
        Subject(f"{one.name}~repaired", "learned", f"{one.title}, repaired", REPAIRED, (), None, {}, repairs=one.run)
        for one in learned
        if one.run is not None and (one.run.path / zoo.REPAIRED_FILE).exists()
    ]


def _changed(path: Path) -> int:
    """When a file was written; 0 if it does not exist."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _stamp() -> tuple[Hashable, ...]:
    """A value that changes when the zoo or the user's runs change: times, plugin names, then (run, stamp of its files) for each run."""
    patterns = ("recipes.json", "*/config.json", "*/evaluation*.json", "*/snapshots", "tuned/*/*.json")
    of_zoo = max(_changed(path) for pattern in patterns for path in zoo.ROOT.glob(pattern))
    searched = max((_changed(path) for path in zoo.own_tuned().glob("*/*.json")), default=0)
    added = (*plugins.OPTIMIZERS, *plugins.WRAPPED)
    return of_zoo, searched, added, *((run, stamp(run.path, KEPT)) for run in zoo.own_runs())


@functools.lru_cache(maxsize=16)
def _subjects(task: str, seen: tuple[Hashable, ...]) -> dict[str, Subject]:
    shipped = [
        _learned(Run(zoo.ROOT / entry.name)) for entry in zoo.entries() if entry.task == task and entry.snapshots
    ]
    taken = {subject.name for subject in shipped} | set(TITLES) | {*plugins.OPTIMIZERS, *plugins.WRAPPED}
    mine = [run for run in zoo.own_runs() if run.config.task == task and run.name not in taken]
    own = [_own(run, stamp(run.path, KEPT)) for run in mine]
    learned = distinct([*shipped, *(subject for subject in own if subject is not None)])
    usual = [_hand_designed(task, name, name, TITLES[name]) for name in EXPLORE_BASELINES]
    return {subject.name: subject for subject in (*learned, *_plugins(task), *usual, *_repaired(learned))}


def subjects(task: str) -> Mapping[str, Subject]:
    """All optimizers that can be inspected on a task, the default first.

    Raises:
        InputError: unknown task.
    """
    choose("task", task, TASKS)
    return _subjects(task, _stamp_of_request())


def _stamp_of_request() -> tuple[Hashable, ...]:
    """`_stamp`, looked up once in each request: with thousands of runs it takes its time."""
    if not has_request_context():
        return _stamp()
    if "catalog" not in g:
        g.catalog = _stamp()
    found: tuple[Hashable, ...] = g.catalog
    return found


def identity(subject: Subject, outer_step: int | None) -> str:
    """What identifies an optimizer: a hash of its weights, or its hyperparameters."""
    if subject.plugin is not None:
        return subject.plugin.digest
    if subject.repairs is not None:
        last = snapshot_bytes(subject.repairs, subject.repairs.snapshots()[-1])
        return hashlib.sha256(b"repaired" + last).hexdigest()
    if subject.run is None:
        return json.dumps(subject.hyperparameters, sort_keys=True)
    assert outer_step is not None
    return hashlib.sha256(snapshot_bytes(subject.run, outer_step)).hexdigest()


def snapshot_bytes(run: Run, outer_step: int) -> bytes:
    """The files that define an optimizer: its weights and its configuration.

    Raises:
        InputError: one of them is gone, or is not a plain file.
    """
    try:
        weights = read_plain(run.find_snapshot(outer_step), LARGEST_TENSORS)
        return weights + read_plain(run.path / "config.json", LARGEST_JSON)
    except FileNotFoundError:  # deleted just now
        raise InputError(f"{run.name} is no longer there: reload the page") from None


def learned(task: str) -> dict[str, Subject]:
    """The learned optimizers of a task by name, the default first.

    Raises:
        InputError: unknown task.
    """
    return {name: subject for name, subject in subjects(task).items() if subject.run is not None}


def some_learned(task: str) -> dict[str, Subject]:
    """The learned optimizers of a task by name, the default first.

    Raises:
        InputError: unknown task, or it has none.
    """
    known = learned(task)
    if not known:
        raise InputError(f"{TASKS[task].title} has no learned optimizer yet (loptscope train --task {task} --run DIR)")
    return known


def task_options() -> list[dict[str, Any]]:
    """Entries of the task menu."""
    return [{"value": name, "label": task.title} for name, task in TASKS.items()]


def reference_rate(task: str) -> float | None:
    """The tuned learning rate of plain SGD on a task; None if there was no search."""
    try:
        return zoo.find_tuned(task, "sgd", zoo.TUNED_ROOT).hyperparameters["learning_rate"]
    except InputError:
        return None
