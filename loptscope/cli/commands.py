"""The commands. With ``--json``, the last line of stdout is one JSON object.

An error is one line on stderr; the exit status is 2 for bad input and 1 for a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

from tqdm import tqdm

import core
from core import plugins
from core.baselines.search import search_all
from core.device import DEVICES, device_of
from core.errors import InputError, TrainingError
from core.evaluation.held_out import compare
from core.evaluation.out_of_distribution import Condition, Generalization
from core.interruption import LeaveError
from core.late import torch
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import BASELINES, HAND_DESIGNED, make_hand_designed
from core.runs import zoo
from core.runs.config import RunConfig
from core.runs.lock import run_lock
from core.runs.options import OPTIONS, from_options
from core.runs.reproduce import reproduce
from core.runs.run import OuterStep, Run
from core.tables import evaluation_table, generalization_table, snapshot_table
from core.tasks import TASKS, make_task
from loptscope.cli.analyze import add_analyze, add_null, analyze, measure
from loptscope.cli.distil import add_distil, distil
from loptscope.cli.settings import add_settings, list_of
from loptscope.cli.transfer import add_export, add_import, export_run, import_run

if TYPE_CHECKING:
    from torch import Tensor

    from core.outer.distributed import Team

AXES = {"seeds": "seed", "units": "units", "learning_rates": "learning_rate"}  # of a sweep
Theta: TypeAlias = dict[str, "Tensor"]
Value = TypeVar("Value")


class _Parser(argparse.ArgumentParser):
    """argparse, with one-line errors."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _add_serve(s: argparse.ArgumentParser) -> None:
    s.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    s.add_argument("--port", type=int, default=8050)
    s.add_argument(
        "--token", action="store_true", help="let in only those who know the printed token (or LOPTSCOPE_TOKEN)"
    )
    s.add_argument("--read-only", action="store_true", help="nothing can be trained, imported, changed or deleted")
    s.add_argument("--mcp", action="store_true", help="let assistants read numbers at /_mcp with the printed token")


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = _Parser(prog="loptscope", description="A microscope for learned optimizers.")
    top.add_argument("--version", action="version", version=core.__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    common = _Parser(add_help=False)
    common.add_argument("--json", action="store_true", help="end with one JSON object on the last line")
    common.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    common.add_argument(
        "--plugin", action="append", type=Path, metavar="FILE", help="Python file that registers optimizers or tasks"
    )

    placed = _Parser(add_help=False)
    placed.add_argument(
        "--device", choices=DEVICES, default="auto", help="where to compute (default: a GPU if there is one)"
    )

    t = commands.add_parser("train", parents=[common, placed], help="train a learned optimizer")
    t.add_argument("--run", type=Path, required=True, metavar="DIR", help="folder of the run")
    t.add_argument("--resume", action="store_true", help="resume the run in that folder")
    add_settings(t)

    u = commands.add_parser("tune", parents=[common, placed], help="tune a hand-designed optimizer by random search")
    u.add_argument("--task", choices=TASKS, required=True)
    u.add_argument("--optimizer", choices=(*HAND_DESIGNED, "all"), required=True)
    u.add_argument("--draws", type=int, default=2500)
    u.add_argument("--seed", type=int, default=0)
    u.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="store the result and all draws in DIR/TASK/ (default: with your own runs, unless results are shipped)",
    )
    u.add_argument(
        "--skip-existing",
        action="store_true",
        help="skip optimizers with a result for these draws and this seed in DIR",
    )

    _add_evaluate(commands.add_parser("evaluate", parents=[common, placed], help="compare with the tuned baselines"))

    commands.add_parser("zoo", parents=[common], help="list the shipped optimizers")

    add_analyze(commands.add_parser("analyze", parents=[common], help="measure the four mechanisms of an optimizer"))

    add_null(
        commands.add_parser("null", parents=[common], help="the same for untrained optimizers: what noise would show")
    )

    add_distil(
        commands.add_parser("distil", parents=[common], help="explain its advantage by a formula of known mechanisms")
    )

    r = commands.add_parser(
        "reproduce", parents=[common, placed], help="train shipped optimizers again, from their recipes"
    )
    r.add_argument("names", nargs="+", metavar="NAME", help="of zoo/recipes.json")
    r.add_argument("--into", type=Path, default=Path("runs/reproduced"), metavar="DIR", help="(default: %(default)s)")
    r.add_argument("--until", type=int, metavar="STEPS", help="stop after that many outer steps; run again to continue")

    add_import(commands.add_parser("import", parents=[common], help="import weights as a run"))
    add_export(commands.add_parser("export", parents=[common], help="export one snapshot of a run as a file"))

    w = commands.add_parser("worker", parents=[common], help="train queued runs until it is stopped")
    w.add_argument("--parent", type=int, metavar="PID", help="stop taking runs when this parent process has ended")

    m = commands.add_parser("sweep", parents=[common], help="queue runs with every combination of some settings")
    add_settings(m, without=("units",))
    m.add_argument("--seeds", type=list_of(int), metavar="S,S,…", help="as in 0,1,2")
    m.add_argument("--units", type=list_of(int), metavar="N,N,…", help="as in 16,32")
    m.add_argument("--learning-rates", type=list_of(float), metavar="R,R,…", help="as in 0.001,0.003")

    _add_serve(commands.add_parser("serve", parents=[common], help="start the dashboard and its worker"))
    return top


def _add_evaluate(e: argparse.ArgumentParser) -> None:
    subject = e.add_mutually_exclusive_group(required=True)
    subject.add_argument("--run", metavar="DIR_OR_NAME", help="a run's folder or a zoo name")
    subject.add_argument("--optimizer", metavar="NAME", help="a plugin's optimizer, on --task")
    e.add_argument("--task", choices=TASKS, help="with --optimizer")
    e.add_argument("--problems", type=int, default=128)
    e.add_argument("--seed", type=int, default=0)
    e.add_argument("--target", type=float, metavar="RATIO", help="target loss relative to the first one")
    e.add_argument("--out-of-distribution", action="store_true", help="also on conditions it was not trained for")
    e.add_argument(
        "--repaired", action="store_true", help="take the bias at which the run's optimizer rests away first"
    )
    e.add_argument("--snapshots", action="store_true", help="also score every snapshot of the run")
    e.add_argument("--save", action="store_true", help="also store the results with the run")


@contextmanager
def _stop_on_interrupt() -> Iterator[list[int]]:
    """The first Ctrl-C (or SIGTERM) requests a clean stop (the list is no longer empty); the second interrupts at once."""
    signals: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        signals.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _train_with_bar(
    path: Path,
    config: RunConfig,
    resume: bool,
    threads: int | None,
    device: torch.device | None,
    until: int | None = None,
    start: Theta | None = None,
    team: Team | None = None,
) -> Run:
    from core.outer.distributed import Team
    from core.outer.gradient import Workers
    from core.outer.trainer import train

    team = team or Team()
    skipped = diverged = 0
    bar: tqdm[NoReturn] | None = None  # opened by the first step, so that an error is a single line
    with _stop_on_interrupt() as signals:

        def check() -> None:
            if signals and team.size == 1:  # a team leaves together, between two outer steps
                raise LeaveError

        workers = Workers(threads, check, device) if threads else Workers(check=check, device=device)

        def report(step: OuterStep) -> bool:
            nonlocal skipped, diverged, bar
            if not team.is_main:
                return not signals
            if bar is None:
                description = f"{config.task} {config.architecture.label}"
                bar = tqdm(total=config.outer_steps, unit="step", desc=description, initial=step.outer_step - 1)
            skipped += step.skipped
            diverged += step.diverged_problems
            bar.set_postfix_str(
                f"meta-loss {step.meta_loss:.4f}, diverged {diverged}, skipped {skipped}", refresh=False
            )
            bar.update(step.outer_step - bar.n)
            return not signals and step.outer_step != until

        try:
            return train(path, config, resume=resume, on_step=report, workers=workers, team=team, start=start)
        finally:
            if bar is not None:
                bar.close()


def _settings(options: argparse.Namespace) -> tuple[dict[str, Any], Theta | None]:
    """The given settings by name, and the θ to start from."""
    given = {name: value for name, value in vars(options).items() if name in OPTIONS}
    if "task_parameters" in given:
        given["task_parameters"] = dict(given["task_parameters"])
    if "start" not in given:
        return given, None
    given["start"], theta = zoo.starting_point(given["start"])
    return given, theta


def _train(options: argparse.Namespace) -> dict[str, Any]:
    from core.outer.distributed import Team

    device = device_of(options.device)
    given, start = _settings(options)
    base = Run(options.run).config if options.resume else None
    config = from_options(given, base)
    with (
        Team.joined() as team,
        run_lock(options.run) if options.resume and team.is_main else nullcontext(),
    ):
        run = _train_with_bar(options.run, config, options.resume, options.threads, device, start=start, team=team)
    status = run.status()
    if not team.is_main:
        return {"run": str(run.path), **status.model_dump()}
    print(f"{run.path}: {status.state} at outer step {status.outer_step} of {status.outer_steps},", end=" ")
    print(f"{status.diverged_problems} diverged problems, {status.skipped_steps} skipped steps, {status.seconds:.0f} s")
    if status.state == "failed":
        raise TrainingError(status.message)
    return {"run": str(run.path), **status.model_dump()}


def _tune(options: argparse.Namespace) -> dict[str, Any]:
    device = device_of(options.device)
    torch.set_num_threads(1)  # batches run in parallel instead
    results: dict[str, Any] = {}
    bar: tqdm[NoReturn] | None = None  # opened by the first unrolls, so that an error is a single line
    names = BASELINES if options.optimizer == "all" else (options.optimizer,)
    shipped = all((zoo.TUNED_ROOT / options.task / f"{name}.json").exists() for name in names)
    folder = options.out or (None if shipped else zoo.own_tuned())

    def report(name: str, done: int, work: int) -> None:
        nonlocal bar
        if bar is None:
            bar = tqdm(total=work, unit="unroll", desc=f"{options.task} {name}", smoothing=0.05)
        bar.update(done - bar.n)

    try:
        for tuned in search_all(
            make_task(options.task),
            folder,
            optimizers=names,
            draws=options.draws,
            seed=options.seed,
            workers=options.threads or os.cpu_count() or 1,
            skip_existing=options.skip_existing,
            on_done=report,
            device=device,
        ):
            if bar is not None:
                bar.close()
                bar = None
            best = ", ".join(f"{name}={value:.4g}" for name, value in tuned.hyperparameters.items())
            print(f"{options.task} {tuned.optimizer}: meta-loss {tuned.meta_loss:.4f} with {best}", end=" ")
            print(f"({tuned.diverged} of {tuned.draws} draws diverged, {tuned.given_up} given up early)", flush=True)
            results[tuned.optimizer] = tuned.model_dump()
        if folder is not None:
            print(f"stored in {folder / options.task}")
    finally:
        if bar is not None:
            bar.close()
    return {"optimizers": results} if options.optimizer == "all" else results[options.optimizer]


def _out_of_distribution(run: Run, problems: int, seed: int, target: float | None) -> Generalization:
    with tqdm(desc=f"{run.name} out of distribution", unit="condition", disable=None) as bar:

        def report(condition: Condition, count: int) -> None:
            bar.total = count
            bar.update()

        return zoo.generalize_run(run, problems=problems, seed=seed, target=target, on_condition=report)


def _say_not_tuned(task: str) -> None:
    """Name the baselines that a comparison leaves out."""
    missing = zoo.not_tuned(task)
    if missing:
        command = f"loptscope tune --task {task} --optimizer {missing[0] if len(missing) == 1 else 'all'}"
        print(f"not tuned for {task} yet, so left out: {', '.join(missing)} ({command})", file=sys.stderr)


def _evaluate_plugin(options: argparse.Namespace) -> dict[str, Any]:
    own: Optimizer
    if options.save or options.out_of_distribution or options.snapshots:
        raise InputError("--save, --out-of-distribution and --snapshots need --run")
    if options.task is None:
        raise InputError("--optimizer needs --task: the task to compare it on")
    name = options.optimizer
    if name in plugins.WRAPPED:
        own = (
            zoo.find_tuned(options.task, name).make() if zoo.is_tuned(options.task, name) else make_hand_designed(name)
        )
    elif name in plugins.OPTIMIZERS:
        own = plugins.OPTIMIZERS[name].optimizer
    else:
        known = ", ".join([*plugins.OPTIMIZERS, *plugins.WRAPPED]) or "none: name its file with --plugin"
        raise InputError(f"no plugin has registered an optimizer {name!r:.60} (registered: {known})")
    contenders = {"learned": own, **zoo.baselines(options.task)}
    _say_not_tuned(options.task)
    settings = {"problems": options.problems, "seed": options.seed, "target": options.target}
    evaluation = compare(make_task(options.task), contenders, **settings, device=device_of(options.device))
    print(evaluation_table(evaluation))
    return evaluation.model_dump(mode="json")


def _evaluate(options: argparse.Namespace) -> dict[str, Any]:
    if options.run is None:
        return _evaluate_plugin(options)
    if options.task is not None:
        raise InputError("--task needs --optimizer: a run has its own task")
    if options.repaired and (options.out_of_distribution or options.snapshots):
        raise InputError("--out-of-distribution and --snapshots take the optimizer as it is: leave --repaired out")
    run = zoo.find_run(options.run)
    settings = {"problems": options.problems, "seed": options.seed, "target": options.target}
    evaluation = zoo.evaluate_run(run, **settings, repair=options.repaired, device=device_of(options.device))
    _say_not_tuned(run.config.task)
    if options.save:
        zoo.write_evaluation(run, evaluation, repaired=options.repaired)
    print(evaluation_table(evaluation))
    result = evaluation.model_dump(mode="json")
    if options.out_of_distribution:
        generalization = _out_of_distribution(run, **settings)
        if options.save:
            zoo.write_generalization(run, generalization)
        print(generalization_table(generalization))
        result["out_of_distribution"] = generalization.model_dump(mode="json")
    if options.snapshots:
        with tqdm(desc=f"{run.name} snapshots", unit="snapshot", total=len(run.snapshots()), disable=None) as bar:
            scores = zoo.score_run_snapshots(
                run, problems=options.problems, seed=options.seed, on_snapshot=lambda _: bar.update()
            )
        if options.save:
            zoo.write_snapshot_scores(run, scores)
        print(snapshot_table(scores))
        result["snapshots"] = scores.model_dump(mode="json")
    return result


def _reproduce(options: argparse.Namespace) -> dict[str, Any]:
    def fit(path: Path, config: RunConfig, resume: bool) -> Run:
        named = None if resume else config.start  # of a run that is resumed, θ is in its folder
        start = None if named is None else zoo.starting_point(f"{named.run}@{named.outer_step}")[1]
        return _train_with_bar(
            path, config, resume, options.threads, device_of(options.device), options.until, start=start
        )

    done = []
    for name in options.names:
        again = reproduce(name, options.into, fit, on_evaluation=lambda evaluation: print(evaluation_table(evaluation)))
        print(again.sentence())
        done.append(again.model_dump(mode="json"))
        if not again.finished and (options.until is None or again.outer_step < options.until):
            break  # stopped by hand: the same command continues from there
    return {"reproduced": done}


def _zoo(options: argparse.Namespace) -> list[dict[str, Any]]:
    listed = zoo.entries()
    for entry in listed:
        kept = f"{len(entry.snapshots)} snapshots"
        print(
            f"{entry.name:<32}{entry.task:<20}{entry.cell}-{entry.units:<6}{entry.outer_steps:>6} outer steps, {kept}"
        )
    return [entry.model_dump() for entry in listed]


def _worker(options: argparse.Namespace) -> dict[str, Any]:
    from core.jobs.broker import run_worker  # only this command and the next need Celery

    run_worker(threads=options.threads, parent=options.parent)
    return {}


def _sweep(options: argparse.Namespace) -> dict[str, Any]:
    from core.jobs.broker import notify, workers_present
    from core.jobs.sweep import sweep

    axes = {setting: values for name, setting in AXES.items() if (values := getattr(options, name))}
    shared, _ = _settings(options)
    shared.pop("units")  # a list here
    name, queued = sweep(shared, axes)
    for job in queued:
        notify()
        print(job.name)
    if not workers_present():
        print("There is no worker yet: start one with `loptscope worker` (the dashboard starts its own).")
    print(f"The dashboard compares them at /runs?sweep={name}")
    return {"sweep": name, "runs": [job.name for job in queued]}


def _serve(options: argparse.Namespace) -> dict[str, Any]:
    from app.server import serve  # the dashboard's libraries take a second to load

    if options.token and not os.environ.get("LOPTSCOPE_TOKEN"):
        os.environ["LOPTSCOPE_TOKEN"] = secrets.token_urlsafe(24)
    if options.read_only:
        os.environ["LOPTSCOPE_READ_ONLY"] = "1"
    if options.mcp:
        token = os.environ.setdefault("LOPTSCOPE_MCP_TOKEN", secrets.token_urlsafe(24))
        print(f"Assistants: http://{options.host}:{options.port}/_mcp with 'Authorization: Bearer {token}'", flush=True)
    serve(options.host, options.port)
    return {}


COMMANDS = {
    "train": _train,
    "tune": _tune,
    "evaluate": _evaluate,
    "analyze": analyze,
    "null": measure,
    "distil": distil,
    "reproduce": _reproduce,
    "zoo": _zoo,
    "import": import_run,
    "export": export_run,
    "worker": _worker,
    "sweep": _sweep,
    "serve": _serve,
}


def _plugin_files(arguments: Sequence[str]) -> list[str]:
    """The files that ``--plugin`` names."""
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    early.add_argument("--plugin", action="append", default=[])
    try:
        return list(early.parse_known_args(arguments)[0].plugin)
    except argparse.ArgumentError:
        return []  # the command's own parser reports it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    try:
        plugins.load_all(_plugin_files(sys.argv[1:] if arguments is None else arguments))  # before names are checked
    except InputError as error:
        print(f"loptscope: {error}", file=sys.stderr)
        return 2
    options = parser().parse_args(arguments)
    if options.threads is not None and options.threads < 1:
        print(f"loptscope: --threads must be at least 1 (got {options.threads})", file=sys.stderr)
        return 2
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        result = COMMANDS[options.command](options)
    except InputError as error:
        print(f"loptscope: {error}", file=sys.stderr)
        return 2
    except (OSError, TrainingError) as error:
        print(f"loptscope: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(result, allow_nan=False))
    return 0
