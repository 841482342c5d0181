"""The commands ``analyze`` and ``null``: the instruments on one optimizer, and on untrained ones of its architecture."""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from core import plugins
from core.errors import InputError
from core.files.atomic import write_json
from core.late import torch
from core.mechanisms.ablation import ABLATIONS_FILE, ablate
from core.mechanisms.context import Context
from core.mechanisms.null import COUNT, Null, measure_null, untrained, write_null
from core.mechanisms.report import report_of
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import CALIBRATION, HAND_DESIGNED, make_hand_designed
from core.runs import zoo
from core.runs.config import RunConfig
from core.runs.run import Run
from core.tables import report_table
from core.tasks import TASKS, make_task
from loptscope.cli.settings import list_of


def add_analyze(a: argparse.ArgumentParser) -> None:
    """The options of ``analyze``."""
    subject = a.add_mutually_exclusive_group(required=True)
    subject.add_argument("--run", metavar="DIR_OR_NAME", help="a run's folder or a zoo name")
    subject.add_argument(
        "--optimizer",
        choices=(*HAND_DESIGNED, *CALIBRATION, *plugins.OPTIMIZERS),
        help="a hand-designed optimizer, or a plugin's",
    )
    a.add_argument("--outer-step", type=int, metavar="STEP", help="snapshot of the run (default: the last)")
    a.add_argument(
        "--hyperparameters", metavar="JSON", help='as in {"learning_rate": 0.1}; the others have their defaults'
    )
    a.add_argument("--task", choices=TASKS, help="task that its gradients come from (default: the run's)")
    a.add_argument(
        "--untrained", type=int, metavar="SEED", help="an untrained optimizer of the run's architecture instead"
    )
    a.add_argument(
        "--curvatures", type=list_of(float), metavar="L,L,…", help="report the closed loop at these curvatures"
    )
    a.add_argument("--interventions", action="store_true", help="also run its ablations: each mechanism switched off")
    a.add_argument(
        "--problems",
        type=int,
        help="held-out problems of the ablations (default: 128, or 16 large ones; for whole tensors 8, or 4)",
    )
    a.add_argument("--save", action="store_true", help="run the ablations and store them with the run")
    a.add_argument("--html", type=Path, metavar="FILE", help="also write a printable page with figures")


def add_null(n: argparse.ArgumentParser) -> None:
    """The options of ``null``."""
    n.add_argument("--run", required=True, metavar="DIR_OR_NAME", help="a run's folder or a zoo name")
    n.add_argument("--count", type=int, default=COUNT, help="untrained optimizers (default: %(default)s)")
    n.add_argument("--out", type=Path, metavar="DIR", help="where to keep it (default: with one's own runs)")


@dataclass(frozen=True)
class _Analyzed:
    """What is to be analysed: its name, the optimizer, its task, and the run that it comes from."""

    name: str
    optimizer: Optimizer
    task: str
    run: Run | None = None


def _subject(options: argparse.Namespace) -> _Analyzed:
    if options.run is not None:
        if options.hyperparameters is not None:
            raise InputError("--hyperparameters need --optimizer: a run has its own settings")
        run = zoo.find_run(options.run)
        task = options.task or run.config.task
        if options.untrained is None:
            return _Analyzed(run.name, run.optimizer(options.outer_step), task, run)
        if options.outer_step is not None or options.save:
            raise InputError("--untrained takes neither --outer-step nor --save: there is no snapshot of it")
        name = f"{run.config.architecture.label}, untrained, seed {options.untrained}"
        return _Analyzed(name, untrained(run.config.architecture, options.untrained), task, run)
    if options.outer_step is not None or options.save or options.untrained is not None:
        raise InputError("--outer-step, --untrained and --save need --run: a hand-designed optimizer is not trained")
    try:
        values = json.loads(options.hyperparameters or "{}")
    except ValueError:
        raise InputError(f"--hyperparameters must be JSON (got {options.hyperparameters!r:.80})") from None
    if not isinstance(values, dict):
        raise InputError(f"--hyperparameters must be a JSON object (got {options.hyperparameters!r:.80})")
    task = options.task or next(iter(TASKS))
    if options.optimizer in plugins.OPTIMIZERS:
        if values:
            raise InputError(f"--hyperparameters need a hand-designed optimizer: {options.optimizer} is a plugin's")
        return _Analyzed(options.optimizer, plugins.OPTIMIZERS[options.optimizer].optimizer, task)
    return _Analyzed(options.optimizer, make_hand_designed(options.optimizer, values), task)


def _null_for(run: Run, task: str) -> Null:
    """What untrained optimizers of the run's architecture show on a task: kept, or measured now and kept."""
    config = (
        run.config if task == run.config.task else run.config.model_copy(update={"task": task, "task_parameters": {}})
    )
    null = zoo.find_null(config)
    return null if null is not None and null.complete else _measure_null(config, COUNT, zoo.own_nulls(), null)


def _measure_null(config: RunConfig, count: int, folder: Path, known: Null | None = None) -> Null:
    task = config.make_task()
    with tqdm(total=count, unit="optimizer", desc="untrained optimizers") as bar:
        null = measure_null(config.architecture, task, count, lambda done: bar.update(done - bar.n) and None, known)
    write_null(folder, null, task)
    return null


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """``null``."""
    torch.set_num_threads(options.threads or 1)
    run = zoo.find_run(options.run)
    null = _measure_null(run.config, options.count, options.out or zoo.own_nulls())
    for name in null.values:
        spread = null.range_of(name)
        print(
            f"{name:<12}" + ("too few could be measured" if spread is None else f"{spread[0]:.3g} to {spread[1]:.3g}")
        )
    return null.model_dump(mode="json")


def analyze(options: argparse.Namespace) -> dict[str, Any]:
    """``analyze``."""
    torch.set_num_threads(options.threads or 1)
    subject = _subject(options)
    context = Context(subject.optimizer, make_task(subject.task))
    ablations = ablate(context, options.problems) if options.interventions or options.save else None
    null = None if subject.run is None else _null_for(subject.run, subject.task)
    report = report_of(
        subject.name, context, ablations, null=null, trained=subject.run is not None, curvatures=options.curvatures
    )
    if options.save and subject.run is not None and ablations is not None:
        write_json(subject.run.path / ABLATIONS_FILE, ablations)
    print(report_table(report))
    if options.html is not None:
        from app.pages.mechanisms.report import write_page  # plotly takes a second to load, and only this needs it

        write_page(options.html, report, context)
        print(f"written to {options.html}")
    return report.model_dump(mode="json")
