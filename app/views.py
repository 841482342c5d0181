"""From a view to its bundle: computed once, kept by what it depends on.

A bundle's key is a hash of everything it depends on (the program, the snapshot, the tuned hyperparameters, the problem),
so a bundle never changes and can be cached for ever; should it be evicted, it is computed again from its link.
"""

import functools
import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import core
from app.catalog import Subject, subjects
from app.computed import once
from app.state import STEPS, View, problem_of, to_query
from core.bundle import FORMAT, Bundle, Recorded, make_bundle, record
from core.store import Run
from core.tuning import TUNED

DISPLAY_ONLY = ("shown", "components", "axis", "step", "speed", "theme")  # what a bundle does not depend on

_pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="unroll")


@functools.cache
def source_digest() -> str:
    """A hash of the program that computes bundles."""
    digest = hashlib.sha256()
    for path in sorted(Path(core.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Source:
    """Where a view's bundle comes from: its key and the link it can be computed from."""

    key: str
    query: str


def identity(subject: Subject, outer_step: int | None) -> str:
    """A hash of the weights, or the hyperparameters: whatever makes an optimizer this one."""
    if subject.run is None:
        return json.dumps(subject.hyperparameters, sort_keys=True)
    assert outer_step is not None
    return hashlib.sha256(snapshot_bytes(subject.run, outer_step)).hexdigest()


def snapshot_bytes(run: Run, outer_step: int) -> bytes:
    """All that an optimizer is made of: its weights, and how they are used."""
    return run.snapshot_path(outer_step).read_bytes() + (run.path / "config.json").read_bytes()


def source_of(view: View) -> Source:
    """The key of a view's bundle."""
    known = subjects(view.task)
    subject = known[view.optimizer]
    others = {name: known[name].hyperparameters for name in TUNED}
    parts = [source_digest(), FORMAT, STEPS, view.task, view.optimizer, identity(subject, view.outer_step)]
    text = json.dumps([*parts, others, view.seed, view.start], sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()[:32]
    return Source(key, to_query(view, leave_out=DISPLAY_ONLY))


@functools.lru_cache(maxsize=24)
def _recorded_hand_designed(
    task: str, name: str, values: str, seed: int, start: tuple[float, float] | None
) -> Recorded:
    """A tuned optimizer on one problem; ``values`` (its hyperparameters) is part of the key only."""
    return record(subjects(task)[name].optimizer(None), problem_of(task, seed, start), STEPS)


def _compute(view: View) -> Bundle:
    known = subjects(view.task)
    subject = known[view.optimizer]

    def hand_designed(name: str) -> Recorded:
        values = json.dumps(known[name].hyperparameters)
        return _recorded_hand_designed(view.task, name, values, view.seed, view.start)

    def learned() -> Recorded:
        return record(subject.optimizer(view.outer_step), problem_of(view.task, view.seed, view.start), STEPS)

    first = _pool.submit(learned if subject.run else functools.partial(hand_designed, subject.key))
    others = {name: _pool.submit(hand_designed, name) for name in TUNED if name != subject.key}
    recorded: Mapping[str, Recorded] = {
        subject.key: first.result(),
        **{name: waiting.result() for name, waiting in others.items()},
    }
    return make_bundle(problem_of(view.task, view.seed, view.start), recorded)


def bundle_bytes(view: View) -> tuple[Source, bytes]:
    """A view's bundle as safetensors, from the cache or computed (by one thread, however many ask at once)."""
    source = source_of(view)
    return source, once(f"bundle:{source.key}", lambda: _compute(view).encode())
