"""The fields of a Guide view as one typed table. Its links derive from it."""

from dataclasses import dataclass

from app.shared.fields import THEME
from app.shared.links import Field, Links, choice
from core.tasks import TASKS


@dataclass(frozen=True)
class View:
    """One view of the Guide.

    Attributes:
        task: the task whose optimizers the figures show.
        theme: "light", "dark" or "auto".
    """

    task: str
    theme: str


FIELDS: dict[str, Field] = {
    "task": Field(lambda _: next(iter(TASKS)), choice("task", TASKS), str),
    "theme": THEME,
}

LINKS = Links(View, FIELDS)
parse = LINKS.parse
to_query = LINKS.to_query
