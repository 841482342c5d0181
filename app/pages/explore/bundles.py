"""From a view to its bundle: computed once and cached under a hash of everything it depends on.

A bundle's key is a hash of everything it depends on (the program, the snapshot, the tuned hyperparameters, the problem),
so a bundle never changes and can be cached forever. If the cache drops it, it is computed again from its link.
"""

import functools
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from app.pages.explore.view import View, parse, to_query
from app.shared.cache import once, source_digest
from app.shared.catalog import identity, subjects
from app.shared.fields import Choice, write_choice
from app.shared.problem import STEPS, problem_of
from core.bundle import FORMAT, Bundle, Recorded, make_bundle, record
from core.optimizers.hand_designed import EXPLORE_BASELINES
from core.tasks import make_task
from core.tasks.bound import loss_bound

DISPLAY_ONLY = (
    "baselines",
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
    """Where a view's bundle comes from: its key and the link it can be computed from."""

    key: str
    query: str


def source_of(view: View) -> Source:
    """The key of a view's bundle."""
    known = subjects(view.task)
    subject = known[view.optimizer]
    others = {name: known[name].hyperparameters for name in EXPLORE_BASELINES}
    compared = [(write_choice(choice), identity(known[choice[0]], choice[1])) for choice in view.compare]
    parts = [source_digest(), FORMAT, STEPS, view.task, view.optimizer, identity(subject, view.outer_step), compared]
    text = json.dumps([*parts, others, view.seed, view.start], sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()[:32]
    return Source(key, to_query(view, leave_out=DISPLAY_ONLY))


@functools.lru_cache(maxsize=24)
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
    for choice in (*view.compare, *((name, None) for name in EXPLORE_BASELINES)):
        rows.setdefault(write_choice(choice), choice)
    waiting = {name: _pool.submit(recorded, choice) for name, choice in rows.items()}
    return make_bundle(
        problem_of(view.task, view.seed, view.start),
        {name: one.result() for name, one in waiting.items()},
        loss_bound(make_task(view.task)),
    )


def compute_bundle(query: str) -> bytes:
    """The bundle of a link as safetensors."""
    return _compute(parse(query)[0]).encode()


def bundle_bytes(view: View) -> tuple[Source, bytes]:
    """A view's bundle as safetensors, from the cache or computed (once, however many ask at the same time)."""
    source = source_of(view)
    return source, once(f"bundle:{source.key}", compute_bundle, source.query)
