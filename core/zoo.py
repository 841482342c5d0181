"""The zoo: trained optimizers that ship with the project, and the recipes that train them again."""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import InputError, sentence
from core.evaluation import Evaluation, evaluate, score
from core.files import write_json
from core.optimizers.base import Optimizer
from core.outer.config import RunConfig
from core.store import Run
from core.tasks import make_task
from core.tuning import TUNED, read_tuned

ROOT = Path(__file__).resolve().parent.parent / "zoo"
TUNED_ROOT = ROOT / "tuned"


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
    """A zoo entry by name, or any run by its folder.

    Raises:
        InputError: neither.
    """
    names = [entry.name for entry in entries(root)]
    if name_or_folder in names:
        return Run(root / name_or_folder)
    if Path(name_or_folder).is_dir():
        return Run(Path(name_or_folder))
    raise InputError(f"{name_or_folder!r} is neither a run's folder nor in the zoo: {', '.join(names)}")


def tuned_optimizers(task: str, root: Path = TUNED_ROOT) -> dict[str, Optimizer]:
    """The hand-designed optimizers tuned for a task, by name."""
    return {name: read_tuned(root, task, name).make() for name in TUNED}


def evaluate_run(run: Run, *, problems: int = 128, seed: int = 0, root: Path = TUNED_ROOT) -> Evaluation:
    """Compare a run's last snapshot with the tuned hand-designed optimizers on held-out problems of its task.

    The problems have the task's own parameters (two moons: the full network), whatever the run was trained on, since
    those are what the others were tuned for.
    """
    task = make_task(run.config.task)
    tuned = {name: read_tuned(root, task.name, name) for name in TUNED}
    contenders: dict[str, Optimizer] = {"learned": run.optimizer()}
    contenders |= {name: outcome.make() for name, outcome in tuned.items()}
    steps = 200
    curves = evaluate(task, contenders, problems=problems, seed=seed, steps=steps)
    return Evaluation(
        task=task.name,
        problems=problems,
        seed=seed,
        steps=steps,
        outer_step=run.snapshots()[-1],
        optimizers={
            name: score(losses, tuned[name].hyperparameters if name in tuned else None)
            for name, losses in curves.items()
        },
    )


def write_evaluation(run: Run, evaluation: Evaluation) -> None:
    """Keep a held-out comparison with its run."""
    write_json(run.path / "evaluation.json", evaluation)
