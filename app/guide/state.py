"""Everything a view of the Guide can be, as one typed table: its link derives from it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from app import query as links
from app.query import Field, choice
from core.tasks import TASKS


@dataclass(frozen=True)
class View:
    """One view of the Guide.

    Attributes:
        task: whose optimizers the figures show.
        theme: "light", "dark" or "auto".
    """

    task: str
    theme: str


FIELDS: dict[str, Field] = {
    "task": Field(lambda _: next(iter(TASKS)), choice("task", TASKS), str),
    "theme": Field(lambda _: "auto", choice("theme", {"auto": 0, "light": 0, "dark": 0}), str),
}
assert list(FIELDS) == [field.name for field in fields(View)]


def parse(query: str | Mapping[str, str]) -> tuple[View, list[str]]:
    """The view a link asks for, and one sentence for everything in it that was wrong (and was left at its default)."""
    return links.parse(View, FIELDS, query)


def to_query(view: View, leave_out: tuple[str, ...] = ()) -> str:
    """The link of a view, without what is at its default: what `parse` reads back to the same view."""
    return links.to_query(view, FIELDS, leave_out)
