"""The errors of this project, and helpers for one-sentence messages."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TypeVar, final

from pydantic import ValidationError

T = TypeVar("T")
LISTED = 10  # names at most in a message


class InputError(ValueError):
    """Bad input from outside: a command line, link, form, file or call.

    The message is one sentence that names the mistake and what is allowed; users see it unchanged.
    """


@final
class UnknownError(InputError):
    """Nothing has the requested name."""


@final
class ConflictError(InputError):
    """The request does not fit the current state."""


@final
class TooManyError(InputError):
    """A limit is reached now; later there may be room.

    Args:
        sentence: what is limited.
        after: seconds after which to try again.
    """

    def __init__(self, sentence: str, after: float = 5.0):
        super().__init__(sentence)
        self.after = after


class TrainingError(RuntimeError):
    """An outer training failed; the message is one sentence that says why."""


# What a training or a measurement may end in; anything else is a fault of the program around it.
FAILURES = (InputError, OSError, MemoryError, RuntimeError, ArithmeticError, LookupError, TypeError, ValueError)


def told(error: BaseException) -> str:
    """What went wrong, for whoever asked for it: the message, and the kind of error unless it was bad input."""
    return str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"


def choose(kind: str, name: object, table: dict[str, T]) -> T:
    """``table[name]``.

    Args:
        kind: the kind of thing, for the message ("task", "optimizer").
        name: the key.
        table: the valid keys and their values.

    Raises:
        InputError: the table lacks the name; the message lists its keys, or those of many that are most like it.
    """
    if not isinstance(name, str) or name not in table:
        listed = list(table)
        if len(listed) > LISTED:
            listed = get_close_matches(str(name)[:100], listed, LISTED, cutoff=0)
        others = f", or one of {len(table) - LISTED:,} others" if len(table) > LISTED else ""
        raise InputError(f"unknown {kind} {name!r}: choose one of {', '.join(listed)}{others}")
    return table[name]


def sentence(error: ValidationError, kinds: Iterable[str] = (), *, quote: bool = True) -> str:
    """A pydantic error as one plain sentence about the first invalid field.

    Args:
        error: the error.
        kinds: parts of a field's path that are left out.
        quote: whether to quote the value; not that of a file, which may be another one than it seems.
    """
    first = error.errors()[0]
    if first["type"] == "value_error" and not first["loc"]:
        return str(first["ctx"]["error"])
    field = ".".join(str(part) for part in first["loc"] if part not in set(kinds)) or "the value"
    field = field if quote else "".join(char for char in field[:80] if char.isprintable())
    if first["type"] == "extra_forbidden":
        return f"{field} is not a known setting"
    if first["type"] == "missing":
        return f"{field} is missing"
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{field} {message} (got {_shown(first['input'])})" if quote else f"{field} {message}"


def _shown(value: object) -> str:
    """A value in a message."""
    try:
        return f"{value!r:.60}"
    except ValueError:  # a whole number of thousands of digits
        return "a number of thousands of digits"
