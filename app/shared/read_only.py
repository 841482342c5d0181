"""Instances that change nothing: with LOPTSCOPE_READ_ONLY (``serve --read-only``) nothing can be trained, imported, changed or deleted."""

import os

from core.errors import InputError

VARIABLE = "LOPTSCOPE_READ_ONLY"
SENTENCE = "this instance is read-only: nothing can be trained, imported, changed or deleted here"


def read_only() -> bool:
    """Whether nothing may be changed.

    Raises:
        InputError: LOPTSCOPE_READ_ONLY is neither 0 nor 1.
    """
    value = os.environ.get(VARIABLE, "")
    if value not in ("", "0", "1"):
        raise InputError(f"{VARIABLE} must be 0 or 1 (got {value[:20]!r})")
    return value == "1"
