"""The one way this project says that an input was wrong."""

from collections.abc import Iterable
from typing import TypeVar, final

from pydantic import ValidationError

T = TypeVar("T")


class InputError(ValueError):
    """Something that came from outside (command line, link, form, file) was wrong.

    The message is one sentence that says what was wrong and what is allowed; it is shown to the user as it is.
    """


@final
class UnknownError(InputError):
    """There is nothing of the name that was asked for."""


@final
class ConflictError(InputError):
    """What was asked does not fit the state that something is in."""


class TrainingError(RuntimeError):
    """An outer training came to no good end; the message is one sentence that says why."""


def choose(kind: str, name: object, table: dict[str, T]) -> T:
    """``table[name]``, or an `InputError` that lists what there is.

    Args:
        kind: what the name names, for the message ("task", "optimizer").
        name: the key asked for.
        table: what may be asked for.
    """
    if not isinstance(name, str) or name not in table:
        raise InputError(f"unknown {kind} {name!r}: choose one of {', '.join(table)}")
    return table[name]


def sentence(error: ValidationError, kinds: Iterable[str] = ()) -> str:
    """A pydantic error as one plain sentence, naming the first field that is wrong."""
    first = error.errors()[0]
    if first["type"] == "value_error" and not first["loc"]:
        return str(first["ctx"]["error"])
    field = ".".join(str(part) for part in first["loc"] if part not in set(kinds)) or "the value"
    if first["type"] == "extra_forbidden":
        return f"{field} is not a known setting"
    if first["type"] == "missing":
        return f"{field} is missing"
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{field} {message} (got {first['input']!r:.60})"
