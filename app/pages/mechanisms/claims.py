"""What the Mechanisms page claims of a mechanism: its verdict, held against untrained optimizers; and measuring those where that is to do."""

import hashlib
import json
import threading
from dataclasses import dataclass

from app.pages.mechanisms.data import context_of, saved_ablations
from app.shared import background
from app.shared.background import Progress, say
from app.shared.cache import once, source_digest
from app.shared.catalog import Subject, identity, subjects
from app.shared.read_only import SENTENCE, read_only
from core.errors import InputError, TooManyError
from core.mechanisms.ablation import SWITCHED_OFF, Ablations, ablate
from core.mechanisms.claims import EFFECTS, Claim, claim
from core.mechanisms.measures import MEASURES, Name, measured
from core.mechanisms.null import COUNT, measure_null, null_name, write_null
from core.mechanisms.wording import verdict_sentence
from core.runs import zoo
from core.runs.config import RunConfig

MOST_NULLS = 4  # architectures that wait to be measured


@dataclass(frozen=True)
class Verdict:
    """A claim as the page shows it.

    Attributes:
        claim: what was found; None for a view that is no single mechanism.
        sentence: in words.
        null_missing: whether untrained optimizers are still to be measured.
    """

    claim: Claim | None
    sentence: str
    null_missing: bool = False


def verdict_of(task: str, name: str, outer_step: int | None, view: str) -> Verdict:
    """The verdict on one mechanism of one optimizer; computed once, kept by what it depends on.

    Args:
        task: name of the task.
        name: of the optimizer, as in the catalog.
        outer_step: of its snapshot; None for a hand-designed one.
        view: one of the mechanisms.
    """
    if view not in MEASURES:
        return Verdict(None, "")
    mechanism: Name = view
    subject = subjects(task)[name]
    null = None if subject.trained_by is None else zoo.find_null(subject.trained_by.config)
    parts = [source_digest(), task, view, identity(subject, outer_step), None if null is None else null.model_dump()]
    key = f"claim:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}"

    found = Claim.model_validate_json(once(key, compute_claim, task, name, outer_step, mechanism))
    missing = subject.trained_by is not None and (null is None or not null.complete)
    return Verdict(found, verdict_sentence(found, EFFECTS[mechanism].unit), missing)


def compute_claim(task: str, name: str, outer_step: int | None, mechanism: Name) -> bytes:
    """The claim of `verdict_of` as JSON."""
    subject = subjects(task)[name]
    null = None if subject.trained_by is None else zoo.find_null(subject.trained_by.config)
    context = context_of(task, name, outer_step)

    def ablations() -> Ablations:
        only = SWITCHED_OFF[mechanism] if context.sees_tensors else None  # each takes seconds, and is not kept
        return saved_ablations(task, name, outer_step) or ablate(context, only=only)

    found = measured(mechanism, context, 0.0 if null is None else null.floor)
    return claim(mechanism, found, null, subject.trained, ablations).model_dump_json().encode()


def compute_null(config: str, progress: str) -> None:
    """Measure the untrained optimizers of a run's architecture and store them.

    Args:
        config: of the run, as JSON.
        progress: path of the `Progress`.
    """
    run = RunConfig.model_validate_json(config)
    task = run.make_task()
    known = zoo.find_null(run)
    null = measure_null(run.architecture, task, COUNT, lambda count: say(progress, str(count)), known)
    write_null(zoo.own_nulls(), null, task)


class NullJob:
    """Measuring untrained optimizers in the background, one architecture and task at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, Progress] = {}
        self._failed: dict[str, str] = {}

    def start(self, subject: Subject) -> None:
        """Measure for an optimizer's architecture, unless it is being done.

        Raises:
            InputError: the instance is read-only.
            TooManyError: too many others wait to be measured.
        """
        if read_only():
            raise InputError(SENTENCE)
        assert subject.trained_by is not None
        config = subject.trained_by.config
        name = null_name(config.architecture, config.make_task())
        with self._lock:
            if name in self._open:
                return
            if len(self._open) >= MOST_NULLS:
                raise TooManyError(f"{MOST_NULLS} architectures wait to be measured already: try again later", after=60)
            self._open[name] = Progress()
            self._failed.pop(name, None)
        threading.Thread(target=self._work, args=(name, config.model_dump_json()), name="null", daemon=True).start()

    def _work(self, name: str, config: str) -> None:
        progress = self._open[name]
        try:
            background.run(compute_null, config, progress.path)
        except (InputError, OSError, RuntimeError) as error:
            self._failed[name] = " ".join(str(error).split())[-200:]
        finally:
            with self._lock:
                del self._open[name]
            progress.close()

    def progress(self, subject: Subject) -> str | None:
        """How far it is, in words; None where nothing is measured."""
        if subject.trained_by is None:
            return None
        name = null_name(subject.trained_by.config.architecture, subject.trained_by.config.make_task())
        if name in self._failed:
            return f"Measuring failed: {self._failed[name]}"
        progress = self._open.get(name)
        return None if progress is None else f"{progress.read() or 0} of {COUNT} untrained optimizers measured…"


NULLS = NullJob()
