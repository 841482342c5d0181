"""Parameters of tests of which some are always tested, and the others with `make check`."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def some_always(values: Iterable[Any], always: Collection[Any]) -> list[Any]:
    """All values (tuples of them for several parameters), those that are not among ``always`` marked as long."""
    parted = [(value, value if isinstance(value, tuple) else (value,)) for value in values]
    return [pytest.param(*parts, marks=[] if value in always else pytest.mark.long) for value, parts in parted]
