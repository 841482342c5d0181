"""Which tests run one after the other in the same process, and in what order: the longest first, so that no process waits at the end."""

from collections.abc import Sequence

import pytest
from xdist.scheduler import LoadScopeScheduling

# Folders whose tests share something costly: one server and one browser, or compiled code that only they need.
TOGETHER = ("tests/browser/", "tests/core/outer/")


def scope_of(nodeid: str) -> str:
    """Tests of one scope run in one process: those of a file, or of a folder that belongs together."""
    return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid.split("::", 1)[0])


def in_order(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """What belongs together first; the rest as it was."""
    return sorted(items, key=lambda item: TOGETHER.index(scope) if (scope := scope_of(item.nodeid)) in TOGETHER else 9)


class Scheduling(LoadScopeScheduling):
    """Gives each process one scope after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)
