"""From a view of the Mechanisms page to its arrays: computed once for an optimizer's snapshot and cached under a hash of everything they depend on."""

import functools
import hashlib
import json

from flask import current_app

from app.shared.cache import ahead, once, source_digest
from app.shared.catalog import identity, subjects
from app.shared.mechanisms import MECHANISMS, Mechanism, mechanism_of
from core.bundle import FORMAT, Bundle
from core.errors import InputError
from core.files.atomic import read_json
from core.mechanisms.ablation import ABLATIONS_FILE, Ablations
from core.mechanisms.context import Context
from core.mechanisms.held import has_moment, held_at, typical_moment
from core.tasks import make_task


@functools.lru_cache(maxsize=48)
def _context(task: str, name: str, outer_step: int | None, made_of: str) -> Context:
    """What the views of one optimizer share; ``made_of`` (its weights) is only part of the cache key."""
    return Context(subjects(task)[name].optimizer(outer_step), make_task(task))


def _key(task: str, name: str, outer_step: int | None, view: str, moment: float | None = None) -> str:
    made_of = identity(subjects(task)[name], outer_step)
    text = json.dumps([source_digest(), FORMAT, task, made_of, view, moment])
    return f"mechanism:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def context_of(task: str, name: str, outer_step: int | None) -> Context:
    """The optimizer on its task, shared by everything that measures it."""
    return _context(task, name, outer_step, identity(subjects(task)[name], outer_step))


def mechanism_for(task: str, name: str, outer_step: int | None, view: str) -> Mechanism:
    """How a view measures and draws an optimizer of the catalog."""
    return mechanism_of(view, subjects(task)[name].optimizer(outer_step))


def moment_of(task: str, name: str, outer_step: int | None, view: str, percent: int) -> float | None:
    """The second moment at which a view holds an optimizer; None if it has none, or the view does not hold it."""
    if not MECHANISMS[view].at_typical_moment or not has_moment(subjects(task)[name].optimizer(outer_step)):
        return None
    try:
        return typical_moment(context_of(task, name, outer_step), percent / 100)
    except InputError:  # it is 0 all along the run
        return None


def measured(task: str, name: str, outer_step: int | None, view: str, moment: float | None = None) -> Bundle:
    """The arrays of one view of one optimizer.

    Args:
        task: name of the task.
        name: of the optimizer, from the catalog.
        outer_step: of its snapshot; None for a hand-designed one.
        view: one of the mechanisms.
        moment: the second moment at which it is held; None where it is not.
    """
    saved = saved_ablations(task, name, outer_step) if view == "ablations" else None
    if saved is not None:
        return Bundle({}, {"ablations": saved.model_dump(mode="json"), "scale": 1.0})

    key = _key(task, name, outer_step, view, moment)
    return Bundle.decode(once(key, compute_view, task, name, outer_step, view, moment))


def compute_view(task: str, name: str, outer_step: int | None, view: str, moment: float | None) -> bytes:
    """The arrays of `measured` as safetensors."""
    context = context_of(task, name, outer_step)
    return (
        mechanism_of(view, context.optimizer).measure(context if moment is None else held_at(context, moment)).encode()
    )


def saved_ablations(task: str, name: str, outer_step: int | None) -> Ablations | None:
    """The ablations of a run's last snapshot, if they are stored with it."""
    subject = subjects(task)[name]
    if subject.run is None or outer_step != subject.snapshots[-1]:
        return None
    path = subject.run.path / ABLATIONS_FILE
    return read_json(path, Ablations) if path.exists() else None


def prepare(task: str, name: str, view: str) -> None:
    """Compute the view of every snapshot in the background, so that outer training plays as an animation."""
    if not MECHANISMS[view].snapshots_ahead:
        return  # each takes seconds: compute only what is shown
    server = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - the application itself, for another thread
    for outer_step in reversed(subjects(task)[name].snapshots):
        key = _key(task, name, outer_step, view)
        ahead(server, key, compute_view, task, name, outer_step, view, None)
