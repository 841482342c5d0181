"""The fields of a Library view as one typed table: filters, the table's order, the open run."""

from dataclasses import dataclass
from typing import get_args

from app.pages.library.entries import find
from app.shared.fields import THEME
from app.shared.links import Field, Links, Values, choice
from core.errors import InputError
from core.optimizers.recurrent import Architecture
from core.runs.states import State
from core.settings import settings_of
from core.tasks import TASKS

ANY = "any"
SORTABLE = ("title", "task", "label", "state", "last", "held_out", "parameters", "when")
SORTS = tuple(sign + name for name in SORTABLE for sign in ("", "-"))  # "-" sorts in descending order
CELLS = next(row.choices for row in settings_of(Architecture) if row.name == "cell")
CHOICES: dict[str, dict[str, str]] = {
    "task": {ANY: "Any task", **{name: task.title for name, task in TASKS.items()}},
    "cell": {ANY: "Any cell", **CELLS},
    "origin": {ANY: "Any origin", "own": "Own", "shipped": "Shipped"},
    "state": {ANY: "Any state", **{name: name for name in get_args(State)}},
}
LONGEST = 200  # characters of a search text


@dataclass(frozen=True)
class View:
    """One view of the Library page.

    Attributes:
        text: text to search for in titles, names, notes and tasks.
        task, cell, origin, state: filters; "any" for all.
        sort: the column that the table is sorted by; with a leading "-" in descending order.
        open: kind and name of the run whose details are shown, as in "zoo/rosenbrock-gru64"; "" for none.
        theme: "light", "dark" or "auto".
    """

    text: str
    task: str
    cell: str
    origin: str
    state: str
    sort: str
    open: str
    theme: str


def _read_text(text: str, so_far: Values) -> str:
    if len(text) > LONGEST:
        raise InputError(f"text must have at most {LONGEST} characters (got {len(text)})")
    return text


def _read_open(text: str, so_far: Values) -> str:
    kind, _, name = text.partition("/")
    if kind not in ("zoo", "own"):
        raise InputError(f"open must be zoo/NAME or own/NAME (got {text!r:.60})")
    find(kind, name)
    return text


def _filter(name: str) -> Field:
    return Field(lambda _: ANY, choice(name, CHOICES[name]), str)


FIELDS: dict[str, Field] = {
    "text": Field(lambda _: "", _read_text, str),
    **{name: _filter(name) for name in CHOICES},
    "sort": Field(lambda _: "-when", choice("order of the table", dict.fromkeys(SORTS)), str),
    "open": Field(lambda _: "", _read_open, str),
    "theme": THEME,
}

LINKS = Links(View, FIELDS)
parse = LINKS.parse
