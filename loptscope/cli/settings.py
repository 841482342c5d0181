"""Command-line options for the settings of a run, derived from the settings' names, limits and descriptions."""

import argparse
import json
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from core.runs.options import SETTINGS
from core.settings import OPTIMIZER, Setting
from core.tasks import TASKS

Value = TypeVar("Value")


def number_or_none(text: str) -> float | None:
    """A number, or "none"."""
    return None if text == "none" else float(text)


def whole_or_none(text: str) -> int | None:
    """A whole number, or "none"."""
    return None if text == "none" else int(text)


number_or_none.__name__ = "number (or 'none')"
whole_or_none.__name__ = "whole number (or 'none')"


def list_of(kind: Callable[[str], Value]) -> Callable[[str], list[Value]]:
    """A reader for values with commas between."""

    def read(text: str) -> list[Value]:
        return [kind(part) for part in text.split(",")]

    read.__name__ = f"list of {getattr(kind, '__name__', 'values')}s with commas between"
    return read


def _pairs(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"write it as NAME=VALUE (got {text!r})")
    try:
        return name, json.loads(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"the value of {name} must be JSON (got {value!r})") from None


def _add(parser: argparse.ArgumentParser, setting: Setting) -> None:
    # The settings define the defaults: options that are not given are not passed on.
    option = f"--{setting.name.replace('_', '-')}"
    common: dict[str, Any] = {"default": argparse.SUPPRESS, "help": setting.description.rstrip(".")}
    if setting.kind == "text":
        common["help"] = "a parameter of the task, as in hidden=[16,16]; may be repeated"
        parser.add_argument(
            "--task-parameter", action="append", type=_pairs, metavar="NAME=JSON", dest=setting.name, **common
        )
    elif setting.kind == "switch":
        parser.add_argument(option, action=argparse.BooleanOptionalAction, **common)
    elif setting.kind == "choice":
        parser.add_argument(option, choices=TASKS if setting.name == "task" else tuple(setting.choices), **common)
    else:
        plain, or_none = (int, whole_or_none) if setting.kind == "whole" else (float, number_or_none)
        parser.add_argument(option, type=or_none if setting.optional else plain, metavar="N", **common)


def add_settings(parser: argparse.ArgumentParser, without: Collection[str] = ()) -> None:
    """Give a command an option for every setting of a run.

    Args:
        parser: of the command.
        without: names of settings that it handles itself.
    """
    for setting in SETTINGS:
        if setting.name not in without:
            _add(parser, setting)
    parser.add_argument(
        "--start",
        metavar="RUN[@STEP]",
        help="snapshot to start from (the last one by default)",
        default=argparse.SUPPRESS,
    )


def add_architecture(parser: argparse.ArgumentParser) -> None:
    """Give a command the options that describe an architecture."""
    for setting in SETTINGS:
        if setting.group == OPTIMIZER:
            _add(parser, setting)
