"""The zoo: trained optimizers that ship with the project, and the recipes that train them again."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from core.baselines.search import SearchResult, read_search_result
from core.errors import InputError, sentence
from core.evaluation.held_out import Evaluation, compare
from core.evaluation.out_of_distribution import Condition, Generalization, generalize
from core.evaluation.snapshots import FILE as SNAPSHOT_SCORES_FILE
from core.evaluation.snapshots import SnapshotScores, score_snapshots
from core.files.atomic import LARGEST_JSON, Stamp, data_folder, finite_json, is_settled, stamp, write_bytes
from core.files.plain import read_plain
from core.mechanisms.null import Null, read_null
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import BASELINES
from core.runs.config import RunConfig
from core.runs.run import Run, is_name, runs_root
from core.runs.states import STATES
from core.tasks import make_task

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.analysis.interventions import Repaired

ROOT = data_folder(Path(__file__).resolve().parents[1], "zoo")
TUNED_ROOT = ROOT / "tuned"
NULLS_ROOT = ROOT / "nulls"
EVALUATION_FILE = "evaluation.json"  # in a run's folder
REPAIRED_FILE = "evaluation_repaired.json"  # beside it


class Entry(BaseModel):
    """One shipped optimizer in the list of ``loptscope zoo``."""

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
    """The recipes in ``recipes.json``, in order: the first one of a task is the task's default."""
    return list(_recipes(root, stamp(root, ("recipes.json",))))


@functools.lru_cache(maxsize=16)
def _recipes(root: Path, state: Stamp) -> tuple[Recipe, ...]:
    """The recipes; ``state`` (of their file) is only part of the cache key."""
    path = root / "recipes.json"
    try:
        return tuple(Recipe.model_validate(item) for item in finite_json(read_plain(path, LARGEST_JSON)))
    except ValidationError as error:
        raise InputError(f"{path} is damaged: {sentence(error, quote=False)}") from None
    except InputError:
        raise
    except (OSError, ValueError, TypeError):
        raise InputError(f"{path} cannot be read: it must be a list of recipes in JSON") from None


def entries(root: Path = ROOT) -> list[Entry]:
    """The shipped optimizers, with the default of each task first.

    Args:
        root: folder of the zoo.

    Raises:
        InputError: ``recipes.json`` or a run is damaged.
    """
    listed = []
    for recipe in recipes(root):
        state = stamp(root / recipe.name, ("config.json", "snapshots"))
        entry = (
            _entry(root / recipe.name, state) if is_settled(state) else _entry.__wrapped__(root / recipe.name, state)
        )
        if entry is not None:
            listed.append(entry)
    return listed


@functools.lru_cache(maxsize=256)
def _entry(path: Path, state: Stamp) -> Entry | None:
    """One of them, None if there is none; ``state`` (of its files) is only part of the cache key."""
    if not (path / "config.json").exists():
        return None
    run = Run(path)
    config = run.config
    return Entry(
        name=run.name,
        task=config.task,
        cell=config.architecture.cell,
        units=config.architecture.units,
        outer_steps=config.outer_steps,
        snapshots=run.snapshots(),
    )


def find_run(name_or_folder: str, root: Path = ROOT) -> Run:
    """A shipped optimizer or one of the user's runs by name, or any run by its folder.

    Args:
        name_or_folder: the name, or the path of the folder.
        root: folder of the zoo.

    Raises:
        InputError: there is no such run, or it is damaged.
    """
    names = [entry.name for entry in entries(root)]
    if name_or_folder in names:
        return Run(root / name_or_folder)
    if is_name(name_or_folder) and (runs_root() / name_or_folder / "config.json").is_file():
        return Run(runs_root() / name_or_folder)
    if Path(name_or_folder).is_dir():
        return Run(Path(name_or_folder))
    raise InputError(f"{name_or_folder!r} is neither a run nor a run's folder; the zoo has {', '.join(names)}")


def starting_point(text: str, root: Path = ROOT) -> tuple[dict[str, Any], dict[str, "Tensor"]]:
    """The setting ``start`` and its θ for "RUN@STEP"; without "@STEP" for the last snapshot.

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
def _own_run(path: Path, state: Stamp) -> Run | None:
    """The run in a folder if it is over and has a snapshot; ``state`` (of its files) is only part of the cache key."""
    try:
        run = Run(path)
        return run if STATES[run.status().state].kept and run.snapshots() else None
    except (InputError, OSError):
        return None


def own_runs() -> list[Run]:
    """The user's runs that can be inspected: finished or stopped, with at least one snapshot, sorted by name.

    Incomplete runs are left out. While nothing changes, these are the same objects every time.
    """
    runs = []
    for path in sorted(runs_root().glob("*/config.json")):
        run = _own_run(path.parent, stamp(path.parent, ("config.json", "status.json", "snapshots")))
        if run is not None and is_name(run.name):
            runs.append(run)
    return runs


def own_tuned() -> Path:
    """The folder of the user's search results, beside the user's runs."""
    return runs_root() / "tuned"


def find_tuned(task: str, name: str, root: Path = TUNED_ROOT) -> SearchResult:
    """The result of a search: the shipped one, otherwise the user's.

    Raises:
        InputError: there is none, or its file is damaged.
    """
    shipped = (root / task / f"{name}.json").exists()
    return read_search_result(root if shipped else own_tuned(), task, name)


def is_tuned(task: str, name: str, root: Path = TUNED_ROOT) -> bool:
    """Whether there is a search result for an optimizer on a task."""
    return any((folder / task / f"{name}.json").exists() for folder in (own_tuned(), root))


def not_tuned(task: str, root: Path = TUNED_ROOT) -> list[str]:
    """The hand-designed optimizers without a search result on a task."""
    return [name for name in BASELINES if not is_tuned(task, name, root)]


def baselines(task: str, root: Path = TUNED_ROOT) -> dict[str, Optimizer]:
    """The tuned hand-designed optimizers of a task, by name; those that are not tuned are left out (`not_tuned`).

    Args:
        task: name of the task.
        root: folder of the shipped search results.

    Raises:
        InputError: a file is damaged.
    """
    missing = not_tuned(task, root)
    return {name: find_tuned(task, name, root).make() for name in BASELINES if name not in missing}


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


def repaired(run: Run, optimizer: Optimizer) -> "Repaired":
    """A run's optimizer without its bias.

    Raises:
        InputError: it comes to rest nowhere together with a quadratic, or its update jumps at gradient 0.
    """
    from core.analysis.interventions import Repaired
    from core.mechanisms.context import Context

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
    device: "torch.device | None" = None,
) -> Evaluation:
    """Compare a run's last snapshot with the tuned baselines on held-out problems of its task.

    The problems have the task's default parameters (two moons: the full network), whatever the run was trained on, since
    the baselines were tuned for those.

    Args:
        run: the run.
        problems: number of problems.
        seed: of the problems.
        target: the f(x_k)/f(x_0) to reach; by default the task's.
        root: folder of the shipped search results.
        repair: whether to take the learned optimizer's bias at rest away first.
        device: where to compute; by default the CPU.

    Returns:
        the scores of "learned" and of every tuned baseline.

    Raises:
        InputError: the run has no snapshot, an argument is out of range, or the optimizer cannot be repaired.
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
        device=device,
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
    """Evaluate a run's last snapshot and the tuned baselines out of distribution; see `generalize`."""
    return generalize(
        run.config.task,
        _contenders(run, root),
        outer_step=run.snapshots()[-1],
        problems=problems,
        seed=seed,
        target=target,
        on_condition=on_condition,
    )


def score_run_snapshots(
    run: Run, *, problems: int = 128, seed: int = 0, on_snapshot: Callable[[int], None] | None = None
) -> SnapshotScores:
    """Score every snapshot of a run on held-out problems of its task; see `score_snapshots` and `evaluate_run`."""
    optimizers = ((step, run.optimizer(step)) for step in run.snapshots())
    task = make_task(run.config.task)
    return score_snapshots(task, optimizers, problems=problems, seed=seed, on_snapshot=on_snapshot)


def write_snapshot_scores(run: Run, scores: SnapshotScores) -> None:
    """Store the scores of a run's snapshots with it."""
    _write_compactly(run.path / SNAPSHOT_SCORES_FILE, scores)


def _write_compactly(path: Path, content: Evaluation | Generalization | SnapshotScores) -> None:
    """JSON without spaces: a curve has hundreds of numbers."""
    plain = content.model_dump(mode="json")
    write_bytes(path, (json.dumps(plain, allow_nan=False, separators=(",", ":")) + "\n").encode())


def write_evaluation(run: Run, evaluation: Evaluation, *, repaired: bool = False) -> None:
    """Store a held-out comparison with its run; that of the repaired optimizer in a file of its own."""
    _write_compactly(run.path / (REPAIRED_FILE if repaired else EVALUATION_FILE), evaluation)


def write_generalization(run: Run, results: Generalization) -> None:
    """Store out-of-distribution results with their run."""
    _write_compactly(run.path / "out_of_distribution.json", results)
