"""The commands ``import`` and ``export``."""

import argparse
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.errors import InputError, sentence
from core.files.atomic import write_bytes
from core.files.plain import read_plain
from core.optimizers.recurrent import Architecture
from core.runs import zoo
from core.tasks import TASKS
from core.training_loop.recording import Recording, recording_at
from loptscope.cli.settings import add_architecture


def add_import(i: argparse.ArgumentParser) -> None:
    """The options of ``import``."""
    i.add_argument("file", type=Path, metavar="FILE", help="safetensors, or renn's theta.bin")
    i.add_argument("--task", choices=TASKS, required=True, help="task to analyse it on")
    i.add_argument("--name", required=True, help="of the new run")
    i.add_argument("--config", type=Path, metavar="FILE", help="renn's config.yml; FILE is then its theta.bin")
    add_architecture(i)


def add_export(e: argparse.ArgumentParser) -> None:
    """The options of ``export``."""
    e.add_argument("--run", required=True, metavar="DIR_OR_NAME", help="a run's folder, a zoo name or a recording")
    e.add_argument("--outer-step", type=int, metavar="STEP", help="snapshot of the run (default: the last)")
    e.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="where to write it; a recording as .csv or .npz"
    )


MOST = 64 * 2**20  # bytes of a file


def _content(path: Path, most: int) -> bytes:
    try:
        return read_plain(path.resolve(), most)
    except FileNotFoundError:
        raise InputError(f"{path} cannot be read: it does not exist") from None


def _architecture(options: argparse.Namespace) -> Architecture | None:
    """The architecture in the options; None without one."""
    given = {name: value for name, value in vars(options).items() if name in Architecture.model_fields}
    if not given:
        return None
    missing = [f"--{name}" for name in ("cell", "units") if name not in given]
    if missing:
        raise InputError(f"an architecture needs its {' and '.join(missing)} as well")
    try:
        return Architecture(**given)
    except ValidationError as error:
        raise InputError(sentence(error)) from None


def import_run(options: argparse.Namespace) -> dict[str, Any]:
    """Run ``import``."""
    from core.runs.transfer import import_renn, import_weights  # only this needs msgpack and YAML

    content, architecture = _content(options.file, MOST), _architecture(options)
    if options.config is None:
        run = import_weights(content, name=options.name, task=options.task, architecture=architecture)
    elif architecture is not None:
        raise InputError("--config contains the architecture: leave its options out")
    else:
        run = import_renn(content, _content(options.config, MOST), name=options.name, task=options.task)
    imported = run.config.architecture
    print(f"{run.path}: {imported.label}, {imported.features} input, on {run.config.task}")
    return {"run": str(run.path), "name": run.name, "task": run.config.task, **imported.model_dump()}


def _export_recording(recording: Recording, options: argparse.Namespace) -> dict[str, Any]:
    from core.training_loop.export import export_recording

    if options.outer_step is not None:
        raise InputError(f"--outer-step needs a run: {recording.name} is a recording")
    export_recording(recording, options.out)
    print(f"{options.out}: {recording.name}, {len(recording)} recorded steps, {options.out.stat().st_size:,} bytes")
    return {
        "out": str(options.out),
        "name": recording.name,
        "steps": len(recording),
        "bytes": options.out.stat().st_size,
    }


def export_run(options: argparse.Namespace) -> dict[str, Any]:
    """Run ``export``."""
    from core.runs.transfer import export_weights

    found = recording_at(options.run)
    if found is not None:
        return _export_recording(found, options)
    run = zoo.find_run(options.run)
    content = export_weights(run, options.outer_step)
    write_bytes(options.out, content)
    step = run.snapshots()[-1] if options.outer_step is None else options.outer_step
    print(f"{options.out}: {run.name} after {step} outer steps, {len(content):,} bytes")
    return {"out": str(options.out), "name": run.name, "outer_step": step, "bytes": len(content)}
