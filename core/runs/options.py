"""The settings of a run as one flat table of names, for ``train``, jobs and sweeps."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from core.errors import InputError
from core.optimizers.recurrent import Architecture
from core.runs.config import RunConfig, make_config
from core.settings import settings_of
from core.tasks import TASKS

SETTINGS = settings_of(RunConfig, Architecture)  # settings by name; ``start`` is the only other option
ARCHITECTURE = tuple(Architecture.model_fields)
FIXED = ("format", "version", "provenance", "architecture")  # settings of a run that are not chosen by name
OPTIONS = (*(name for name in RunConfig.model_fields if name not in FIXED), *ARCHITECTURE)


def to_options(config: RunConfig) -> dict[str, Any]:
    """A configuration as one flat table of JSON values."""
    plain = config.model_dump(mode="json")
    return {name: plain[name] for name in OPTIONS if name in plain} | plain["architecture"]


def from_options(options: Mapping[str, Any], base: RunConfig | None = None, *, strict: bool = False) -> RunConfig:
    """A checked configuration.

    Args:
        options: settings by the names of ``train``'s options, as in ``{"task": "rosenbrock", "units": 16}``.
        base: a configuration whose settings apply unless overridden; by default those that suit the task.
        strict: as for `make_config`.

    Raises:
        InputError: an unknown name, a value out of range, or no task.
    """
    for name in options:
        if name not in OPTIONS:
            raise InputError(f"{str(name)[:40]!r} is not a known setting: choose from {', '.join(OPTIONS)}")
    settings: dict[str, Any] = {"architecture": {}} if base is None else base.model_dump()
    for name, value in options.items():
        (settings["architecture"] if name in ARCHITECTURE else settings)[name] = value
    if "task" not in settings:
        raise InputError(f"task is missing: choose one of {', '.join(TASKS)}")
    return make_config(settings, strict=strict)


def command_of(config: RunConfig, folder: str) -> str:
    """The shell command that trains the same run; it lists only settings that differ from the task's defaults."""
    usual = to_options(make_config({"task": config.task}))
    words = ["loptscope", "train", "--task", config.task]
    for name, value in to_options(config).items():
        option = f"--{name.replace('_', '-')}"
        if value == usual[name]:
            continue
        if name == "task_parameters":
            for key, parameter in value.items():
                words += ["--task-parameter", f"{key}={json.dumps(parameter, separators=(',', ':'))}"]
        elif name == "start":
            words += [option, f"{value['run']}@{value['outer_step']}"]
        elif name == "recompute":
            words += [option] if value else [f"--no-{name}"]
        else:
            words += [option, "none" if value is None else str(value)]
    return shlex.join([*words, "--run", folder])
