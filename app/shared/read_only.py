"""Instances that change nothing: with LOPTSCOPE_READ_ONLY (``serve --read-only``) nothing can be trained, imported, changed or deleted."""

from core.environment import switched_on

VARIABLE = "LOPTSCOPE_READ_ONLY"
SENTENCE = "this instance is read-only: nothing can be trained, imported, changed or deleted here"


def read_only() -> bool:
    """Whether nothing may be changed.

    Raises:
        InputError: LOPTSCOPE_READ_ONLY is neither 0 nor 1.
    """
    return switched_on(VARIABLE, default=False)
