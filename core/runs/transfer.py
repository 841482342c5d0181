"""Imports optimizers as runs, and exports runs as files.

An exported file is safetensors with θ, and the configuration of its run as JSON in the metadata. An import becomes a run with one
snapshot. Nothing is unpickled.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.errors import InputError
from core.files.atomic import MOST_TENSORS, parse_header, parse_json
from core.optimizers.hand_designed import CALIBRATION, HAND_DESIGNED
from core.optimizers.recurrent import Architecture, RecurrentOptimizer
from core.runs import zoo
from core.runs.config import RunConfig, make_config
from core.runs.run import RESERVED, Run, Status, check_weights, is_name, runs_root

if TYPE_CHECKING:
    from torch import Tensor

LARGEST = 32 * 2**20  # bytes: an LSTM of 1024 units has 16 MiB
ABOUT = "loptscope"  # the only entry of an exported file's metadata: safetensors does not keep the order of several


class Exported(BaseModel):
    """The metadata of an exported file.

    Attributes:
        config: of the original run.
        outer_step: of the snapshot.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal["loptscope-optimizer/1"] = "loptscope-optimizer/1"
    config: RunConfig
    outer_step: int = Field(ge=0, le=1_000_000)


def export_weights(run: Run, outer_step: int | None = None) -> bytes:
    """One snapshot of a run as safetensors bytes, which `import_weights` reads back bit for bit.

    Args:
        run: the run.
        outer_step: of the snapshot; by default the last.

    Returns:
        the file: θ in float32, with the run's configuration in the metadata.

    Raises:
        InputError: no such snapshot, or it is damaged.
    """
    theta = run.optimizer(outer_step).theta
    about = Exported(config=run.config, outer_step=run.snapshots()[-1] if outer_step is None else outer_step)
    import safetensors.torch  # loads torch

    return safetensors.torch.save(theta, {ABOUT: about.model_dump_json()})


DAMAGED = "the file is damaged or not a safetensors file"


def _tensors(content: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file and the metadata in its header; its size, its header and its numbers are checked."""
    import safetensors.torch

    if len(content) > LARGEST:
        raise InputError(f"the file has {len(content):,} bytes; at most {LARGEST:,} are read")
    header = parse_header(content, len(content), MOST_TENSORS, DAMAGED)
    for name, kind in header.dtypes.items():
        if kind != "F32":
            raise InputError(f"{name[:40]!r} in the file must contain float32 numbers (F32)")
    try:
        theta = safetensors.torch.load(content)
    except (safetensors.SafetensorError, ValueError):
        raise InputError(DAMAGED) from None
    check_weights(theta, "the file")
    return theta, header.metadata


def _exported(metadata: Mapping[str, str]) -> Exported | None:
    """The file's metadata if it was exported here, otherwise None."""
    if ABOUT not in metadata:
        return None
    return parse_json(metadata[ABOUT].encode(), Exported, "the file's metadata")


def check_name(name: str, root: Path) -> None:
    """Check that a new run can have this name.

    Raises:
        InputError: it is not a valid name, or it is taken.
    """
    if name in RESERVED:
        raise InputError(f"{name} is the name of a folder beside the runs: choose another name")
    if not is_name(name):
        raise InputError(f"a name has up to 100 letters, digits, dots, dashes and underscores (got {name!r:.60})")
    if name in {"learned", *HAND_DESIGNED, *CALIBRATION, *(entry.name for entry in zoo.entries())}:
        raise InputError(f"{name} is the name of an optimizer that ships with Loptscope: choose another")
    if (root / name).exists():
        raise InputError(f"{root / name} exists already: choose another name")


def _keep(config: RunConfig, theta: Mapping[str, Tensor], outer_step: int, name: str, root: Path | None) -> Run:
    """Create a finished run with one snapshot; it appears complete or not at all."""
    folder = runs_root() if root is None else root
    check_name(name, folder)
    RecurrentOptimizer(config.architecture, theta)  # raises if they do not fit
    check_weights(theta, "the file")
    folder.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder, prefix=f".{name}."))
    try:
        run = Run.create(made, config)
        run.write_snapshot(outer_step, dict(theta))
        run.write_status(Status(state="finished", outer_step=outer_step, outer_steps=outer_step))
        made.chmod(0o755)
        made.rename(folder / name)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return Run(folder / name)


def _foreign(task: str, architecture: Architecture, outer_step: int) -> RunConfig:
    """The configuration of weights that were trained elsewhere; unknown training settings have their defaults."""
    settings = {"task": task, "architecture": architecture.model_dump(), "provenance": "imported"}
    return make_config({**settings, **({"outer_steps": outer_step} if outer_step else {})})


def import_weights(
    content: bytes, *, name: str, task: str, architecture: Architecture | None = None, root: Path | None = None
) -> Run:
    """Import safetensors weights of a known cell as a run with one snapshot.

    Args:
        content: bytes of the file: one from `export_weights`, or any whose float32 tensors have the names and shapes of
            `Architecture.shapes`.
        name: of the new run.
        task: name of the task to analyse it on.
        architecture: required if the file does not contain it.
        root: folder of the runs; by default the user's.

    Returns:
        the new run, finished.

    Raises:
        InputError: the file, the name or the task is wrong.
    """
    theta, metadata = _tensors(content)
    exported = _exported(metadata)
    if exported is None:
        if architecture is None:
            raise InputError("the file does not contain its architecture: give at least its cell and its units")
        return _keep(_foreign(task, architecture, 0), theta, 0, name, root)
    if architecture is not None and architecture != exported.config.architecture:
        raise InputError("the file contains a different architecture: leave the architecture out")
    config = _foreign(task, exported.config.architecture, exported.outer_step)
    if exported.config.task == task:
        config = exported.config.model_copy(update={"start": None, "provenance": "imported"})
    return _keep(config, theta, exported.outer_step, name, root)


def import_renn(theta: bytes, config: bytes, *, name: str, task: str, root: Path | None = None) -> Run:
    """Import a learned optimizer in renn's published format as a run with one snapshot (arXiv 2011.02159).

    Args:
        theta: content of ``theta.bin``.
        config: content of ``config.yml``.
        name: of the new run.
        task: name of the task to analyse it on.
        root: folder of the runs; by default the user's.

    Returns:
        the new run, finished.

    Raises:
        InputError: a file, the name or the task is wrong.
    """
    from core.runs.renn import read_renn

    architecture, weights, outer_step = read_renn(theta, config)
    return _keep(_foreign(task, architecture, outer_step), weights, outer_step, name, root)
