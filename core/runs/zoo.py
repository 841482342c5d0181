"""The zoo: trained optimizers that ship with the project, and the recipes that train them again."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from core.analysis.interventions import Repaired
from core.baselines.search import SearchResult, read_search_result
from core.errors import InputError, sentence
from core.evaluation.held_out import Evaluation, compare
from core.evaluation.out_of_distribution import Condition, Generalization, generalize
from core.files.atomic import Stamp, data_folder, stamp, write_bytes
from core.mechanisms.context import Context
from core.mechanisms.null import Null, read_null
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import BASELINES
from core.runs.config import RunConfig
from core.runs.run import Run, is_name, runs_root
from core.runs.states import STATES
from core.tasks import make_task

ROOT = data_folder(Path(__file__).resolve().parents[1], "zoo")
TUNED_ROOT = ROOT / "tuned"
NULLS_ROOT = ROOT / "nulls"
REPAIRED_FILE = "evaluation_repaired.json"  # beside a run's evaluation.json


class Entry(BaseModel):
    """One shipped optimizer, as listed by ``loptscope zoo``."""

    name: str
    task: str
    cell: str
    units: int
    outer_steps: int
    snapshots: list[int]


class Recipe(BaseModel):
    """How one zoo entry is trained: its name and its run's settings."""

    model_config = ConfigDict(extra="forbid")

    name: str
    config: RunConfig


def recipes(root: Path = ROOT) -> list[Recipe]:
    """What is in ``recipes.json``, in order: the first one of a task is the task's default."""
    path = root / "recipes.json"
    try:
        return [Recipe.model_validate(item) for item in json.loads(path.read_text())]
    except ValidationError as error:
        raise InputError(f"{path} is damaged: {sentence(error)}") from None
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None


def entries(root: Path = ROOT) -> list[Entry]:
    """The shipped optimizers, the default one of each task first."""
    listed = []
    for recipe in recipes(root):
        if not (root / recipe.name / "config.json").exists():
            continue
        run = Run(root / recipe.name)
        config = run.config
        listed.append(
            Entry(
                name=run.name,
                task=config.task,
                cell=config.architecture.cell,
                units=config.architecture.units,
                outer_steps=config.outer_steps,
                snapshots=run.snapshots(),
            )
        )
    return listed


def find_run(name_or_folder: str, root: Path = ROOT) -> Run:
    """A zoo entry by name, one of one's own runs by name, or any run by its folder.

    Raises:
        InputError: neither.
    """
    names = [entry.name for entry in entries(root)]
    if name_or_folder in names:
        return Run(root / name_or_folder)
    if is_name(name_or_folder) and (runs_root() / name_or_folder / "config.json").is_file():
        return Run(runs_root() / name_or_folder)
    if Path(name_or_folder).is_dir():
        return Run(Path(name_or_folder))
    raise InputError(f"{name_or_folder!r} is neither a run's folder nor in the zoo: {', '.join(names)}")


def starting_point(text: str, root: Path = ROOT) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What "RUN@STEP" names: the setting ``start`` and its θ. Without "@STEP" it is the last snapshot.

    Raises:
        InputError: no such run, or no such snapshot.
    """
    name, _, step = text.partition("@")
    if step and not (step.isascii() and step.isdigit() and len(step) <= 9):
        raise InputError(f"start must be a run and an outer step, as in 'mine@100' (got {text!r:.60})")
    run = find_run(name, root)
    theta = run.optimizer(int(step) if step else None).theta
    return {"run": run.name, "outer_step": int(step) if step else run.snapshots()[-1]}, theta


@functools.lru_cache(maxsize=8192)
def _own_run(path: Path, found: Stamp) -> Run | None:
    """The run in a folder, if it is over and can be looked at; ``found`` (of its files) is part of the key only."""
    try:
        run = Run(path)
        return run if STATES[run.status().state].kept and run.snapshots() else None
    except (InputError, OSError):
        return None


def own_runs() -> list[Run]:
    """One's own runs that can be looked at: finished or stopped, with at least one snapshot, by name.

    Folders that hold no whole run are left out. As long as nothing changes, these are the same objects every time.
    """
    found = []
    for path in sorted(runs_root().glob("*/config.json")):
        run = _own_run(path.parent, stamp(path.parent, ("config.json", "status.json")))
        if run is not None and is_name(run.name):
            found.append(run)
    return found


def own_tuned() -> Path:
    """Where outcomes of one's own searches lie: beside one's own runs."""
    return runs_root() / "tuned"


def find_tuned(task: str, name: str, root: Path = TUNED_ROOT) -> SearchResult:
    """The outcome of a search: the shipped one, or else one's own.

    Raises:
        InputError: there is none, or its file is damaged.
    """
    shipped = (root / task / f"{name}.json").exists()
    return read_search_result(root if shipped else own_tuned(), task, name)


def is_tuned(task: str, name: str, root: Path = TUNED_ROOT) -> bool:
    """Whether there is such an outcome."""
    return any((place / task / f"{name}.json").exists() for place in (own_tuned(), root))


def baselines(task: str, root: Path = TUNED_ROOT) -> dict[str, Optimizer]:
    """The hand-designed optimizers tuned for a task that a learned one is compared with, by name.

    Raises:
        InputError: some of them have not been tuned, or a file is damaged.
    """
    missing = [name for name in BASELINES if not is_tuned(task, name, root)]
    if missing:
        command = f"loptscope tune --task {task} --optimizer {missing[0]}"
        raise InputError(f"not tuned for {task} yet: {', '.join(missing)} (tune each, as in: {command})")
    return {name: find_tuned(task, name, root).make() for name in BASELINES}


def own_nulls() -> Path:
    """Where controls that were measured here lie: beside one's own runs."""
    return runs_root() / "nulls"


def find_null(config: RunConfig) -> Null | None:
    """What untrained optimizers of a run's architecture show on its task: shipped, or measured here; None if neither.

    Raises:
        InputError: its file is damaged.
    """
    task = config.make_task()
    shipped = read_null(NULLS_ROOT, config.architecture, task)
    return shipped if shipped is not None else read_null(own_nulls(), config.architecture, task)


def repaired(run: Run, optimizer: Optimizer) -> Repaired:
    """A run's optimizer without its bias.

    Raises:
        InputError: it comes to rest nowhere together with a quadratic.
    """
    rest = Context(optimizer, run.config.make_task()).loop_rest
    if rest is None or not rest.converged:
        raise InputError(f"{run.name} cannot be repaired: it comes to rest nowhere together with a quadratic")
    return Repaired(optimizer, rest.gradient)


def _contenders(run: Run, root: Path) -> dict[str, Optimizer]:
    return {"learned": run.optimizer(), **baselines(run.config.task, root)}


def evaluate_run(
    run: Run,
    *,
    problems: int = 128,
    seed: int = 0,
    target: float | None = None,
    root: Path = TUNED_ROOT,
    repair: bool = False,
) -> Evaluation:
    """Compare a run's last snapshot with the tuned hand-designed optimizers on held-out problems of its task.

    The problems have the task's own parameters (two moons: the full network), whatever the run was trained on, since
    those are what the others were tuned for.

    Args:
        run: the run.
        problems: how many.
        seed: of the problems.
        target: the f(x_k)/f(x_0) to reach; the task's usual one by default.
        root: where the outcomes of the searches lie.
        repair: whether to take the learned optimizer's bias at rest away first.

    Raises:
        InputError: nothing is tuned for the task, or it cannot be repaired.
    """
    contenders = _contenders(run, root)
    if repair:
        contenders["learned"] = repaired(run, contenders["learned"])
    return compare(
        make_task(run.config.task),
        contenders,
        problems=problems,
        seed=seed,
        target=target,
        outer_step=run.snapshots()[-1],
    )


def generalize_run(
    run: Run,
    *,
    problems: int = 128,
    seed: int = 0,
    target: float | None = None,
    on_condition: Callable[[Condition, int], None] | None = None,
    root: Path = TUNED_ROOT,
) -> Generalization:
    """Try a run's last snapshot and the tuned hand-designed optimizers out of distribution; see `generalize`."""
    return generalize(
        run.config.task,
        _contenders(run, root),
        outer_step=run.snapshots()[-1],
        problems=problems,
        seed=seed,
        target=target,
        on_condition=on_condition,
    )


def _write_compactly(path: Path, content: Evaluation | Generalization) -> None:
    """JSON without spaces: a curve has hundreds of numbers."""
    plain = content.model_dump(mode="json")
    write_bytes(path, (json.dumps(plain, allow_nan=False, separators=(",", ":")) + "\n").encode())


def write_evaluation(run: Run, evaluation: Evaluation, *, repaired: bool = False) -> None:
    """Keep a held-out comparison with its run; that of the repaired optimizer in a file of its own."""
    _write_compactly(run.path / (REPAIRED_FILE if repaired else "evaluation.json"), evaluation)


def write_generalization(run: Run, found: Generalization) -> None:
    """Keep out-of-distribution results with its run."""
    _write_compactly(run.path / "out_of_distribution.json", found)
