"""From a view to its bundle: computed once and cached under a hash of everything it depends on.

A bundle's key is a hash of everything it depends on (the program, the snapshot, the tuned hyperparameters, the problem),
so a bundle never changes and can be cached forever. If the cache drops it, it is computed again from its link.
"""

import functools
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from app.pages.explore.shipped import shipped
from app.pages.explore.view import View, parse, to_query
from app.shared.cache import once, source_digest
from app.shared.catalog import identity, subjects, usual_baselines
from app.shared.fields import Choice, write_choice
from app.shared.problem import STEPS, problem_of
from core.bundle import FORMAT, Bundle
from core.optimizers.hand_designed import BASELINES
from core.tasks import make_task
from core.tasks.bound import loss_bound
from core.view_bundle import Measured, Recorded, make_bundle, measure, record

DISPLAY_ONLY = (
    "band",
    "components",
    "axis",
    "panels",
    "step",
    "speed",
    "theme",
)  # what a bundle does not depend on

_pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="unroll")


@dataclass(frozen=True)
class Source:
    """Where a view's bundle comes from: its key, the link it can be computed from, and its name if it ships."""

    key: str
    query: str
    name: str


def source_of(view: View) -> Source:
    """The key of a view's bundle."""
    known = subjects(view.task)
    subject = known[view.optimizer]
    view = replace(view, baselines=_beside(view))
    others = {name: known[name].hyperparameters for name in (*view.baselines, *filter(None, [view.own]))}
    compared = [(write_choice(choice), identity(known[choice[0]], choice[1])) for choice in view.compare]
    parts = [FORMAT, STEPS, view.task, view.optimizer, identity(subject, view.outer_step), compared]
    text = json.dumps([*parts, others, view.seed, view.start], sort_keys=True)
    key, name = (hashlib.sha256(f"{by}{text}".encode()).hexdigest()[:32] for by in (source_digest(), ""))
    return Source(key, to_query(view, leave_out=DISPLAY_ONLY), name)


def _beside(view: View) -> tuple[str, ...]:
    """The baselines of a view's bundle: the usual ones, whether shown or not, so that showing one computes nothing; and the others shown."""
    usual = usual_baselines(view.task)
    return tuple(name for name in BASELINES if name in usual or name in view.baselines)


@functools.lru_cache(maxsize=48)
def _recorded(
    task: str, name: str, outer_step: int | None, values: str, seed: int, start: tuple[float, float] | None
) -> Recorded:
    """An optimizer on one problem; ``values`` (its identity) is part of the key only."""
    return record(subjects(task)[name].optimizer(outer_step), problem_of(task, seed, start), STEPS)


def _compute(view: View) -> Bundle:
    known = subjects(view.task)

    def recorded(choice: Choice) -> Recorded:
        name, step = choice
        return _recorded(view.task, name, step, identity(known[name], step), view.seed, view.start)

    rows: dict[str, Choice] = {known[view.optimizer].key: (view.optimizer, view.outer_step)}
    for choice in (*view.compare, *((name, None) for name in (*_beside(view), *filter(None, [view.own])))):
        rows.setdefault(write_choice(choice), choice)
    waiting = {name: _pool.submit(recorded, choice) for name, choice in rows.items()}
    recorded_ = {name: one.result() for name, one in waiting.items()}
    subject = known[view.optimizer]
    made_of = identity(subject, view.outer_step)
    measured = _measured(view.task, view.optimizer, view.outer_step, made_of, view.seed, view.start)
    problem = problem_of(view.task, view.seed, view.start)
    return make_bundle(problem, recorded_, loss_bound(make_task(view.task)), measured, [view.own])


@functools.lru_cache(maxsize=8)
def _measured(
    task: str, name: str, outer_step: int | None, values: str, seed: int, start: tuple[float, float] | None
) -> Measured:
    """What the panels of an optimizer show besides its losses: the same whatever it is compared with."""
    problem = problem_of(task, seed, start)
    return measure(problem, _recorded(task, name, outer_step, values, seed, start))


def compute_bundle(query: str) -> bytes:
    """The bundle of a link as safetensors."""
    return _compute(parse(query)[0]).encode()


def bundle_bytes(view: View) -> tuple[Source, bytes]:
    """A view's bundle as safetensors: it ships, is in the cache, or is computed (once, however many ask at the same time)."""
    source = source_of(view)
    content = shipped(source.name)
    return source, once(f"bundle:{source.key}", compute_bundle, source.query) if content is None else content
