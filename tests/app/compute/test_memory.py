"""A server that has grown too large forgets what it keeps."""

import functools
import gc
import time

import pytest

from app.compute import memory
from app.compute.memory import MemoryWatch, few_arenas, own_memory, release_memory, settle_memory


def test_what_pages_keep_is_forgotten() -> None:
    kept = functools.cache(lambda number: [number])
    kept.__module__, other = "app.pages.made_up", functools.cache(lambda number: [number])
    before = kept(1), other(1)
    settle_memory()  # what is there by then is forgotten, too
    assert gc.get_freeze_count() > 10_000
    release_memory()
    assert kept(1) is not before[0] and other(1) is before[1]
    assert own_memory() > 2**20


def test_it_forgets_when_it_is_too_large_and_not_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    few_arenas()
    size, forgotten = [memory.LARGEST], []
    monkeypatch.setattr(memory, "LOOK_EVERY", 0.005)
    monkeypatch.setattr(memory, "own_memory", lambda: size[0])
    monkeypatch.setattr(memory, "release_memory", lambda: forgotten.append(1))
    watch = MemoryWatch()
    time.sleep(0.05)
    assert forgotten == []
    size[0] += 1
    until = time.monotonic() + 60
    while not forgotten and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.2)  # again and again it would have forgotten by now
    watch.stop()
    assert forgotten == [1]
