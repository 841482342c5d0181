"""The application in this process for what is asked of it, and as a process of its own for what is done to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.conftest import app, client, server
from tests.serving import Serving

__all__ = ["app", "client", "server"]


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    """The dashboard with a worker, in processes that can be killed."""
    made = Serving(tmp_path / "runs", tmp_path / "cache")
    made.start()
    made.wait()
    yield made
    made.close()
