"""Settings in the environment."""

import os

from core.errors import InputError


def switched_on(variable: str, *, default: bool) -> bool:
    """Whether a setting that is 0 or 1 is 1.

    Args:
        variable: its name.
        default: what holds where it is not set, or empty.

    Raises:
        InputError: it is neither 0 nor 1.
    """
    value = os.environ.get(variable, "")
    if value not in ("", "0", "1"):
        raise InputError(f"{variable} must be 0 or 1 (got {value[:20]!r})")
    return default if value == "" else value == "1"
