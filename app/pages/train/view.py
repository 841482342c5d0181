"""The fields of a Train view (the run in the address bar), and the values of its form."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.pages.train.settings import SWITCHED
from app.shared.fields import THEME
from app.shared.links import Field, Links, Values
from core.errors import InputError
from core.jobs.queue import find
from core.runs import zoo
from core.runs.options import SETTINGS, from_options, to_options
from core.runs.run import is_name
from core.settings import Setting


@dataclass(frozen=True)
class View:
    """One view of the Train page.

    Attributes:
        run: name of the run shown; "" for none.
        start: the snapshot that the form starts from, as in "NAME@100"; "" for none.
        theme: "light", "dark" or "auto".
    """

    run: str
    start: str
    theme: str


def _read_run(text: str, so_far: Values) -> str:
    return find(text).name


def _read_start(text: str, so_far: Values) -> str:
    if not is_name(text.partition("@")[0]):
        raise InputError(f"start must be a run and an outer step, as in 'mine@100' (got {text!r:.60})")
    start, _ = zoo.starting_point(text)
    return f"{start['run']}@{start['outer_step']}"


def starting(view: View) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The settings of the run to start from, and the setting ``start``; empty and None without one."""
    if not view.start:
        return {}, None
    start, _ = zoo.starting_point(view.start)
    settings = to_options(zoo.find_run(start["run"]).config)
    return {name: value for name, value in settings.items() if name != "start"}, start


FIELDS: dict[str, Field] = {
    "run": Field(lambda _: "", _read_run, str),
    "start": Field(lambda _: "", _read_start, str),
    "theme": THEME,
}
NAMES = tuple(setting.name for setting in SETTINGS)

LINKS = Links(View, FIELDS)
parse = LINKS.parse


def to_form(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the form's controls for some settings; the others have the task's defaults.

    Args:
        settings: by the names of ``train``'s options.

    Raises:
        InputError: the settings are invalid.
    """
    complete = to_options(from_options(settings))
    return {setting.name: _in_form(setting, complete[setting.name]) for setting in SETTINGS}


def _in_form(setting: Setting, value: Any) -> Any:
    if setting.kind == "text":
        return json.dumps(value) if value else ""
    if setting.kind == "switch":
        return SWITCHED[value]
    return "" if value is None else value
