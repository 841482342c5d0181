"""Which tests run one after the other in the same process, and in what order: the longest first, so that no process waits at the end."""

from collections.abc import Sequence

import pytest
from xdist.scheduler import LoadScopeScheduling

# Tests in a browser wait much and compute little, and every process has a server and a browser for them: they come first, so that both
# processes share them, and the many short files fill what is left.
FIRST = "tests/browser/"
# Folders whose tests share something costly: compiled code that only they need.
TOGETHER = ("tests/core/outer/",)


def scope_of(nodeid: str) -> str:
    """Tests of one scope run in one process: those of a file, or of a folder that belongs together."""
    return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid.split("::", 1)[0])


def in_order(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Those in a browser first, then what belongs together; the rest as it was."""
    return sorted(
        items, key=lambda item: 0 if item.nodeid.startswith(FIRST) else 1 if scope_of(item.nodeid) in TOGETHER else 2
    )


class Scheduling(LoadScopeScheduling):
    """Gives each process one scope after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)
