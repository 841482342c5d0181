"""Memory does not grow with what is asked: docs/deployment.md says how much the server and its processes take."""

import itertools
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.runs import zoo
from tests.serving import Serving

LARGEST = 1.3 * 2**30  # bytes at rest: 1.1 GB, and what a slow machine has not given back yet
SECONDS = 20.0
LEAST = 8  # views, however long they take
VIEWS = ("momentum", "clipping", "schedule", "adaptation")


def page(path: str, search: str) -> dict[str, Any]:
    """What a browser posts for the layout of a page."""
    outputs = [{"id": "_pages_content", "property": "children"}, {"id": "_pages_store", "property": "data"}]
    values = {"pathname": path, "search": search}
    return {
        "output": ".._pages_content.children..._pages_store.data..",
        "outputs": outputs,
        "inputs": [{"id": "_pages_location", "property": name, "value": value} for name, value in values.items()],
        "changedPropIds": ["_pages_location.pathname"],
    }


def pages() -> Iterator[dict[str, Any]]:
    """Ever new views of all small learned optimizers."""
    shipped = [entry for entry in zoo.entries() if entry.task != "two_moons"]
    for seed in itertools.count(1):
        for number, entry in enumerate(shipped):
            link = f"?task={entry.task}&optimizer={entry.name}"
            yield page("/", f"{link}&seed={seed}")
            yield page("/mechanisms", f"{link}&view={VIEWS[(seed + number) % len(VIEWS)]}")
            yield page("/distil", link)
            yield page("/performance", link)


@pytest.mark.long
def test_many_different_views_do_not_fill_the_memory(tmp_path: Path) -> None:
    serving = Serving(tmp_path / "runs", tmp_path / "cache", LOPTSCOPE_COMPUTE="2", LOPTSCOPE_WORKERS="0")
    serving.start()
    try:
        serving.wait()
        asked, lock, until = pages(), threading.Lock(), time.monotonic() + SECONDS
        statuses: list[int] = []

        def visit(visitor: str) -> None:
            while time.monotonic() < until or len(statuses) < LEAST:
                with lock:
                    body = next(asked)
                statuses.append(serving.answer("/_dash-update-component", visitor, body)[0])

        visitors = [threading.Thread(target=visit, args=(f"127.0.0.{number}",)) for number in range(2, 6)]
        for visitor in visitors:
            visitor.start()
        for visitor in visitors:
            visitor.join()
        took = serving.memory()
        print(json.dumps({"views": len(statuses), "megabytes": round(took / 2**20)}))
        assert set(statuses) == {200} and len(statuses) >= LEAST
        assert took < LARGEST, f"{took / 2**20:.0f} MiB after {len(statuses)} views"
    finally:
        serving.close()
