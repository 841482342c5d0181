"""The optimizers that can be inspected, by task: shipped ones, the user's own, plugins, and tuned hand-designed ones."""

import functools
import hashlib
import json
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flask import g, has_request_context

from app.shared.evaluations import stored
from app.shared.numbers import hyperparameters, plus_minus
from core import plugins
from core.errors import InputError, choose
from core.evaluation.held_out import Evaluation
from core.evaluation.outcome import best_baseline
from core.evaluation.snapshots import FILE as SNAPSHOT_SCORES_FILE
from core.evaluation.snapshots import SnapshotScores
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
KEPT = (
    "evaluation.json",
    SNAPSHOT_SCORES_FILE,
    zoo.REPAIRED_FILE,
    LABEL_FILE,
    "snapshots",
)  # files of a run that change how it is described
REPAIRED = "fed the gradient plus the one at which its closed loop rests, so that it rests at the minimum"


@dataclass(frozen=True)
class HeldOut:
    """A snapshot's score: mean meta-loss over held-out problems and its standard error (None if one diverged), and how many problems."""

    mean: float | None
    sem: float | None
    problems: int
    diverged: int

    def __str__(self) -> str:
        if self.mean is None:
            return f"diverges on {self.diverged} of {self.problems} held-out problems"
        return f"held-out meta-loss {plus_minus(self.mean, self.sem)} ({self.problems} problems)"


@dataclass(frozen=True)
class Subject:
    """One optimizer that can be inspected.

    Attributes:
        name: in links.
        key: "learned" for every learned optimizer, otherwise the hand-designed optimizer's name; decides its colour.
        title: in menus.
        detail: one line about it, whatever its snapshot.
        snapshots: outer steps of its snapshots, ascending; empty for a hand-designed optimizer.
        run: its run, if it is learned.
        hyperparameters: if hand-designed.
        plugin: its plugin, if it is learned and registered by one.
        repairs: the run whose last optimizer this is, without its bias at rest.
        held_out: scores of its snapshots by outer step, those that are known.
        kind: of a hand-designed optimizer whose name says more than that.
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
    held_out: Mapping[int, HeldOut] = field(default_factory=dict)
    kind: str = ""

    def detail_at(self, outer_step: int | None) -> str:
        """One line about it with the score of a snapshot, never that of another one."""
        if outer_step is None or not self.snapshots:
            return self.detail
        known = self.held_out.get(outer_step)
        said = str(known) if known is not None else "held-out meta-loss not measured"
        return f"{self.detail}. At outer step {outer_step:,}: {said}"

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
        return make_hand_designed(self.kind or self.name, self.hyperparameters)


def own_name(kind: str, values: Mapping[str, float]) -> str:
    """The name of a hand-designed optimizer with hyperparameters of one's own, as in "adam:learning_rate=0.1;beta1=0.9"."""
    return f"{kind}:" + ";".join(f"{name}={value:.6g}" for name, value in values.items())


def with_own_values(task: str, name: str) -> Subject:
    """The hand-designed optimizer of such a name; hyperparameters that it leaves out are the tuned ones.

    Raises:
        InputError: no such optimizer or hyperparameter, or a value that is not allowed.
    """
    kind, _, written = name.partition(":")
    listed = _subjects(task, seen())
    usual = choose("hand-designed optimizer", kind[:80], {one: listed[one] for one in BASELINES})
    values: dict[str, float] = {}
    for part in written.split(";"):
        key, _, text = part.partition("=")
        try:
            values[key[:80]] = float(text) if text.isascii() and "_" not in text else math.nan
        except ValueError:
            values[key[:80]] = math.nan
        if not math.isfinite(values[key[:80]]):
            raise InputError(f"hyperparameters are written as in 'adam:learning_rate=0.1;beta1=0.9' (got {name!r:.60})")
    optimizer = make_hand_designed(kind, {**usual.hyperparameters, **values})
    kept = {key: float(value) for key, value in optimizer.hyperparameters().items()}
    title = f"{TITLES[kind]}, own values"
    return Subject(own_name(kind, values), "own", title, hyperparameters(kept), (), None, kept, kind=kind)


class Catalog(dict[str, Subject]):
    """The optimizers of a task by name; those with hyperparameters of one's own are found, too, but not listed."""

    def __init__(self, task: str, listed: Mapping[str, Subject]):
        super().__init__(listed)
        self.task = task

    def __missing__(self, name: str) -> Subject:
        if ":" not in name:
            raise KeyError(name)
        return with_own_values(self.task, name)

    def __contains__(self, name: object) -> bool:
        if super().__contains__(name):
            return True
        try:
            return isinstance(name, str) and ":" in name and with_own_values(self.task, name) is not None
        except InputError:
            return False


def _learned(run: Run) -> Subject:
    architecture, snapshots = run.config.architecture, run.snapshots()
    steps = snapshots[-1]
    detail = f"{architecture.label}, {architecture.features} input, {steps:,} outer steps"
    return Subject(
        run.name, "learned", _title(run, "Learned"), detail, tuple(snapshots), run, {}, held_out=_held_out(run)
    )


def _held_out(run: Run) -> dict[int, HeldOut]:
    """The scores stored with a run: that of its comparison, and those of its other snapshots."""
    found: dict[int, HeldOut] = {}
    path = run.path / SNAPSHOT_SCORES_FILE
    if path.exists():
        stored = read_json(path, SnapshotScores)
        for step, one in stored.snapshots.items():
            found[step] = HeldOut(one.meta_loss.mean, one.meta_loss.sem, stored.problems, one.diverged)
    path = run.path / "evaluation.json"
    if path.exists():
        compared = read_json(path, Evaluation)
        score = compared.optimizers["learned"]
        if compared.outer_step is not None:
            found[compared.outer_step] = HeldOut(
                score.meta_loss.mean, score.meta_loss.sem, compared.problems, score.diverged
            )
    return found


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
    """The same subjects with distinct titles: with their seeds if those differ, or with features and seeds, otherwise with their names."""
    alike: dict[str, list[Subject]] = {}
    for subject in learned:
        alike.setdefault(subject.title, []).append(subject)
    differ = {title: _difference(group) for title, group in alike.items() if len(group) > 1}
    return [
        replace(subject, title=f"{subject.title} ({differ[subject.title](subject)})")
        if subject.title in differ
        else subject
        for subject in learned
    ]


def _difference(group: Sequence[Subject]) -> Callable[[Subject], str]:
    """The shortest of a few descriptions that tells some subjects apart."""
    for kind in (_seed, _features_and_seed):
        if len({kind(subject) for subject in group}) == len(group):
            return kind
    return lambda subject: subject.name


def _seed(subject: Subject) -> str:
    return subject.name if subject.run is None else f"seed {subject.run.config.seed}"


def _features_and_seed(subject: Subject) -> str:
    features = "" if subject.run is None else f"{subject.run.config.architecture.features.replace('_', ' ')}, "
    return features + _seed(subject)


def _hand_designed(task: str, name: str, key: str, title: str) -> Subject:
    """The tuned optimizer if there was a search, otherwise one with torch's defaults and a title that says so."""
    if not zoo.is_tuned(task, name, zoo.TUNED_ROOT):
        values = {key: float(value) for key, value in make_hand_designed(name).hyperparameters().items()}
        return Subject(
            name, key, f"{title} (not tuned)", f"torch's defaults: {hyperparameters(values)}", (), None, values
        )
    tuned = zoo.find_tuned(task, name, zoo.TUNED_ROOT)
    detail = f"best of {tuned.draws} draws: {hyperparameters(tuned.hyperparameters)}"
    return Subject(name, key, f"{title} (tuned)", detail, (), None, tuned.hyperparameters)


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


def seen() -> tuple[Hashable, ...]:
    """The stamp, taken once a request: a view asks for its optimizers dozens of times."""
    if not has_request_context():
        return _stamp()
    if "catalog_stamp" not in g:
        g.catalog_stamp = _stamp()
    known: tuple[Hashable, ...] = g.catalog_stamp
    return known


@functools.lru_cache(maxsize=16)
def _subjects(task: str, seen: tuple[Hashable, ...]) -> Catalog:
    shipped = [
        _learned(Run(zoo.ROOT / entry.name)) for entry in zoo.entries() if entry.task == task and entry.snapshots
    ]
    taken = {subject.name for subject in shipped} | set(TITLES) | {*plugins.OPTIMIZERS, *plugins.WRAPPED}
    mine = [run for run in zoo.own_runs() if run.config.task == task and run.name not in taken]
    own = [_own(run, stamp(run.path, KEPT)) for run in mine]
    learned = distinct([*shipped, *(subject for subject in own if subject is not None)])
    usual = [_hand_designed(task, name, name, TITLES[name]) for name in BASELINES]
    listed = (*learned, *_plugins(task), *usual, *_repaired(learned))
    return Catalog(task, {subject.name: subject for subject in listed})


def subjects(task: str) -> Mapping[str, Subject]:
    """All optimizers that can be inspected on a task, the default first.

    Raises:
        InputError: unknown task.
    """
    choose("task", task, TASKS)
    return _subjects(task, seen())


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


def usual_baselines(task: str) -> tuple[str, ...]:
    """The baselines that Explore shows at first: the textbook ones, and the strongest by meta-loss in the task's stored comparison."""
    run = next((one.run for one in learned(task).values() if one.run is not None), None)
    compared = None if run is None else stored(run)
    strongest = None if compared is None else best_baseline(compared.optimizers)
    return tuple(name for name in BASELINES if name in EXPLORE_BASELINES or name == strongest)


def called(task: str, name: str) -> str:
    """What every page calls an optimizer; its name if none lists it."""
    known = subjects(task) if task in TASKS else {}
    return known[name].title if name in known else name


def task_options() -> list[dict[str, Any]]:
    """Entries of the task menu."""
    return [{"value": name, "label": task.title} for name, task in TASKS.items()]


def reference_rate(task: str) -> float | None:
    """The tuned learning rate of plain SGD on a task; None if there was no search."""
    try:
        return zoo.find_tuned(task, "sgd", zoo.TUNED_ROOT).hyperparameters["learning_rate"]
    except InputError:
        return None
