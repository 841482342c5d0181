"""What the Train page can show (a run, in the address bar) and what its form holds."""

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
        run: name of the run that is shown, "" for none.
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
    found, _ = zoo.starting_point(text)
    return f"{found['run']}@{found['outer_step']}"


def starting(view: View) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Settings of the run that the form is to start from, and the setting ``start``; nothing and None without one."""
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
    """What the form's controls show for settings; what is not given has the value that suits the task.

    Args:
        settings: by the names of ``train``'s options.

    Raises:
        InputError: they are no run's.
    """
    complete = to_options(from_options(settings))
    return {setting.name: _in_form(setting, complete[setting.name]) for setting in SETTINGS}


def _in_form(setting: Setting, value: Any) -> Any:
    if setting.kind == "text":
        return json.dumps(value) if value else ""
    if setting.kind == "switch":
        return SWITCHED[value]
    return "" if value is None else value
