"""Links from typed tables: reads a page's view from the part of an address after "?", and writes it.

A page has a frozen dataclass (its view) and a table with one `Field` for each entry. A field defines how it is read from a link,
how it is written, and its default, which may depend on the fields before it. A view at its defaults has an empty link.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar, final
from urllib.parse import parse_qsl, urlencode

from core.errors import InputError, choose

T = TypeVar("T")
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """How one entry of a view is read, written and defaulted.

    Attributes:
        default: its value if the link does not contain it, from the entries before it.
        read: its value, from its text in a link and the entries before it.
        write: its text, which `read` reads back.
        formerly: its name in older links, which are still read.
        needs: fields that it is about; where one of these was refused, it keeps its default.
    """

    default: Callable[[Values], Any]
    read: Callable[[str, Values], Any]
    write: Callable[[Any], str]
    formerly: str | None = None
    needs: tuple[str, ...] = ()


def whole(text: str) -> int | None:
    """A whole number written in at most nine ASCII digits, or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def choice(
    name: str, options: Mapping[str, Any], formerly: Mapping[str, str] | None = None
) -> Callable[[str, Values], str]:
    """A reader for one of a few names.

    Args:
        name: of the field, for the error message.
        options: the names.
        formerly: older names and the ones they stand for.
    """

    def read(text: str, so_far: Values) -> str:
        text = (formerly or {}).get(text, text)
        choose(name, text[:80], dict(options))
        return text

    return read


@final
class Links(Generic[T]):
    """A page's links.

    Args:
        view: the page's view, a dataclass.
        table: its fields, in the order of the view's entries.
        always: fields that are written into every link, at their defaults too.
        instead: links of other views of the page, by the entry that says that a link is one of theirs.
    """

    def __init__(
        self,
        view: type[T],
        table: Mapping[str, Field],
        always: tuple[str, ...] = (),
        instead: "Mapping[str, Links[Any]] | None" = None,
    ):
        assert list(table) == [field.name for field in fields(view)]  # type: ignore[arg-type]
        self._view = view
        self._table = table
        self._always = always
        self._instead = instead or {}
        self._formerly = {field.formerly: name for name, field in table.items() if field.formerly is not None}

    def parse(self, query: str | Mapping[str, str]) -> tuple[T, list[str]]:
        """The view of a link, and one sentence for each invalid entry (which keeps its default).

        Args:
            query: the part of a link after "?", or its entries.
        """
        entries = (
            dict(parse_qsl(query.removeprefix("?"), keep_blank_values=True)) if isinstance(query, str) else dict(query)
        )
        for name, other in self._instead.items():
            if name in entries:
                return other.parse(entries)
        given = {self._formerly.get(name, name): text for name, text in entries.items()}
        values: dict[str, Any] = {}
        wrong = [
            f"{name[:40]!r} is not part of a view: {', '.join(self._table)}"
            for name in given
            if name not in self._table
        ]
        refused: set[str] = set()
        for name, field in self._table.items():
            values[name] = field.default(values)
            if name in given and refused.isdisjoint(field.needs):
                try:
                    values[name] = field.read(given[name], values)
                except InputError as error:
                    refused.add(name)
                    wrong.append(str(error))
        return self._view(**values), wrong

    def writes(self, view: object) -> bool:
        """Whether a view is one of these links'."""
        return isinstance(view, self._view)

    def written_defaults(self, names: Iterable[str]) -> dict[str, str]:
        """The defaults of fields that do not depend on other fields, as text."""
        return {name: self._table[name].write(self._table[name].default({})) for name in names}

    def to_query(self, view: T, leave_out: tuple[str, ...] = ()) -> str:
        """The link of a view, without entries at their defaults. `parse` reads it back to the same view."""
        for other in self._instead.values():
            if other.writes(view):
                return other.to_query(view, leave_out)
        values: dict[str, Any] = {}
        written = []
        for name, field in self._table.items():
            value = getattr(view, name)
            if (name in self._always or value != field.default(values)) and name not in leave_out:
                written.append((name, field.write(value)))
            values[name] = value
        return urlencode(written, safe=",@:;=")
